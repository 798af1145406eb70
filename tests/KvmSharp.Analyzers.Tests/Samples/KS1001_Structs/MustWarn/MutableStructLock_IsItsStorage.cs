// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ContextLock]
struct Bit
{
    int _v;

    [Acquires("this")]
    public void Lock() => _v = 1;

    [Releases("this")]
    public void Unlock() => _v = 0;
}

class Work
{
    Bit _bit;
    Bit _other;
    [GuardedBy("_bit")] int _x;

    int A()
    {
        _bit.Lock();
        int x = _x;
        _bit.Unlock();
        return x;
    }

    int B()
    {
        _other.Lock();
        int x = _x; // KS1001
        _other.Unlock();
        return x;
    }

    int C()
    {
        Bit copy = _bit;
        copy.Lock();
        int x = _x; // KS1001
        copy.Unlock();
        return x;
    }
}
