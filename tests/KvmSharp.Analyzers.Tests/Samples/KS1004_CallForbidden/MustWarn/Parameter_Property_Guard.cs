// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Page
{
    public readonly KMutex Mu = new();
}

class Work
{
    [MustNotHold("page.Mu")]
    static void Wait(Page page)
    {
    }

    readonly KMutex _mu = new();

    [MustNotHold("_mu")]
    public int Level => 1;

    void A(Page a, Page b)
    {
        a.Mu.Lock();
        Wait(b);
        Wait(a); // KS1004
        a.Mu.Unlock();
    }

    void B()
    {
        using (new MutexGuard(_mu))
        {
            UseInt(Level); // KS1004
        }

        UseInt(Level);
    }
}
