// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void M()
    {
        var inner = [MustHold("_mu")] () => { _x++; };
        inner(); // KS1003
        _mu.Lock();
        inner();
        _mu.Unlock();
    }
}
