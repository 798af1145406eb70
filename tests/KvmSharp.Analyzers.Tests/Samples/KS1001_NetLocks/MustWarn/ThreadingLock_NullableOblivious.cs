// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

#nullable disable
class Cache
{
    readonly Lock _lock = new();
    [GuardedBy("_lock")] int _x;
    [GuardedBy("_lock")] string _s;

    int A()
    {
        lock (_lock)
        {
            _x = 1;
            _s = "a";
        }

        return _x; // KS1001
    }
}
