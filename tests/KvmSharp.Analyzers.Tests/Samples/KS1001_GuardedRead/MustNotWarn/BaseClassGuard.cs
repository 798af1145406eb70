// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Base
{
    protected readonly KMutex Mu = new();
    [GuardedBy("Mu")] protected int X;
}

class Derived : Base
{
    int Read()
    {
        Mu.Lock();
        int x = X + base.X + this.X;
        base.Mu.Unlock();
        return x;
    }
}
