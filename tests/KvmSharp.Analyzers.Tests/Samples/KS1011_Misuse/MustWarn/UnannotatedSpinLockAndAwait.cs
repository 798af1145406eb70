// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class Gate
{
    private SpinLock _spin;
    private readonly object _gate = new();
    private int _x;

    public void Sleeps()
    {
        bool taken = false;
        _spin.Enter(ref taken);
        _x++;
        Thread.Sleep(1); // KS1011
        _spin.Exit();
    }

    public async Task Waits()
    {
        Monitor.Enter(_gate);
        await Task.Delay(1); // KS1011
        _x++;
        Monitor.Exit(_gate);
    }
}
