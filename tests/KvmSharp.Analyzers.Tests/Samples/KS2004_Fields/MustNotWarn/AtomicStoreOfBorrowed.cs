// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Slot
{
    [BorrowsReference]
    Obj? _weak;

    void Publish()
    {
        Obj obj = MakeObj();
        Volatile.Write(ref _weak, obj);
        obj.Put();
    }

    void Exchange()
    {
        Obj obj = MakeObj();
        _ = Interlocked.Exchange(ref _weak, obj);
        obj.Put();
    }
}
