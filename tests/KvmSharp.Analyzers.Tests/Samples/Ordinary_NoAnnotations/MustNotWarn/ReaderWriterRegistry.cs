// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class Registry : IDisposable
{
    private readonly ReaderWriterLockSlim _rw = new(LockRecursionPolicy.NoRecursion);
    private readonly Dictionary<string, Func<object>> _factories = new(StringComparer.Ordinal);
    private object? _last;

    public object? Resolve(string name)
    {
        _rw.EnterReadLock();
        try
        {
            return _factories.TryGetValue(name, out var factory) ? factory() : null;
        }
        finally
        {
            _rw.ExitReadLock();
        }
    }

    public bool TryRegister(string name, Func<object> factory, TimeSpan timeout)
    {
        if (!_rw.TryEnterUpgradeableReadLock(timeout))
            return false;
        try
        {
            if (_factories.ContainsKey(name))
                return false;
            _rw.EnterWriteLock();
            try
            {
                _factories.Add(name, factory);
                _last = factory;
                return true;
            }
            finally
            {
                _rw.ExitWriteLock();
            }
        }
        finally
        {
            _rw.ExitUpgradeableReadLock();
        }
    }

    public void Dispose()
    {
        _last = null;
        _rw.Dispose();
    }
}
