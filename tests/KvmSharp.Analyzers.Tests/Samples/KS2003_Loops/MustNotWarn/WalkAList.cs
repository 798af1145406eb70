// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    [ReturnsReference]
    [ContextUnsafe("implementation")]
    static Obj? Next([ConsumesReference] Obj? obj) => null;

    void A()
    {
        Obj? obj = FindObj(1);
        while (obj != null)
        {
            obj.Touch();
            obj = Next(obj);
        }
    }
}
