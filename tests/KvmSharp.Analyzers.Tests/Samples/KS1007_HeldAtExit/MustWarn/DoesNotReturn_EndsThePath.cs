// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Diagnostics.CodeAnalysis;

class Work
{
    readonly KMutex _mu = new();

    [DoesNotReturn]
    static void Panic() => throw new InvalidOperationException();

    void A(int x)
    {
        _mu.Lock();
        if (x == 0)
        {
            Panic();
        }

        _mu.Unlock();
    }

    void B(int x)
    {
        _mu.Lock();
        Panic();
    }

    void C()
    {
        _mu.Lock();
    } // KS1007
}
