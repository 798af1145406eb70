// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    static bool IS_ERR(object? value) => value is null;

    static int PTR_ERR(object? value) => -1;

    [ErrorPointer]
    static string Open() => "";

    int A()
    {
        string s = Open();
        if (IS_ERR(s))
            return s.Length; // KS4002
        return s.Length;
    }

    int B()
    {
        string s = Open();
        if (IS_ERR(s))
            return PTR_ERR(s);
        return 0;
    }

    void C()
    {
        string s = Open();
        if (IS_ERR(s))
            Use(s); // KS4002
    }
}
