// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    [Acquires("*")]
    [ContextUnsafe("stops the world")]
    static void Stop()
    {
    }

    [Releases("*")]
    [ContextUnsafe("starts the world")]
    static void Start()
    {
    }

    [MustHold("_mu")]
    void Need()
    {
    }

    void A()
    {
        Stop();
        _x = 1;
        UseInt(_x);
        Need();
        Start();
    }
}
