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
        return s.Length; // KS4002
    }

    void B()
    {
        string s = Open();
        Use(s); // KS4002
    }

    string C()
    {
        string s = Open();
        return s; // KS4002
    }

    int D() => Open().Length; // KS4002

    char E()
    {
        string s = Open();
        return s[0]; // KS4002
    }
}
