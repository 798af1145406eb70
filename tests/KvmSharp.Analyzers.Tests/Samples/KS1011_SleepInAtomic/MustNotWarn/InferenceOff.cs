// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.sleep_inference = none
class Work
{
    readonly Spin _spin = new();

    private void Helper() => Thread.Sleep(1);

    void A()
    {
        _spin.Lock();
        Helper();
        _spin.Unlock();
    }
}
