// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Threading.Tasks;

class Items
{
    readonly object _gate = new();
    readonly KMutex _mu = new();

    [GuardedBy("_gate")]
    readonly List<int> _list = new();

    IEnumerable<int> UnderLock()
    {
        lock (_gate)
        {
            foreach (int i in _list)
                yield return i; // KS1007
        }
    }

    IEnumerable<int> Copy()
    {
        int[] copy;
        lock (_gate)
            copy = _list.ToArray();
        foreach (int i in copy)
            yield return i;
    }

    IEnumerable<int> Breaks(bool b)
    {
        _mu.Lock();
        if (b)
            yield break; // KS1007
        _mu.Unlock();
        yield return 1;
    }

    IEnumerable<int> Unguarded()
    {
        yield return _list.Count; // KS1001
    }

    [MustHold("_gate")]
    IEnumerable<int> Needs() // KS9002
    {
        yield return _list.Count; // KS1001
    }

    [MustNotHold("_mu")]
    IEnumerable<int> Forbids()
    {
        yield return 1;
    }

    void Calls()
    {
        foreach (int i in Needs())
            UseInt(i);
        _mu.Lock();
        Forbids(); // KS1004
        _mu.Unlock();
    }

    async IAsyncEnumerable<int> Async()
    {
        await Task.Yield();
        _mu.Lock();
        yield return 1; // KS1007
        _mu.Unlock();
    }

    [Acquires("_mu")]
    async IAsyncEnumerable<int> AsyncPromise() // KS9002
    {
        await Task.Yield();
        yield return 1;
    }
}
