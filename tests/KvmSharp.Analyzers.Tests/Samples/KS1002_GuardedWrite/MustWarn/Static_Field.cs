// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Stats
{
    static readonly object Gate = new();
    [GuardedBy("Gate")] static int _hits;

    public static void Hit() => _hits++; // KS1002

    public static void HitLocked()
    {
        lock (Gate)
            _hits++;
    }
}
