// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    Obj? _field;

    [BorrowsReference]
    Obj Peek() => _field!;

    Obj Plain() => _field!;

    void A()
    {
        Obj obj = Peek();
        obj.Put(); // KS2004
    }

    void B()
    {
        Obj obj = Plain();
        obj.Put(); // KS2004
    }
}
