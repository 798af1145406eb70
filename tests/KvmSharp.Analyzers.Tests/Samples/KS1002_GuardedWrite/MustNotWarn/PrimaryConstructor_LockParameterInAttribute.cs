// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Meter(object gate)
{
    [GuardedBy("gate")] int _count;

    public void Hit()
    {
        lock (gate)
        {
            _count++;
        }
    }

    [MustHold("gate")]
    void HitLocked() => _count++;
}
