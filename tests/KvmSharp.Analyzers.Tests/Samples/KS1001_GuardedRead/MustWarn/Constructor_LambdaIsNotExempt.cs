// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Timer1
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _ticks;
    readonly Action _onTick;

    public Timer1()
    {
        _ticks = 1;
        _onTick = () => UseInt(_ticks); // KS1001
        Action local = Local;
        Use(local);

        void Local()
        {
            UseInt(_ticks); // KS1001
        }
    }
}
