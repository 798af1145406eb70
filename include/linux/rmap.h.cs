// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/rmap.h, Linux 6.18.
namespace Linux;

/// <summary>
/// A family of anonymous pages: the copies that areas related by split and fork share. Here it decides which areas may merge and names
/// the family in a page's mapping word; nothing walks from a page to its areas, because nothing is swapped or migrated.
/// </summary>
internal sealed class anon_vma
{
    internal anon_vma(Kernel kernel)
    {
        this.kernel = kernel;
        Id = kernel.anon_vmas.Add(this);
    }

    internal readonly Kernel kernel;

    /// <summary>Name in <c>folio.mapping</c>.</summary>
    internal uint Id;

    /// <summary>Links from areas' chains. Changed under mmap_lock for writing, or for reading with page_table_lock; atomic across mms.</summary>
    internal int refcount;

    /// <summary>Areas whose own family this is.</summary>
    internal int num_active_vmas;

    /// <summary>Families that were forked off this one and are alive.</summary>
    internal int num_children;

    internal anon_vma? parent;
}

internal static unsafe class RmapH
{
    private const ulong PAGE_MAPPING_ANON = 1;

    [MustCheck]
    internal static int anon_vma_prepare(vm_area_struct vma) => vma.anon_vma is not null ? 0 : Rmap.__anon_vma_prepare(vma);

    /// <summary>First mapping of a page that nobody else can see yet.</summary>
    internal static void folio_add_new_anon_rmap(task_struct task, folio folio, vm_area_struct vma)
    {
        folio.Frame->mapping = ((ulong)vma.anon_vma!.Id << 3) | PAGE_MAPPING_ANON;
        folio.Frame->_mapcount = 0;
        folio.Frame->flags |= (1UL << PG_swapbacked) | (1UL << PG_uptodate) | (1UL << PG_anon_exclusive);
        mod_node_page_state(task, node_stat_item.NR_ANON_MAPPED, 1);
    }

    internal static void folio_add_file_rmap_pte(task_struct task, folio folio)
    {
        if (Interlocked.Increment(ref folio.Frame->_mapcount) == 0)
            mod_node_page_state(task, node_stat_item.NR_FILE_MAPPED, 1);
    }

    /// <summary>Another mapping of an anonymous page, by fork; nobody may reuse it for writing any more.</summary>
    internal static void folio_dup_anon_rmap_pte(folio folio)
    {
        ClearPageAnonExclusive(folio.page);
        Interlocked.Increment(ref folio.Frame->_mapcount);
    }

    internal static void folio_remove_rmap_pte(task_struct task, folio folio)
    {
        bool anon = (folio.Frame->mapping & PAGE_MAPPING_ANON) != 0;
        int mapcount = Interlocked.Decrement(ref folio.Frame->_mapcount);
        if (mapcount >= 0)
            return;
        BUG_ON(mapcount < -1);
        mod_node_page_state(task, anon ? node_stat_item.NR_ANON_MAPPED : node_stat_item.NR_FILE_MAPPED, -1);
        if (folio_test_mlocked(folio))
            munlock_folio(folio);
    }

    /// <summary>The page belongs to one process alone, which may write to it without a copy.</summary>
    internal static bool PageAnonExclusive(page page) => (Volatile.Read(ref page.Frame->flags) & (1UL << PG_anon_exclusive)) != 0;

    internal static void SetPageAnonExclusive(page page) => Interlocked.Or(ref page.Frame->flags, 1UL << PG_anon_exclusive);

    internal static void ClearPageAnonExclusive(page page) => Interlocked.And(ref page.Frame->flags, ~(1UL << PG_anon_exclusive));
}
