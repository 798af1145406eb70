// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    [AcquiredBefore("_entry")]
    readonly object _table = new();
    readonly object _entry = new();

    void M()
    {
        lock (_entry)
        {
            lock (_table) // KS1010
            {
                UseInt(1);
            }
        }

        lock (_table)
            lock (_entry)
                UseInt(2);
    }
}
