// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj.Put();

        // keep: again
        obj.Put();
    }

    void B(Folio other)
    {
        Folio folio = folio_alloc();
        folio_put(folio);
        folio_put(folio);
    }
}
// ==== fixed
class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj.Put();

        // keep: again
    }

    void B(Folio other)
    {
        Folio folio = folio_alloc();
        folio_put(folio);
    }
}
