// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    SpinLock _spin;

    void A()
    {
        bool taken = false;
        _spin.Enter(ref taken);
        Thread.Sleep(1); // KS1011
        _spin.Exit();
        Thread.Sleep(1);
    }
}
