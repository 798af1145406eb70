// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Tree
{
    [AcquiredBefore("_inner")]
    readonly KMutex _outer = new();

    readonly KMutex _inner = new();

    [AcquiredAfter("_inner")]
    readonly KMutex _leaf = new();

    void Right()
    {
        _outer.Lock();
        _inner.Lock();
        _leaf.Lock();
        _leaf.Unlock();
        _inner.Unlock();
        _outer.Unlock();
    }

    void Wrong()
    {
        _inner.Lock();
        _outer.Lock(); // KS1010
        _outer.Unlock();
        _inner.Unlock();
    }

    void Transitive()
    {
        _leaf.Lock();
        if (_outer.TryLock()) // KS1010
            _outer.Unlock();
        _leaf.Unlock();
    }

    [MustHold("_inner")]
    void ByContract()
    {
        using (new MutexGuard(_outer)) // KS1010
        {
        }
    }

    void PerDeclaration(Tree other)
    {
        other._inner.Lock();
        _outer.Lock(); // KS1010
        _outer.Unlock();
        other._inner.Unlock();
    }

    void Asserted()
    {
        _inner.AssertHeld();
        _outer.AssertHeld();
    }

    void SameTwice(Tree other)
    {
        _inner.Lock();
        other._inner.Lock();
        other._inner.Unlock();
        _inner.Unlock();
    }
}
