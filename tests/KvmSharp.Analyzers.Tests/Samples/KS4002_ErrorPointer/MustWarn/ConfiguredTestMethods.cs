// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.errptr_test_methods = HasFailed
class Work
{
    static bool HasFailed(object? value) => value is null;

    [ErrorPointer]
    static string Open() => "";

    int A()
    {
        string s = Open();
        if (HasFailed(s))
            return -1;
        return s.Length;
    }

    int B()
    {
        string s = Open();
        return s.Length; // KS4002
    }
}
