// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    static void A([ConsumesReference] Obj obj)
    {
        obj.Touch();
    } // KS2001

    static void B([ConsumesReference] Obj obj, int x)
    {
        if (x == 0)
            return; // KS2001
        obj.Put();
    }

    static void C([ConsumesReference] Obj obj) => obj.Put();

    static void D([ConsumesReference] Obj obj) => C(obj);
}
