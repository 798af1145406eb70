// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly object _mu = new();
    [GuardedBy("_mu")] int _count;
    [GuardedBy("_mu")] readonly int[] _slots = new int[8];
    [GuardedBy("_mu")] readonly List<int> _items = new();

    [GuardedBy("_mu")]
    public int Level { get; set; }

    object A()
    {
        lock (_mu)
        {
            _slots[^1] = _slots[1..].Length;
            int[] copy = [.. _items];
            return (this is { Level: > 3 }, _count switch { 0 => "zero", _ => "more" }, copy, checked(_count + 1));
        }
    }
}
