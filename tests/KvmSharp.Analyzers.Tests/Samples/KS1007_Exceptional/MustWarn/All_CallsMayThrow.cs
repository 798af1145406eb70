// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.exceptional_exits = all
class Work
{
    readonly KMutex _mu = new();

    void Explicit(int x)
    {
        _mu.Lock();
        if (x < 0)
            throw new ArgumentException("x"); // KS1007
        _mu.Unlock();
    }
}
