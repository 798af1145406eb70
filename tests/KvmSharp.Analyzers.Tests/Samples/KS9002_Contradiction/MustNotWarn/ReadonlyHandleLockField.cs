// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ContextLock]
readonly struct Handle
{
    readonly int _id;

    public Handle(int id) => _id = id;

    [Acquires("this")]
    public void Lock()
    {
    }

    [Releases("this")]
    public void Unlock()
    {
    }
}

class Work
{
    readonly Handle _handle = new(3);
    [GuardedBy("_handle")] int _x;

    void M()
    {
        _handle.Lock();
        _x = 1;
        Handle copy = _handle;
        copy.Unlock();
    }
}
