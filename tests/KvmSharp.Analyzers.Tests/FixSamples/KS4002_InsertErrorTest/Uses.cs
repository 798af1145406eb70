// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Files
{
    static bool IS_ERR(object? value) => value is null;

    static int PTR_ERR(object? value) => -1;

    [ErrorPointer]
    static string Open() => "";

    int A()
    {
        string file = Open();
        return file.Length; // keep: length
    }

    void B()
    {
        string file = Open();
        Use(file);
    }

    string C()
    {
        string file = Open();
        return file;
    }

    int D() => Open().Length;

    int E(bool x)
    {
        string file = Open();
        if (x)
            return file.Length;
        return 0;
    }
}
// ==== fixed
class Files
{
    static bool IS_ERR(object? value) => value is null;

    static int PTR_ERR(object? value) => -1;

    [ErrorPointer]
    static string Open() => "";

    int A()
    {
        string file = Open();
        if (IS_ERR(file))
            return PTR_ERR(file);
        return file.Length; // keep: length
    }

    void B()
    {
        string file = Open();
        if (IS_ERR(file))
            return;
        Use(file);
    }

    string C()
    {
        string file = Open();
        if (IS_ERR(file))
            throw new InvalidOperationException();
        return file;
    }

    int D()
    {
        string value = Open();
        if (IS_ERR(value))
            return PTR_ERR(value);
        return value.Length;
    }

    int E(bool x)
    {
        string file = Open();
        if (x)
        {
            if (IS_ERR(file))
                return PTR_ERR(file);
            return file.Length;
        }
        return 0;
    }
}
