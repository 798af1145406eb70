// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ContextLock]
class TicketLock
{
    readonly object _gate = new();
    int _next;

    [Acquires("this")]
    public void Lock()
    {
        Monitor.Enter(_gate);
        _next++;
    }

    [Releases("this")]
    public void Unlock() => Monitor.Exit(_gate);

    [CondAcquires(true, "this")]
    public bool TryLock()
    {
        return Monitor.TryEnter(_gate);
    }
}
