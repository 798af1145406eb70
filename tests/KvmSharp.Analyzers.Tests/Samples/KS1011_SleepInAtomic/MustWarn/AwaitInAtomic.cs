// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    [AtomicContext]
    async Task A()
    {
        await Task.Delay(1); // KS1011
    }
}
