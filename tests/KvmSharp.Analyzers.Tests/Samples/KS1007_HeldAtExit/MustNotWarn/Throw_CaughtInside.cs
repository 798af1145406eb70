// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    void A()
    {
        try
        {
            _mu.Lock();
            throw new InvalidOperationException();
        }
        catch (Exception)
        {
            _mu.Unlock();
        }
    }
}
