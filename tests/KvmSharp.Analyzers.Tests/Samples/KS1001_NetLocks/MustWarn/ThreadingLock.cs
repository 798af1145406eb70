// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly Lock _lock = new();
    [GuardedBy("_lock")] int _x;

    int A()
    {
        lock (_lock)
        {
            _x = 1;
        }

        using (_lock.EnterScope())
        {
            _x = 2;
        }

        _lock.Enter();
        try
        {
            _x = 3;
        }
        finally
        {
            _lock.Exit();
        }

        if (_lock.TryEnter())
        {
            _x = 4;
            _lock.Exit();
        }

        return _x; // KS1001
    }

    int B()
    {
        using Lock.Scope scope = _lock.EnterScope();
        return _x;
    }
}
