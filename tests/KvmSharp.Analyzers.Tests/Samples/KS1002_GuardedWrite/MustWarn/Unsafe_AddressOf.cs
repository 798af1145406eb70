// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

unsafe class Raw
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;
    [GuardedBy("_mu")] readonly int[] _a = new int[4];

    void A()
    {
        fixed (int* p = &_x) // KS1002
        {
            *p = 1;
        }
    }

    void B()
    {
        _mu.Lock();
        fixed (int* p = &_x)
        {
            _mu.Unlock();
            *p = 1;
        }
    }

    struct S
    {
        public static readonly KMutex Mu = new();
        [GuardedBy("Mu")] public int X;
    }

    void C(S s)
    {
        int* p = &s.X; // KS1002
        *p = 1;
    }
}
