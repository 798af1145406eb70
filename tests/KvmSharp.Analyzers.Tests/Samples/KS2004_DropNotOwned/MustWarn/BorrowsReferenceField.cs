// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    [BorrowsReference] Obj? _cursor;
    Obj? _owned;

    void A()
    {
        Obj obj = _cursor!;
        obj.Put(); // KS2004
    }

    void B()
    {
        Obj obj = _owned!;
        obj.Put();
    }
}
