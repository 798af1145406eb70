// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ContextLock(Reentrant = true)]
sealed class Again
{
    [Acquires("this")]
    public void Lock()
    {
    }

    [Releases("this")]
    public void Unlock()
    {
    }

    [AcquiresShared("this")]
    public void LockShared()
    {
    }

    [ReleasesShared("this")]
    public void UnlockShared()
    {
    }
}

class Owner
{
    readonly Again _a = new();

    void AssigningTheVariableForgetsTheLock(bool b)
    {
        if (b)
            _a.Lock();
        b = !b; // KS1009
    }

    void ABooleanTellsNoDepths(bool b)
    {
        _a.Lock();
        if (b) // KS1009
            _a.Lock();
        _a.Unlock();
    }

    void ABooleanTellsNoModes(bool write)
    {
        if (write) // KS1009
            _a.Lock();
        else
            _a.LockShared();
    }

    void NegatingSomethingElseIsFine(bool b, bool c)
    {
        if (b)
            _a.Lock();
        c = !c;
        if (b && c)
            _a.Unlock();
        else if (b)
            _a.Unlock();
    }
}
