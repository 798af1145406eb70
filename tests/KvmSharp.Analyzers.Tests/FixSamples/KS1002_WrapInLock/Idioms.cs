// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    private readonly KMutex _mu = new();
    private readonly SemaphoreSlim _one = new(1, 1);
    private SpinLock _spin;
    private readonly Lock _lock = new();
    private readonly Mutex _mutex = new();
    [GuardedBy("_mu")] private int _a;
    [GuardedBy("_one")] private int _b;
    [GuardedBy("_spin")] private int _c;
    [GuardedBy("_lock")] private string _d = "";
    [GuardedBy("_mutex")] private int _e;

    public void A()
    {
        _a = 1;
    }

    public void B()
    {
        _b = 1; // keep: b
    }

    public void C()
    {
        _c = 1;
    }

    public void D()
    {
        _d = """
            keep
              this
            """;
    }

    public void E(bool x)
    {
        if (x)
            _e = 1;
    }

    public void F() => _a++;
}
// ==== fixed
class Cache
{
    private readonly KMutex _mu = new();
    private readonly SemaphoreSlim _one = new(1, 1);
    private SpinLock _spin;
    private readonly Lock _lock = new();
    private readonly Mutex _mutex = new();
    [GuardedBy("_mu")] private int _a;
    [GuardedBy("_one")] private int _b;
    [GuardedBy("_spin")] private int _c;
    [GuardedBy("_lock")] private string _d = "";
    [GuardedBy("_mutex")] private int _e;

    public void A()
    {
        _mu.Lock();
        try
        {
            _a = 1;
        }
        finally
        {
            _mu.Unlock();
        }
    }

    public void B()
    {
        _one.Wait();
        try
        {
            _b = 1; // keep: b
        }
        finally
        {
            _one.Release();
        }
    }

    public void C()
    {
        bool lockTaken = false;
        _spin.Enter(ref lockTaken);
        try
        {
            _c = 1;
        }
        finally
        {
            if (lockTaken)
                _spin.Exit();
        }
    }

    public void D()
    {
        lock (_lock)
        {
            _d = """
            keep
              this
            """;
        }
    }

    public void E(bool x)
    {
        if (x)
        {
            _mutex.WaitOne();
            try
            {
                _e = 1;
            }
            finally
            {
                _mutex.ReleaseMutex();
            }
        }
    }

    public void F()
    {
        _mu.Lock();
        try
        {
            _a++;
        }
        finally
        {
            _mu.Unlock();
        }
    }
}
