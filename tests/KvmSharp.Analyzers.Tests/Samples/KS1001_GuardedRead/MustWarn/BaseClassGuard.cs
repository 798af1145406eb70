// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Base
{
    protected readonly KMutex Mu = new();
    [GuardedBy("Mu")] protected int X;
}

class Derived : Base
{
    int Read() => X; // KS1001

    int Other(Derived other)
    {
        Mu.Lock();
        int x = other.X; // KS1001
        Mu.Unlock();
        return x;
    }
}
