// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Page
{
    public readonly KMutex Mu = new();
}

static class PageExtensions
{
    [MustHold("page.Mu")]
    public static void Clean(this Page page)
    {
    }
}

class User
{
    void M(Page p)
    {
        p.Clean(); // KS1003
        PageExtensions.Clean(p); // KS1003
        p.Mu.Lock();
        p.Clean();
        PageExtensions.Clean(p);
        p.Mu.Unlock();
    }
}
