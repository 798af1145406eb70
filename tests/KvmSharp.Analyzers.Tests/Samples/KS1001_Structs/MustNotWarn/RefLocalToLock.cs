// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ContextLock]
struct Bit
{
    int _value;

    [Acquires("this")]
    public void Lock() => _value = 1;

    [Releases("this")]
    public void Unlock() => _value = 0;
}

class Owner
{
    Bit _bit;

    [GuardedBy("_bit")]
    int _x;

    void ByAnotherName()
    {
        ref Bit bit = ref _bit;
        bit.Lock();
        _x = 1;
        bit.Unlock();
    }

    void ByBothNames()
    {
        ref Bit bit = ref _bit;
        _bit.Lock();
        _x = 1;
        bit.Unlock();
    }

    void OfAnother(Owner other)
    {
        ref Bit bit = ref other._bit;
        bit.Lock();
        other._x = 1;
        bit.Unlock();
    }
}
