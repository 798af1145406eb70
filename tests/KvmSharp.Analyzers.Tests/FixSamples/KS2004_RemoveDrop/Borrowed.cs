// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Obj obj)
    {
        obj.Touch();
        obj.Put(); // keep: not ours
    }

    void B(Folio folio) => folio_put(folio);
}
// ==== fixed
class Work
{
    void A(Obj obj)
    {
        obj.Touch();
        // keep: not ours
    }

    void B(Folio folio)
    {
    }
}
