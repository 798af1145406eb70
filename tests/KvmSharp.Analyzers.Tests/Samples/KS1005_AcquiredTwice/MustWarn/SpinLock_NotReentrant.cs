// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    SpinLock _spin;

    void A()
    {
        bool one = false;
        bool two = false;
        _spin.Enter(ref one);
        _spin.Enter(ref two); // KS1005
        _spin.Exit();
    }
}
