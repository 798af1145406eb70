// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

interface ILockable
{
    KMutex Mu { get; }

    [Acquires("Mu")]
    void Begin();

    [Releases("Mu")]
    void End();

    void Nothing();
}

class Thing : ILockable
{
    public KMutex Mu { get; } = new();

    [Acquires("Mu")]
    public void Begin() => Mu.Lock();

    [MustHold("Mu")]
    public void End() // KS9003
    {
    }

    [Acquires("Mu")]
    public void Nothing() => Mu.Lock(); // KS9003
}
