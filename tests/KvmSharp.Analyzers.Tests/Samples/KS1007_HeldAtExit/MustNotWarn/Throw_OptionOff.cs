// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.exceptional_exits = off
class Work
{
    readonly KMutex _mu = new();

    void A(int x)
    {
        _mu.Lock();
        if (x < 0)
            throw new ArgumentException("x");
        _mu.Unlock();
    }
}
