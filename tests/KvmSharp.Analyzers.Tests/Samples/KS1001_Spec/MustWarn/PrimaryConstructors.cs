// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Counter([GuardedBy("gate")] int value, object gate)
{
    readonly int _seed = value;

    public int Seed => _seed;

    public int Bad() => value; // KS1001

    public int Good()
    {
        lock (gate)
        {
            return value;
        }
    }

    public void Write()
    {
        value++; // KS1002
        lock (gate)
            value = 3;
    }

    public System.Func<int> Later()
    {
        lock (gate)
            return () => value; // KS1001
    }
}

class Derived(object gate, int start) : Counter(start, gate)
{
    [GuardedBy("gate")]
    int _own = start;

    object Gate => gate;

    public int Own()
    {
        int x = _own; // KS1001
        lock (gate)
            x += _own;
        return x;
    }
}

struct Point(int x, object gate)
{
    [GuardedBy("gate")]
    int _x = x;

    public int X()
    {
        lock (gate)
            return _x;
    }

    public int Y() => _x; // KS1001
}
