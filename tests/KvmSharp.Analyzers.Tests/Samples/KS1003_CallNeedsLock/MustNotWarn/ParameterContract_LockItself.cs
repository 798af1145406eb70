// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Ops1
{
    [MustHold("mu")]
    static void Work(KMutex mu)
    {
    }

    [MustHold("gate")]
    static void Work2(object gate, int n = 1)
    {
    }

    readonly KMutex _mu = new();
    readonly object _gate = new();

    void A()
    {
        _mu.Lock();
        Work(_mu);
        Work(mu: this._mu);
        _mu.Unlock();
        lock (_gate)
            Work2(n: 2, gate: _gate);
    }
}
