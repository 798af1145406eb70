// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A(int n)
    {
        _mu.Lock();
        Down(n);
        _mu.Unlock();

        void Down(int depth)
        {
            _x += depth;
            if (depth > 0)
                Down(depth - 1);
        }
    }

    void B()
    {
        Begin();
        _x = 1;
        End();

        void Begin() => _mu.Lock();

        void End() => _mu.Unlock();
    }
}
