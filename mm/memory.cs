// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/memory.c, Linux 6.18; this part follows the direct-map series v12. The rest of the file is in memory.fault.cs.
namespace Linux;

internal static unsafe partial class Memory
{
    /// <summary>
    /// Takes a folio out of the direct map: when this returns 0 no CPU can translate its address any more. The caller has a reference and,
    /// by convention, the folio lock. Zapping twice changes nothing and flushes again.
    /// </summary>
    /// <returns>0; -EINVAL for a large folio; -ENOMEM, or another error of the architecture, with an order-0 folio still present.</returns>
    [MustCheck]
    [MightSleep]
    internal static int folio_zap_direct_map([BorrowsReference] folio folio)
    {
        ulong addr = folio_address(folio);
        if (folio_test_large(folio))
            return -EINVAL;
        Kernel kernel = folio_kernel(folio);
        int ret = set_direct_map_valid_noflush(addr, (ulong)folio_nr_pages(folio), false);

        // Also on failure: a range can fail in the middle.
        kernel.arch.flush_tlb_kernel_range(kernel, addr, addr + folio_size(folio));
        kernel.Tracepoints.FolioZap.Trace(folio_pfn(folio), (ulong)folio_nr_pages(folio), (ulong)(uint)ret);
        return ret;
    }

    /// <summary>
    /// Puts a folio back that was zapped. Cannot fail, since the zap left base-page entries and nothing merges them; needs no flush, since
    /// entries that are not present are not cached.
    /// </summary>
    internal static void folio_restore_direct_map([BorrowsReference] folio folio)
    {
        int ret = set_direct_map_valid_noflush(folio_address(folio), (ulong)folio_nr_pages(folio), true);
        WARN_ON_ONCE(ret != 0);
        folio_kernel(folio).Tracepoints.FolioRestore.Trace(folio_pfn(folio), (ulong)folio_nr_pages(folio));
    }
}
