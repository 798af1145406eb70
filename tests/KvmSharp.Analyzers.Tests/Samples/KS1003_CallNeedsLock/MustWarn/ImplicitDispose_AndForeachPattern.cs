// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Big
{
    public static readonly KMutex Mu = new();
}

sealed class Handle : IDisposable
{
    [MustHold("Big.Mu")]
    public void Close()
    {
    }

    public void Dispose()
    {
    }
}

class Seq
{
    [MustHold("Big.Mu")]
    public List<int>.Enumerator GetEnumerator() => new List<int>().GetEnumerator();
}

class User
{
    void A(Seq seq)
    {
        foreach (int x in seq) // KS1003
            UseInt(x);
    }

    void B(Seq seq)
    {
        Big.Mu.Lock();
        foreach (int x in seq)
            UseInt(x);
        Big.Mu.Unlock();
    }

    void C(Handle h) => h.Close(); // KS1003
}
