// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Inventory
{
    readonly object _gate = new();
    [PtGuardedBy("_gate")] readonly List<int> _items = new();
    [PtGuardedBy("_gate")] readonly int[] _array = new int[4];

    List<int> A()
    {
        lock (_gate)
            return _items; // keep: list
    }

    int[] B()
    {
        lock (_gate)
        {
            return _array;
        }
    }
}
// ==== fixed
class Inventory
{
    readonly object _gate = new();
    [PtGuardedBy("_gate")] readonly List<int> _items = new();
    [PtGuardedBy("_gate")] readonly int[] _array = new int[4];

    List<int> A()
    {
        lock (_gate)
            return new List<int>(_items); // keep: list
    }

    int[] B()
    {
        lock (_gate)
        {
            return (int[])_array.Clone();
        }
    }
}
