// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class LruCache<TKey, TValue>
    where TKey : notnull
{
    private readonly object _gate = new();
    private readonly Dictionary<TKey, LinkedListNode<(TKey Key, TValue Value)>> _map = new();
    private readonly LinkedList<(TKey Key, TValue Value)> _order = new();
    private readonly int _capacity;
    private long _hits;

    public LruCache(int capacity) => _capacity = capacity;

    public int Count
    {
        get
        {
            lock (_gate)
                return _map.Count;
        }
    }

    public long Hits => Interlocked.Read(ref _hits);

    public bool TryGet(TKey key, out TValue? value)
    {
        lock (_gate)
        {
            if (!_map.TryGetValue(key, out var node))
            {
                value = default;
                return false;
            }

            _order.Remove(node);
            _order.AddFirst(node);
            Interlocked.Increment(ref _hits);
            value = node.Value.Value;
            return true;
        }
    }

    public void Put(TKey key, TValue value)
    {
        lock (_gate)
        {
            if (_map.Remove(key, out var old))
                _order.Remove(old);
            while (_map.Count >= _capacity)
            {
                _map.Remove(_order.Last!.Value.Key);
                _order.RemoveLast();
            }

            _map[key] = _order.AddFirst((key, value));
        }
    }

    public TValue GetOrAdd(TKey key, Func<TKey, TValue> make)
    {
        if (TryGet(key, out var found))
            return found!;
        TValue value = make(key);
        Put(key, value);
        return value;
    }
}
