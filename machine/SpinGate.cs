// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using KvmSharp.Annotations;

namespace KvmSharp.Machine;

// A host spin lock for the model's own bookkeeping: held for a few instructions, never across a simulated step.
[ContextLock]
internal struct SpinGate
{
    private int _taken;

    [Acquires("this")]
    [ContextUnsafe("the primitive itself")]
    public void Enter()
    {
        if (Interlocked.CompareExchange(ref _taken, 1, 0) == 0)
            return;
        SpinWait spin = default;
        do
            spin.SpinOnce(-1);
        while (Volatile.Read(ref _taken) != 0 || Interlocked.CompareExchange(ref _taken, 1, 0) != 0);
    }

    [Releases("this")]
    [ContextUnsafe("the primitive itself")]
    public void Exit() => Volatile.Write(ref _taken, 0);
}
