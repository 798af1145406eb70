// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Spin _spin = new();

    private void Helper() => Deeper();

    private void Deeper() => Thread.Sleep(1);

    private void InLambda() => Use((Action)(() => Thread.Sleep(1)));

    public void Visible() => Thread.Sleep(1);

    void A()
    {
        _spin.Lock();
        Helper(); // KS1011
        InLambda();
        Visible();
        _spin.Unlock();
        Helper();
    }
}
