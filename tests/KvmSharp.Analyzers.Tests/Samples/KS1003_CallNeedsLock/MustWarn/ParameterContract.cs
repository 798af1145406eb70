// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Page
{
    public readonly KMutex Mu = new();
}

class Mapper
{
    [MustHold("page.Mu")]
    static void Map(Page page)
    {
    }

    static void A(Page a, Page b)
    {
        a.Mu.Lock();
        Map(a);
        Map(b); // KS1003
        a.Mu.Unlock();
    }

    static void B(Page a) => Map(page: a); // KS1003
}
