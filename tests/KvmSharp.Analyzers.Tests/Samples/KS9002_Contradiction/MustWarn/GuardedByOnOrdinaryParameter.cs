// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void M([GuardedBy("_mu")] int x) // KS9002
    {
    }
}

class Fine(KMutex mu, [GuardedBy("mu")] int x)
{
    int Read()
    {
        mu.Lock();
        int value = x;
        mu.Unlock();
        return value;
    }
}
