// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// broken
class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A()
    {
        _mu.Lock(
        if (
    }

    [MustHold(]
    void B()
    {
        lock (
    }

    [GuardedBy]
    int _y

    void C(Missing m) => m.Nope(_zip).
}
