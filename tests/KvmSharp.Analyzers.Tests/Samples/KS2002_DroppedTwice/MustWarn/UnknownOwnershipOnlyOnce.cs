// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    Obj? _field;

    void A()
    {
        Obj obj = _field!;
        obj.Put();
        obj.Put(); // KS2002
    }

    void B()
    {
        _field!.Put();
        _field.Put(); // KS2002
    }

    void C(Obj next)
    {
        _field!.Put();
        _field = MakeObj();
        _field.Touch();
    }
}
