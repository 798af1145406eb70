// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class File
{
    public int Size;
    public bool IsError => false;

    public void Touch()
    {
    }
}

static class Err
{
    public static bool IS_ERR(object? o) => false;

    public static bool IS_ERR_OR_NULL(object? o) => false;

    public static int PTR_ERR(object? o) => 0;

    [ErrorPointer]
    public static File? ERR_CAST(object? o) => null;
}

class Work
{
    [ErrorPointer]
    static File? Open(int key) => null;

    void A()
    {
        File f = Open(1)!;
        f.Touch(); // KS4002
        if (Err.IS_ERR(f))
            return;
        f.Touch();
    }

    void B()
    {
        File f = Open(1)!;
        if (f == null)
            return;
        UseInt(f.Size); // KS4002
    }

    int C()
    {
        File f = Open(1)!;
        if (Err.IS_ERR(f))
            return Err.PTR_ERR(f);
        UseInt(f.Size);
        return 0;
    }

    File? D() => Open(1); // KS4002

    [ErrorPointer]
    File? E() => Open(1);

    void F()
    {
        Use(Open(1)); // KS4002
        File f = Open(2)!;
        if (f.IsError)
            f.Touch(); // KS4002
        else
            f.Touch();
    }

    [ErrorPointer]
    File? G()
    {
        File f = Open(1)!;
        if (Err.IS_ERR(f))
            return Err.ERR_CAST(f);
        return f;
    }

    void H()
    {
        File? f = Open(1);
        if (Err.IS_ERR_OR_NULL(f))
            return;
        f!.Touch();
        f = Open(2);
        f!.Touch(); // KS4002
    }

    void I(bool b)
    {
        File f = Open(1)!;
        if (!Err.IS_ERR(f) && f.Size > 0)
            f.Touch();
    }
}
