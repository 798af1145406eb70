// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Inner
{
    public readonly KMutex Mu = new();
}

class Outer
{
    readonly Inner _a = new();
    readonly Inner _b = new();

    [MustHold("_a.Mu")]
    void Need()
    {
    }

    void M()
    {
        _b.Mu.Lock();
        Need(); // KS1003
        _b.Mu.Unlock();
        _a.Mu.Lock();
        Need();
        _a.Mu.Unlock();
    }
}
