// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Rec _rec = new();

    void A()
    {
        _rec.Lock();
        if (_rec.TryLock())
            _rec.Unlock();
        _rec.Unlock();
    }

    readonly object _gate = new();

    void B()
    {
        lock (_gate)
        {
            if (Monitor.TryEnter(_gate))
                Monitor.Exit(_gate);
        }
    }
}
