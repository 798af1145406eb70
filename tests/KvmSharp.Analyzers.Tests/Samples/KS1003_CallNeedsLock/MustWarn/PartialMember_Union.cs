// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

partial class Work
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();

    [MustHold("_a")]
    partial void Both();

    void M()
    {
        _a.Lock();
        Both(); // KS1003
        _a.Unlock();
    }

    void N()
    {
        _a.Lock();
        _b.Lock();
        Both();
        _b.Unlock();
        _a.Unlock();
    }
}

partial class Work
{
    [MustHold("_b")]
    partial void Both()
    {
    }
}
