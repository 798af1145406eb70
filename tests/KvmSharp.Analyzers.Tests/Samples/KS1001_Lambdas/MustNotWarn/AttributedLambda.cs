// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;
    Func<int>? _later;

    void A()
    {
        var get = [MustHold("_mu")] () => _x;
        _mu.Lock();
        UseInt(get());
        _mu.Unlock();
    }
}
