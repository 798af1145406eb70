// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    int A()
    {
        Folio folio = folio_alloc();
        int err = folio_zap_direct_map(folio);
        if (err != 0)
        {
            folio_put(folio);
            return err;
        }

        err = Number();
        if (err != 0)
        {
            folio_put(folio); // KS3004
            return err;
        }

        folio_restore_direct_map(folio);
        folio_put(folio);
        return 0;
    }
}
