// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Folio folio)
    {
        folio_get(folio);
        UseInt(folio.Index);
    } // KS2001

    void B(Folio folio)
    {
        folio_get(folio);
        UseInt(folio.Index);
        folio_put(folio);
    }

    int C(Folio folio, int x)
    {
        folio_get(folio);
        if (x == 0)
            return 0; // KS2001
        folio_put(folio);
        return 1;
    }
}
