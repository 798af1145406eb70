// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    [BorrowsReference] Obj? _cursor;

    void A()
    {
        Obj obj = MakeObj();
        _cursor = obj;
    } // KS2001

    void B()
    {
        Obj obj = MakeObj();
        _cursor = obj;
        _cursor = null;
        obj.Put();
    }
}
