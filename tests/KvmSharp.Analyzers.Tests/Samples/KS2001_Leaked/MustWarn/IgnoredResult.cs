// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        MakeObj(); // KS2001
        FindObj(1); // KS2001
        new Obj(); // KS2001
    }

    int B() => MakeObj().Size; // KS2001
}
