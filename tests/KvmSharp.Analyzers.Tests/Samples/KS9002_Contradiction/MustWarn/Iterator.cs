// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    [MustHold("_mu")]
    IEnumerable<int> A() // KS9002
    {
        yield return _x; // KS1001
    }

    [Acquires("_mu")]
    IEnumerator<int> B() // KS9002
    {
        yield return 1;
    }

    [MustHoldShared("_mu")]
    async IAsyncEnumerable<int> C() // KS9002
    {
        await Task.Yield();
        yield return 1;
    }

    [MustHold("_mu")]
    IEnumerable<int> NotAnIterator() => new int[] { _x };

    void Calls()
    {
        Use(A());
        Use(NotAnIterator()); // KS1003
    }
}
