// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Page
{
    public readonly KMutex Mu = new();
}

class Work
{
    [MustHold("page.Mu")]
    static void Clean(Page? page)
    {
    }

    static Page Find() => new();

    void M(Page p)
    {
        p.Mu.Lock();
        Clean(null); // KS1003
        Clean(Find()); // KS1003
        Clean(p);
        p.Mu.Unlock();
    }
}
