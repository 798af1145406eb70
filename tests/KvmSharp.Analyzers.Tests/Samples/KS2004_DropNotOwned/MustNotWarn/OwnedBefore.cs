// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Obj obj)
    {
        obj.Get();
        obj.Put();
    }

    static void B([ConsumesReference] Obj obj) => obj.Put();

    void C(Obj obj)
    {
        obj.Get();
        B(obj);
    }
}
