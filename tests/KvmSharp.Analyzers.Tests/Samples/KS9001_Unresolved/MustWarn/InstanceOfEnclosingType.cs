// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Outer
{
    readonly KMutex _mu = new();
    static readonly KMutex Static = new();

    class Inner
    {
        [GuardedBy("_mu")] int _x; // KS9001
        [GuardedBy("Static")] int _y;
    }
}
