// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("Get", "Put")]
class Box
{
    public static Box Get([AcquiresReference] Box box) => box;

    public static void Put([DropsReference] Box box)
    {
    }
}

class User
{
    Box? _box;

    static void Adopt([ConsumesReference] Box box) => Box.Put(box);

    void Passed(Box box) => Adopt(Box.Get(box));

    void Stored(Box box) => _box = Box.Get(box);

    void Kept(Box box)
    {
        Box mine = Box.Get(box);
        Box.Put(mine);
    }

    void Dropped(Box box)
    {
        Box.Get(box);
        Box.Put(box);
    }
}
