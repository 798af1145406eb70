// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    private readonly object _gate = new();
    [GuardedBy("_gate")] private int _count;

    public int Count => _count;

    public int Twice()
    {
        // keep: read once
        int a = _count; // keep: here

        UseInt(1);
        UseInt(a);

        return 0;
    }

    public void Embedded(bool x)
    {
        if (x)
            UseInt(_count);
    }

    public void InCondition()
    {
        if (_count > 3)
        {
            UseInt(1);
        }
    }
}
// ==== fixed
class Cache
{
    private readonly object _gate = new();
    [GuardedBy("_gate")] private int _count;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _count;
            }
        }
    }

    public int Twice()
    {
        // keep: read once
        lock (_gate)
        {
            int a = _count; // keep: here

            UseInt(1);
            UseInt(a);
        }

        return 0;
    }

    public void Embedded(bool x)
    {
        if (x)
        {
            lock (_gate)
            {
                UseInt(_count);
            }
        }
    }

    public void InCondition()
    {
        lock (_gate)
        {
            if (_count > 3)
            {
                UseInt(1);
            }
        }
    }
}
