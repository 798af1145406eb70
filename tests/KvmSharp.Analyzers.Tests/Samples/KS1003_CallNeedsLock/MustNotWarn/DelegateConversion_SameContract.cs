// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Page
{
    public readonly KMutex Mu = new();
}

[MustHold("page.Mu")]
delegate void PageOp(Page page);

class Work
{
    [MustHold("p.Mu")]
    static void Clean(Page p)
    {
    }

    static void Free(Page p)
    {
    }

    void M(Page page)
    {
        PageOp op = Clean;
        page.Mu.Lock();
        op(page);
        page.Mu.Unlock();
        PageOp other = Free;
        page.Mu.Lock();
        other(page);
        page.Mu.Unlock();
    }
}
