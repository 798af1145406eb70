// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    Obj? _cache;

    void A()
    {
        Obj a = MakeObj();
        a = new Obj(); // KS2005
        _cache = a;
    }
}
