// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    private readonly ReaderWriterLockSlim _rw = new();
    [GuardedBy("_rw")] private int _count;

    [MustHoldShared("_rw")]
    private void Hit() => _count++;

    private void Miss()
    {
        _count--;
        _count--;
    }
}
// ==== fixed
class Cache
{
    private readonly ReaderWriterLockSlim _rw = new();
    [GuardedBy("_rw")] private int _count;

    [MustHold("_rw")]
    private void Hit() => _count++;

    [MustHold("_rw")]
    private void Miss()
    {
        _count--;
        _count--;
    }
}
