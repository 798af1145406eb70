// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Locks
{
    public static readonly object Gate = new();
}

class Work
{
    [GuardedBy("Work")] int _a; // KS9001
    [GuardedBy("Locks")] int _b; // KS9001
    [GuardedBy("Locks.Gate")] int _c;
}
