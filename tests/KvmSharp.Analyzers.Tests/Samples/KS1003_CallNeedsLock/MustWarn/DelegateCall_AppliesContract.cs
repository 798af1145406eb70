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
    readonly PageOp _op;

    public Work(PageOp op) => _op = op;

    void M(Page page)
    {
        _op(page); // KS1003
        _op.Invoke(page); // KS1003
        page.Mu.Lock();
        _op(page);
        page.Mu.Unlock();
    }
}
