// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Text
{
    readonly object _gate = new();
    [GuardedBy("_gate")] string _name = "";
    [GuardedBy("_gate")] int _n;

    string A() => $"{_name}"; // KS1001

    void B()
    {
        UseInt(
            _n); // KS1001
        Use(new[]
        {
            _n, // KS1001
        });
        _ = _n == 0 // KS1001
            ? 1
            : 2;
    }
}
