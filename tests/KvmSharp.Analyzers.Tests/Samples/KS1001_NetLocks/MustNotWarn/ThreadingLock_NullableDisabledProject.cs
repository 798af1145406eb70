// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// nullable: disable
class Cache
{
    readonly Lock _lock = new();
    [GuardedBy("_lock")] int _x;

    int A()
    {
        lock (_lock)
            return _x;
    }

    void B()
    {
        lock (_lock)
        {
            lock (_lock)
            {
                _x++;
            }

            _x++;
        }
    }
}
