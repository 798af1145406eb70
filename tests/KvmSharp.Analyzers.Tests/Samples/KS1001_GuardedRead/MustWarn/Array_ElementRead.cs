// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Buckets
{
    readonly object _gate = new();
    [GuardedBy("_gate")] readonly int[] _slots = new int[8];

    int At(int i) => _slots[i]; // KS1001

    int Length() => _slots.Length; // KS1001

    int Locked(int i)
    {
        lock (_gate)
            return _slots[i] + _slots.Length;
    }
}
