// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    Action A() => () => _mu.Lock(); // KS1007

    Action B() => () =>
    {
        _mu.Lock();
    }; // KS1007

    Func<int> C() => delegate
    {
        _mu.Lock();
        return 1; // KS1007
    };
}
