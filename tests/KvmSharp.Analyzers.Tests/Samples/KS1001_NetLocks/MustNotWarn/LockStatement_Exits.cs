// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    int A(IEnumerable<int> xs)
    {
        foreach (int x in xs)
        {
            lock (_gate)
            {
                if (x == 1)
                    continue;
                if (x == 2)
                    break;
                if (x == 3)
                    return _x;
                _x = x;
            }
        }

        lock (_gate)
            return _x;
    }

    void B()
    {
        try
        {
            lock (_gate)
            {
                UseInt(_x);
            }
        }
        catch (Exception)
        {
            lock (_gate)
                _x = 0;
        }
    }
}
