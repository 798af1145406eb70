// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Spin _spin = new();

    void A()
    {
        _spin.Lock();
        Schedule(); // KS1011
        _spin.Unlock();
        Schedule();
    }

    [MustHold("_spin")]
    void B() => Schedule(); // KS1011
}
