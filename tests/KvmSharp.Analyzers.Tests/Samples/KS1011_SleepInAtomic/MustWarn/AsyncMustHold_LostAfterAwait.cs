// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    [MustHold("_mu")]
    async Task A()
    {
        _x = 1;
        await Task.Delay(1); // KS1011
        _x = 2; // KS1002
    }
}
