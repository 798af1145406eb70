// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/memory-failure.c, Linux 6.18.
namespace Linux;

internal static unsafe class MemoryFailure
{
    /// <summary>
    /// A page went bad: nobody may use it any more. Its file lets it go, the current process learns where it was. Consumes a reference.
    /// </summary>
    /// <returns>0, or -EOPNOTSUPP if the page was known to be bad.</returns>
    [MightSleep]
    internal static int memory_failure(page page, ulong address)
    {
        folio folio = page_folio(page);
        folio_lock(folio);
        if (folio_test_hwpoison(folio))
        {
            folio_unlock(folio);
            put_page(page);
            return -EOPNOTSUPP;
        }

        folio_set_hwpoison(folio);
        address_space? mapping = folio_mapping(folio);
        if (mapping is not null)
        {
            unmap_mapping_folio(folio);
            _ = mapping.a_ops.error_remove_folio?.Invoke(mapping, folio);
        }

        folio_unlock(folio);
        put_page(page);
        force_sig_mceerr(BUS_MCEERR_AR, address, PAGE_SHIFT);
        return 0;
    }
}
