// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Rec _rec = new();
    readonly object _gate = new();
    readonly Lock _lock = new();

    void A()
    {
        _rec.Lock();
        _rec.Lock();
        _rec.Unlock();
        _rec.Unlock();
    }

    void B()
    {
        lock (_gate)
            lock (_gate)
                lock (_lock)
                    lock (_lock)
                        UseInt(1);
    }

    void C()
    {
        Monitor.Enter(_gate);
        lock (_gate)
            UseInt(1);
        Monitor.Exit(_gate);
    }
}
