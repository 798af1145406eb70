// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class AnnotatedCache<TKey, TValue>
    where TKey : notnull
{
    private readonly ReaderWriterLockSlim _rw = new();
    [GuardedBy("_rw")] private readonly Dictionary<TKey, TValue> _map = new();
    [GuardedBy("_rw")] private int _generation;

    public TValue? Find(TKey key)
    {
        _rw.EnterReadLock();
        try
        {
            return _map.TryGetValue(key, out var value) ? value : default;
        }
        finally
        {
            _rw.ExitReadLock();
        }
    }

    public TValue GetOrAdd(TKey key, Func<TKey, TValue> make)
    {
        _rw.EnterUpgradeableReadLock();
        try
        {
            if (_map.TryGetValue(key, out var found))
                return found;
            TValue value = make(key);
            _rw.EnterWriteLock();
            try
            {
                _map.Add(key, value);
                _generation++;
            }
            finally
            {
                _rw.ExitWriteLock();
            }

            return value;
        }
        finally
        {
            _rw.ExitUpgradeableReadLock();
        }
    }

    public void Clear()
    {
        _rw.EnterWriteLock();
        try
        {
            ClearLocked();
        }
        finally
        {
            _rw.ExitWriteLock();
        }
    }

    [MustHold("_rw")]
    private void ClearLocked()
    {
        _map.Clear();
        _generation = 0;
    }
}
