// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(int key)
    {
        Obj? obj = FindObj(key);
        obj?.Put();
        obj = null;
        obj?.Put();
    }

    static void Sink([ConsumesReference] Obj? obj) => obj?.Put();

    void B()
    {
        Sink(null);
    }
}
