// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// The filemap-level rule without its fast allocator: a folio of a mapping with AS_NO_DIRECT_MAP is out of the direct map from before it is
/// visible until after it is not. Being in the page cache is the state; nobody else keeps any. Contents are reached by a mapping for each use.
/// </summary>
internal sealed class FilemapStrategy : DirectMapStrategy
{
    internal override string Name => "filemap";

    internal override bool GmemFlag => true;

    internal override bool OwnsPageCache => true;

    internal override int PrepareAdd(address_space mapping, folio folio)
    {
        // Zeroed while that is still possible through the direct map.
        folio_zero_range(folio, 0, folio_size(folio));
        int err = folio_zap_direct_map(folio);
        if (err != 0)
            return err;
        Protect(mapping.host, folio);
        return 0;
    }

    internal override void PrepareRemove(address_space mapping, folio folio)
    {
        // Restored first: the contents are scrubbed through the direct map, and with them the reason to protect it.
        for (long i = 0; i < folio_nr_pages(folio); i++)
            current.kernel.machine.Exposure.AllowWindow(folio_pfn(folio) + (ulong)i, "scrub at removal", current.rq.hw);
        folio_restore_direct_map(folio);
        folio_zero_range(folio, 0, folio_size(folio));
        Unprotect(folio);
    }

    internal override void Clear(address_space mapping, folio folio)
    {
        if (!mapping_no_direct_map(mapping))
        {
            ClearThroughDirectMap(folio);
            return;
        }

        for (long i = 0; i < folio_nr_pages(folio); i++)
            Vmalloc.ClearPage(folio_page(folio, (ulong)i));
        folio_mark_uptodate(folio);
    }

    internal override int SecretmemZap(folio folio) => 0;

    internal override void SecretmemRestore(folio folio)
    {
    }

    internal override void SecretmemAdded(inode inode, folio folio)
    {
    }

    internal override string? CheckFolio(address_space mapping, folio folio) => kernel_page_present(folio.page) ? "is cached and in the direct map" : null;
}
