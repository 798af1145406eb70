// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.negative_contracts = true
class Work
{
    readonly KMutex _mu = new();

    [MustNotHold("_mu")]
    void Slow()
    {
    }

    [MustNotHold("_mu")]
    void Proven() => Slow();

    void AfterUnlock()
    {
        _mu.Lock();
        Slow(); // KS1004
        _mu.Unlock();
    }
}
