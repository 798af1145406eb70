// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A()
    {
        Folio folio = folio_alloc();
        folio_lock(folio);
        int err = Number();
        if (err < 0)
            return err; // KS1007 KS2001
        folio_unlock(folio);
        folio_put(folio);
        return 0;
    }
}
