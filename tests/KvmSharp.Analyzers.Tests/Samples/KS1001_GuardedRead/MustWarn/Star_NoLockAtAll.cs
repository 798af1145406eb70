// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Any
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();
    [GuardedBy("*")] int _x;

    int None() => _x; // KS1001

    int A()
    {
        _a.Lock();
        int x = _x;
        _a.Unlock();
        return x + _x; // KS1001
    }

    int B()
    {
        _b.Lock();
        int x = _x;
        _b.Unlock();
        return x;
    }
}
