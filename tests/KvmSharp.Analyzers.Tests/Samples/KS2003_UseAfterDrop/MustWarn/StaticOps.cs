// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A()
    {
        Folio folio = folio_alloc();
        folio_put(folio);
        return folio.Index; // KS2003
    }

    int B()
    {
        Folio folio = folio_alloc();
        int index = folio.Index;
        folio_put(folio);
        return index;
    }
}
