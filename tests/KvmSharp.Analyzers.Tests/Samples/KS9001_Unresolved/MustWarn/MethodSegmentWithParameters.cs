// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    public readonly KMutex Mu = new();

    public KMutex Get(int i) => Mu;

    public KMutex Get2() => Mu;
}

class Work
{
    readonly Holder _holder = new();

    [GuardedBy("_holder.Get()")] int _a; // KS9001
    [GuardedBy("_holder.Get2()")] int _b;
}
