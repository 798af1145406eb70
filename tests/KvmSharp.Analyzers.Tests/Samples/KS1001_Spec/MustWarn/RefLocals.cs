// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Table
{
    readonly KMutex _mu = new();

    [GuardedBy("_mu")]
    int _value;

    [GuardedBy("_mu")]
    readonly int[] _slots = new int[4];

    void A()
    {
        ref int v = ref _value;
        v = 1; // KS1002
        _mu.Lock();
        v = 2;
        UseInt(v);
        _mu.Unlock();
        UseInt(v); // KS1001
        v++; // KS1002
    }

    void B(int i)
    {
        _mu.Lock();
        ref int s = ref _slots[i];
        s = 3;
        _mu.Unlock();
        s = 4; // KS1002
        ref readonly int r = ref _slots[0];
        UseInt(r); // KS1001
    }

    void C(int other)
    {
        int local = other;
        ref int v = ref local;
        v = 1;
        v = ref _value;
        v = 2; // KS1002
        v = ref local;
        v = 3;
    }

    void D()
    {
        Fill(ref _value); // KS1002
        Look(in _value); // KS1001
        _mu.Lock();
        Fill(ref _value);
        Look(in _value);
        _mu.Unlock();
    }

    unsafe void E()
    {
        fixed (int* p = &_value) // KS1002
            *p = 1;
        fixed (int* q = _slots) // KS1002
            *q = 1;
    }

    static void Fill(ref int x) => x = 1;

    static void Look(in int x) => UseInt(x);
}
