// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Page
{
    public readonly KMutex Mu = new();
}

static class PageExtensions
{
    extension(Page page)
    {
        [MustHold("page.Mu")]
        public void Clean()
        {
        }

        [MustHold("page.Mu")]
        public int Weight => 1;
    }
}

class User
{
    void M(Page p)
    {
        p.Clean(); // KS1003
        PageExtensions.Clean(p); // KS1003
        UseInt(p.Weight); // KS1003
        p.Mu.Lock();
        p.Clean();
        PageExtensions.Clean(p);
        UseInt(p.Weight);
        p.Mu.Unlock();
    }
}
