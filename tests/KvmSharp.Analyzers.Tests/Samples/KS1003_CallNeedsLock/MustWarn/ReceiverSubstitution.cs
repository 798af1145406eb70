// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Queue
{
    public readonly KMutex Mu = new();
    public readonly Queue? Other;

    [MustHold("Mu")]
    public void Push()
    {
    }
}

class User
{
    readonly Queue _a = new();
    readonly Queue _b = new();

    void M()
    {
        _a.Mu.Lock();
        _a.Push();
        _b.Push(); // KS1003
        _a.Other!.Push(); // KS1003
        _a.Mu.Unlock();
    }
}
