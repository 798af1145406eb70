// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Kinds
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;
    [GuardedBy("_gate")] string? _s;

    void Assign() => _x = 1; // KS1002

    void Compound() => _x += 1; // KS1002

    void Increment() => _x++; // KS1002

    void Decrement() => --_x; // KS1002

    void Coalesce() => _s ??= ""; // KS1002

    void Deconstruct() => (_x, _s) = (1, ""); // KS1002

    static void ByRef(ref int x)
    {
    }

    static void ByOut(out int x) => x = 1;

    void Ref() => ByRef(ref _x); // KS1002

    void Out() => ByOut(out _x); // KS1002
}
