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
        int n = s.Length; // KS4002
        if (IS_ERR(s))
            return -1;
        return n;
    }

    int B(int x)
    {
        string s = Open();
        if (x > 3 && IS_ERR(s))
            return -1;
        return s.Length; // KS4002
    }
}
