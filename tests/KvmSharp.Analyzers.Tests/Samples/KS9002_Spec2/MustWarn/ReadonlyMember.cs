// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Threading;

[ContextLock]
struct Mut
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

struct Holder
{
    Mut _mu; // KS9002
    Mut _fine;

    readonly void A()
    {
        _mu.Lock();
        _mu.Unlock();
    }

    void B()
    {
        _fine.Lock();
        _fine.Unlock();
    }
}
