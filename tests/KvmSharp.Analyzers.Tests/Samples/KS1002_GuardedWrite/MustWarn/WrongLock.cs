// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Two
{
    readonly object _a = new();
    readonly object _b = new();
    [GuardedBy("_a")] int _x;
    [GuardedBy("_b")] int _y;

    void M()
    {
        lock (_a)
        {
            _x = 1;
            _y = 1; // KS1002
        }

        lock (_b)
        {
            _x = 1; // KS1002
            _y = 1;
        }
    }
}
