// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    static bool IS_ERR(object? value) => value is null;

    static bool IS_ERR_OR_NULL(object? value) => value is null;

    static int PTR_ERR(object? value) => -1;

    [ErrorPointer]
    static string Open() => "";

    int A()
    {
        string s = Open();
        if (IS_ERR(s))
            return PTR_ERR(s);
        return s.Length;
    }

    int B()
    {
        string s = Open();
        if (!IS_ERR_OR_NULL(s))
            return s.Length;
        return 0;
    }

    [ErrorPointer]
    string C()
    {
        string s = Open();
        return s;
    }

    [ErrorPointer]
    string D() => Open();

    [ErrorPointer]
    string E()
    {
        string s = Open();
        if (IS_ERR(s))
            return s;
        Use(s);
        return s;
    }
}
