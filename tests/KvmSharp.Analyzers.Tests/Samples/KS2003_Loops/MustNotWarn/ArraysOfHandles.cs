// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Obj?[] _slots = new Obj?[4];

    void Fill()
    {
        for (int i = 0; i < _slots.Length; i++)
            _slots[i] = MakeObj();
    }

    void Clear()
    {
        for (int i = 0; i < _slots.Length; i++)
        {
            Obj? obj = _slots[i];
            _slots[i] = null;
            obj?.Put();
        }
    }
}
