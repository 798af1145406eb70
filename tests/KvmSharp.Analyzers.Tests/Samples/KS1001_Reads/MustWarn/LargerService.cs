// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class Quota
{
    private readonly Lock _lock = new();
    [GuardedBy("_lock")] private readonly Dictionary<string, int> _used = new();
    [GuardedBy("_lock")] private int _total;
    private readonly int _limit;

    public Quota(int limit)
    {
        _limit = limit;
        _used["system"] = 0;
    }

    public bool TryTake(string who, int count)
    {
        if (_total + count > _limit) // KS1001
            return false;
        lock (_lock)
        {
            if (_total + count > _limit)
                return false;
            _total += count;
            _used[who] = _used.GetValueOrDefault(who) + count;
            return true;
        }
    }

    public void Give(string who, int count)
    {
        using (_lock.EnterScope())
        {
            _total -= count;
            _used[who] -= count;
        }

        if (_used[who] == 0) // KS1001
            Remove(who); // KS1003
    }

    [MustHold("_lock")]
    private void Remove(string who) => _used.Remove(who);

    public IReadOnlyDictionary<string, int> Snapshot()
    {
        lock (_lock)
            return new Dictionary<string, int>(_used);
    }
}
