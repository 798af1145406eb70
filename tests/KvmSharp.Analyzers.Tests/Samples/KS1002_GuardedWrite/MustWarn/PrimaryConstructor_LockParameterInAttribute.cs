// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Meter(object gate)
{
    [GuardedBy("gate")] int _count;

    public void Hit() => _count++; // KS1002

    [MustHold("gate")]
    void HitLocked() => _count++;

    void Call() => HitLocked(); // KS1003
}
