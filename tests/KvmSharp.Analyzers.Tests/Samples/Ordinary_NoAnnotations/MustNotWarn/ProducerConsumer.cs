// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class Bounded<T>
{
    private readonly object _gate = new();
    private readonly Queue<T> _items = new();
    private readonly int _limit;
    private bool _closed;

    public Bounded(int limit) => _limit = limit;

    public void Put(T item)
    {
        lock (_gate)
        {
            while (_items.Count >= _limit && !_closed)
                Monitor.Wait(_gate);
            if (_closed)
                throw new InvalidOperationException("closed");
            _items.Enqueue(item);
            Monitor.PulseAll(_gate);
        }
    }

    public bool TryTake(out T? item)
    {
        Monitor.Enter(_gate);
        try
        {
            while (_items.Count == 0)
            {
                if (_closed)
                {
                    item = default;
                    return false;
                }

                Monitor.Wait(_gate);
            }

            item = _items.Dequeue();
            Monitor.PulseAll(_gate);
            return true;
        }
        finally
        {
            Monitor.Exit(_gate);
        }
    }

    public void Close()
    {
        bool taken = false;
        try
        {
            Monitor.Enter(_gate, ref taken);
            _closed = true;
            Monitor.PulseAll(_gate);
        }
        finally
        {
            if (taken)
                Monitor.Exit(_gate);
        }
    }
}
