// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/mm.h, Linux 6.18.
namespace Linux;

/// <summary>One page fault on its way through the handlers.</summary>
internal ref struct vm_fault
{
    internal vm_area_struct vma;
    internal gfp_t gfp_mask;

    /// <summary>Page index in the file (or in the anonymous area's numbering).</summary>
    internal pgoff_t pgoff;

    /// <summary>Faulting address, rounded down to the page.</summary>
    internal ulong address;
    internal ulong real_address;
    internal fault_flag flags;

    /// <summary>Page that the handler found, with a reference held for the caller.</summary>
    internal page page;
    internal page cow_page;

    /// <summary>The page-table entry as seen when the fault began.</summary>
    internal pte_t orig_pte;

    /// <summary>Physical address of the page-table entry; 0 while its table does not exist.</summary>
    internal ulong pte;
}

internal delegate vm_fault_t fault_t(ref vm_fault vmf);

internal delegate vm_fault_t map_pages_t(ref vm_fault vmf, pgoff_t start_pgoff, pgoff_t end_pgoff);

internal delegate void vma_fn_t(vm_area_struct vma);

internal delegate int vma_int_fn_t(vm_area_struct vma);

internal delegate int vma_split_t(vm_area_struct vma, ulong addr);

internal delegate int set_policy_t(vm_area_struct vma, mempolicy? mpol);

internal delegate mempolicy? get_policy_t(vm_area_struct vma, ulong addr, out pgoff_t ilx);

internal delegate string? vma_name_t(vm_area_struct vma);

internal sealed class vm_operations_struct
{
    internal vma_fn_t? open { get; init; }

    internal vma_fn_t? close { get; init; }

    internal vma_split_t? may_split { get; init; }

    internal vma_int_fn_t? mremap { get; init; }

    internal fault_t? fault { get; init; }

    /// <summary>Maps what the page cache has in a range of the file; VM_FAULT_NOPAGE if that was the faulting page, too.</summary>
    internal map_pages_t? map_pages { get; init; }

    internal fault_t? page_mkwrite { get; init; }

    internal set_policy_t? set_policy { get; init; }

    internal get_policy_t? get_policy { get; init; }

    internal vma_name_t? name { get; init; }
}

internal static unsafe partial class MmH
{
    internal const int PAGE_SHIFT = 12;
    internal const ulong PAGE_SIZE = 1UL << PAGE_SHIFT;
    internal const ulong PAGE_MASK = ~(PAGE_SIZE - 1);

    internal const ulong VM_NONE = 0;
    internal const ulong VM_READ = 0x00000001;
    internal const ulong VM_WRITE = 0x00000002;
    internal const ulong VM_EXEC = 0x00000004;
    internal const ulong VM_SHARED = 0x00000008;
    internal const ulong VM_MAYREAD = 0x00000010;
    internal const ulong VM_MAYWRITE = 0x00000020;
    internal const ulong VM_MAYEXEC = 0x00000040;
    internal const ulong VM_MAYSHARE = 0x00000080;
    internal const ulong VM_GROWSDOWN = 0x00000100;
    internal const ulong VM_UFFD_MISSING = 0x00000200;
    internal const ulong VM_PFNMAP = 0x00000400;
    internal const ulong VM_MAYBE_GUARD = 0x00000800;
    internal const ulong VM_UFFD_WP = 0x00001000;
    internal const ulong VM_LOCKED = 0x00002000;
    internal const ulong VM_IO = 0x00004000;
    internal const ulong VM_SEQ_READ = 0x00008000;
    internal const ulong VM_RAND_READ = 0x00010000;
    internal const ulong VM_DONTCOPY = 0x00020000;
    internal const ulong VM_DONTEXPAND = 0x00040000;
    internal const ulong VM_LOCKONFAULT = 0x00080000;
    internal const ulong VM_ACCOUNT = 0x00100000;
    internal const ulong VM_NORESERVE = 0x00200000;
    internal const ulong VM_HUGETLB = 0x00400000;
    internal const ulong VM_SYNC = 0x00800000;
    internal const ulong VM_WIPEONFORK = 0x02000000;
    internal const ulong VM_DONTDUMP = 0x04000000;
    internal const ulong VM_SOFTDIRTY = 0x08000000;
    internal const ulong VM_MIXEDMAP = 0x10000000;
    internal const ulong VM_HUGEPAGE = 0x20000000;
    internal const ulong VM_NOHUGEPAGE = 0x40000000;
    internal const ulong VM_MERGEABLE = 0x80000000;
    internal const ulong VM_DROPPABLE = 1UL << 40;
    internal const ulong VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC;
    internal const ulong VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP;
    internal const ulong VM_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT;

    // What memory failure did about a page.
    internal const int MF_IGNORED = 0;
    internal const int MF_FAILED = 1;
    internal const int MF_DELAYED = 2;
    internal const int MF_RECOVERED = 3;

    internal const int GUP_PIN_COUNTING_BIAS = 1 << 10;

    internal static bool PAGE_ALIGNED(ulong addr) => (addr & (PAGE_SIZE - 1)) == 0;

    internal static bool PAGE_ALIGNED(long addr) => PAGE_ALIGNED((ulong)addr);

    internal static ulong PAGE_ALIGN(ulong addr) => (addr + PAGE_SIZE - 1) & PAGE_MASK;

    internal static folio page_folio(page page)
    {
        PageFrame* frame = page.Frame;
        return ((ulong)frame->next & 1) != 0 && frame->page_type != PGTY_buddy ? new folio((PageFrame*)((ulong)frame->next & ~1UL)) : new folio(frame);
    }

    internal static int folio_order(folio folio) => folio_test_large(folio) ? folio.Frame->order : 0;

    internal static long folio_nr_pages(folio folio) => 1L << folio_order(folio);

    internal static ulong folio_size(folio folio) => PAGE_SIZE << folio_order(folio);

    internal static page folio_page(folio folio, ulong n) => new(folio.Frame + n);

    internal static folio pfn_folio(Kernel kernel, ulong pfn) => page_folio(pfn_to_page(kernel, pfn));

    internal static int folio_ref_count(folio folio) => Volatile.Read(ref folio.Frame->_refcount);

    internal static bool folio_mapped(folio folio) => Volatile.Read(ref folio.Frame->_mapcount) >= 0;

    internal static int folio_mapcount(folio folio) => Volatile.Read(ref folio.Frame->_mapcount) + 1;

    internal static bool folio_maybe_dma_pinned(folio folio) => folio_ref_count(folio) >= GUP_PIN_COUNTING_BIAS;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void folio_get([AcquiresReference] folio folio) => folio_ref_add(folio, 1);

    internal static void get_page(page page) => folio_ref_add(page_folio(page), 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void folio_put([DropsReference] folio folio)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        if (folio_ref_sub_and_test(folio, 1))
            Swap.__folio_put(folio);
    }

    internal static void folio_put_refs([BorrowsReference] folio folio, int refs)
    {
        if (folio_ref_sub_and_test(folio, refs))
            Swap.__folio_put(folio);
    }

    internal static void put_page(page page) => folio_put_refs(page_folio(page), 1);

    internal static folio virt_to_folio(Kernel kernel, ulong addr) => page_folio(virt_to_page(kernel, addr));

    internal static page virt_to_page(Kernel kernel, ulong addr) => pfn_to_page(kernel, (addr - kernel.PhysicalToDirectMap) >> PAGE_SHIFT);

    /// <summary>A zeroed page (or more) for page tables, NULL without memory. Its physical address is page_to_phys() of it.</summary>
    [MustCheck]
    internal static page pagetable_alloc(gfp_t gfp, int order)
    {
        page page = PageAlloc.__alloc_pages_noprof(gfp | __GFP_COMP | __GFP_ZERO, order);
        if (!page.IS_NULL)
            page.Frame->page_type = PGTY_table;
        return page;
    }

    internal static void pagetable_free(page page)
    {
        WARN_ON_ONCE(!PageTable(page));
        page.Frame->page_type = -1;
        page.Frame->pt_share = 0;
        PageAlloc.__free_pages(page, folio_order(new folio(page.Frame)));
    }

    /// <summary>Counts a page-table page of a process; the counterpart is <see cref="pagetable_dtor"/>.</summary>
    internal static void pagetable_pte_ctor(page page) => mod_node_page_state(node_stat_item.NR_PAGETABLE, 1L << folio_order(new folio(page.Frame)));

    internal static void pagetable_dtor(page page) => mod_node_page_state(node_stat_item.NR_PAGETABLE, -(1L << folio_order(new folio(page.Frame))));

    /// <summary>Kernel virtual address of the page in the direct map, whether or not an entry is present there.</summary>
    internal static ulong page_address(page page) => (page_to_pfn(page) << PAGE_SHIFT) + page_kernel(page).PhysicalToDirectMap;

    internal static ulong folio_address(folio folio) => page_address(folio.page);

    [MustHoldShared("mm.mmap_lock")]
    internal static vm_area_struct? vma_lookup(mm_struct mm, ulong addr)
    {
        vm_area_struct? vma = mm.mm_mt.Find(addr);
        return vma is not null && vma.vm_start <= addr ? vma : null;
    }

    [MustHoldShared("mm.mmap_lock")]
    internal static vm_area_struct? find_vma_intersection(mm_struct mm, ulong start, ulong end)
    {
        vm_area_struct? vma = mm.mm_mt.Find(start);
        return vma is not null && vma.vm_start < end ? vma : null;
    }

    internal static vm_fault_t vmf_error(int err) => err switch
    {
        -ENOMEM => vm_fault_t.VM_FAULT_OOM,
        -EHWPOISON => vm_fault_t.VM_FAULT_HWPOISON,
        _ => vm_fault_t.VM_FAULT_SIGBUS,
    };
}
