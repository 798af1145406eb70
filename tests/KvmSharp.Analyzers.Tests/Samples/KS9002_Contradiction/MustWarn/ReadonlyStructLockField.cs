// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ContextLock]
struct StructLock
{
    [Acquires("this")]
    public void Lock()
    {
    }

    [Releases("this")]
    public void Unlock()
    {
    }
}

class Work
{
    readonly StructLock _never; // KS9002
    StructLock _fine;

    void M()
    {
        _fine.Lock();
        _fine.Unlock();
    }
}

class Net
{
    readonly SpinLock _spin; // KS9002
    SpinLock _ok;
}
