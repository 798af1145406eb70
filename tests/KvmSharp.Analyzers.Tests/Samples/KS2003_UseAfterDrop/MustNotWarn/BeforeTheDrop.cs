// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A()
    {
        Obj obj = MakeObj();
        int size = obj.Size;
        obj.Put();
        return size;
    }

    void B()
    {
        Obj obj = MakeObj();
        obj.Put();
        if (obj == null)
            return;
        obj = MakeObj();
        obj.Touch();
        obj.Put();
    }

    void C()
    {
        Obj obj = MakeObj();
        obj.Get();
        obj.Put();
        obj.Touch();
        obj.Put();
    }
}
