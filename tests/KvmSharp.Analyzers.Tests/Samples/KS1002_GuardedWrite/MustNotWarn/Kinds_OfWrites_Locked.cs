// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Kinds
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;
    [GuardedBy("_gate")] string? _s;

    static void ByRef(ref int x)
    {
    }

    static void ByOut(out int x) => x = 1;

    void All()
    {
        lock (_gate)
        {
            _x = 1;
            _x += 1;
            _x++;
            --_x;
            _s ??= "";
            (_x, _s) = (1, "");
            ByRef(ref _x);
            ByOut(out _x);
        }
    }
}
