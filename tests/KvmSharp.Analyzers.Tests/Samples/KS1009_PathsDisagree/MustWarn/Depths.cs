// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Rec _rec = new();

    void A(int x)
    {
        _rec.Lock();
        if (x > 3) // KS1009
            _rec.Lock();
        UseInt(1);
    }
}
