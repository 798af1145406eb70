// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _count;
    [GuardedBy("_mu")] readonly int[] _slots = new int[8];
    [GuardedBy("_mu")] readonly List<int> _items = new();

    [GuardedBy("_mu")]
    public int Level { get; set; }

    bool A() => this is { Level: > 3 }; // KS1001

    string B() => _count switch // KS1001
    {
        0 => "zero",
        _ => "more",
    };

    int[] C() => _slots[1..]; // KS1001

    void D() => _slots[^1] = 3; // KS1002

    int[] E() => [.. _items]; // KS1001

    bool F() => _count is > 3 and < 9; // KS1001

    int G() => checked(_count + 1); // KS1001

    (int, int) H() => (_count, 1); // KS1001
}
