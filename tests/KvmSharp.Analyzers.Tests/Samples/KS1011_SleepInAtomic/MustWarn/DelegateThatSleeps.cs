// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[MightSleep]
delegate void Callback();

class Work
{
    readonly Spin _spin = new();

    void A(Callback callback)
    {
        _spin.Lock();
        callback(); // KS1011
        _spin.Unlock();
        callback();
    }
}
