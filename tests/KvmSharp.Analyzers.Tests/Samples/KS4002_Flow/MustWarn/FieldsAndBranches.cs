// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Files
{
    static bool IS_ERR(object? value) => value is null;

    [ErrorPointer]
    static string Open() => "";

    int A(bool test)
    {
        string file = Open();
        if (test && IS_ERR(file))
            return -1;
        return file.Length; // KS4002
    }

    int B()
    {
        string file = Open();
        bool bad = IS_ERR(file);
        if (bad)
            return -1;
        return file.Length;
    }

    int C()
    {
        string file = Open();
        if (!IS_ERR(file))
        {
            return file.Length;
        }

        return file.Length; // KS4002
    }
}
