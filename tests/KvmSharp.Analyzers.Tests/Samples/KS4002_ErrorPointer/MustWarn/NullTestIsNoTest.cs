// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    static bool IS_ERR(object? value) => value is null;

    [ErrorPointer]
    static string Open() => "";

    int A()
    {
        string s = Open();
        if (s == null)
            return 0;
        return s.Length; // KS4002
    }

    int B()
    {
        string s = Open();
        if (IS_ERR(s))
            return 0;
        return s.Length;
    }
}
