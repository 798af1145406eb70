// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>What must be true of every page cache whenever no task is inside the kernel.</summary>
[ContextUnsafe("runs while nothing else does")]
internal static class PageCacheInvariants
{
    internal static void Check(Kernel kernel)
    {
        long total = 0;
        foreach (address_space mapping in kernel.mappings.Snapshot())
        {
            ulong pages = 0;
            foreach ((ulong index, nuint entry) in xa_for_each(mapping.i_pages))
            {
                if (xa_is_value(entry))
                    continue;
                folio folio = FolioOf(entry);
                ulong nr = (ulong)folio_nr_pages(folio);
                pages += nr;
                Expect(FolioIsIn(mapping, folio) && folio_contains(folio, index), mapping, index, folio, "does not name the mapping and the index that it is at");
                Expect(folio_ref_count(folio) >= (int)nr, mapping, index, folio, "has fewer references than the cache holds");
                Expect(!folio_test_locked(folio), mapping, index, folio, "is locked and nobody runs");
                if (mapping_no_direct_map(mapping) && can_set_direct_map(kernel) && kernel.direct_map.CheckFolio(mapping, folio) is { } wrong)
                    throw new KernelOops($"inode {mapping.host.i_ino} index {index}: {folio} {wrong}");
            }

            if (pages != mapping.nrpages)
                throw new KernelOops($"inode {mapping.host.i_ino}: nrpages is {mapping.nrpages}, the cache holds {pages}");
            total += (long)pages;
        }

        long counted = global_node_page_state(kernel, node_stat_item.NR_FILE_PAGES);
        if (total != counted)
            throw new KernelOops($"NR_FILE_PAGES is {counted}, the caches hold {total}");
    }

    private static unsafe folio FolioOf(nuint entry) => new((PageFrame*)entry);

    private static void Expect(bool holds, address_space mapping, ulong index, folio folio, string what)
    {
        if (!holds)
            throw new KernelOops($"inode {mapping.host.i_ino} index {index}: {folio} {what}");
    }
}
