// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    static void Sink([ConsumesReference] Obj obj) => obj.Put();

    void A()
    {
        Obj obj = MakeObj();
        Sink(obj);
        obj.Touch(); // KS2003
    }
}
