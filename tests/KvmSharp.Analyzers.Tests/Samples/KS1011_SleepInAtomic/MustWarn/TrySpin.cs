// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Spin _spin = new();

    void A()
    {
        if (_spin.TryLock())
        {
            Schedule(); // KS1011
            _spin.Unlock();
        }
        else
        {
            Schedule();
        }
    }
}
