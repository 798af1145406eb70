// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Store
{
    [return: ReturnsReference]
    [ContextUnsafe("implementation")]
    public static Obj Open() => new();

    void A()
    {
        Obj obj = Open();
        obj.Touch();
    } // KS2001

    void B()
    {
        Obj obj = Open();
        obj.Put();
    }
}
