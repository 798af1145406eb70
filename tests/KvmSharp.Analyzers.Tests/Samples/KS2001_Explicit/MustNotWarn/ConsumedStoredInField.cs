// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Holder
{
    Obj? _obj;

    void Adopt([ConsumesReference] Obj obj)
    {
        _obj = obj;
    }

    void AdoptLater([ConsumesReference] Obj obj, List<Obj> list)
    {
        if (list.Count > 3)
        {
            obj.Put();
            return;
        }

        list.Add(obj);
    }
}
