// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Spin _spin = new();

    void A()
    {
        bool got = _spin.TryLock();
        Schedule();
        if (got)
            _spin.Unlock();
    }
}
