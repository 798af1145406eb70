// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Page
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public int Flags;
}

[MustHold("page.Mu")]
delegate int PageFunc(Page page);

class Work
{
    readonly PageFunc _func = p => p.Flags;

    PageFunc Make() => (Page q) =>
    {
        q.Flags++;
        return q.Flags;
    };

    int Call(Page page)
    {
        page.Mu.Lock();
        int flags = _func(page);
        page.Mu.Unlock();
        return flags;
    }
}
