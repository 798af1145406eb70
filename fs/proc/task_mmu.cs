// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/proc/task_mmu.c, Linux 6.18.
namespace Linux;

/// <summary>A line of /proc/self/maps.</summary>
/// <param name="Start">First byte.</param>
/// <param name="End">Byte behind the last.</param>
/// <param name="Permissions">Four letters.</param>
/// <param name="Offset">Bytes into the file, or for anonymous memory 0.</param>
/// <param name="Name">File or special name, else empty.</param>
internal readonly record struct VmaInfo(ulong Start, ulong End, string Permissions, ulong Offset, string Name);

/// <summary>What /proc/self/smaps adds to a line, in KiB.</summary>
internal readonly record struct SmapsInfo(ulong RssKb, ulong AnonymousKb, ulong LockedKb, string VmFlags);

internal static unsafe class TaskMmu
{
    /// <summary>Fixed-point bits of a page's share.</summary>
    private const int PSS_SHIFT = 12;

    private static readonly (ulong Flag, string Code)[] mnemonics =
    [
        (VM_READ, "rd"), (VM_WRITE, "wr"), (VM_EXEC, "ex"), (VM_SHARED, "sh"), (VM_MAYREAD, "mr"), (VM_MAYWRITE, "mw"), (VM_MAYEXEC, "me"),
        (VM_MAYSHARE, "ms"), (VM_GROWSDOWN, "gd"), (VM_PFNMAP, "pf"), (VM_MAYBE_GUARD, "gu"), (VM_LOCKED, "lo"), (VM_IO, "io"),
        (VM_SEQ_READ, "sr"), (VM_RAND_READ, "rr"), (VM_DONTCOPY, "dc"), (VM_DONTEXPAND, "de"), (VM_LOCKONFAULT, "lf"), (VM_ACCOUNT, "ac"),
        (VM_NORESERVE, "nr"), (VM_HUGETLB, "ht"), (VM_SYNC, "sf"), (VM_WIPEONFORK, "wf"), (VM_DONTDUMP, "dd"), (VM_MIXEDMAP, "mm"),
        (VM_HUGEPAGE, "hg"), (VM_NOHUGEPAGE, "nh"), (VM_MERGEABLE, "mg"), (VM_UFFD_MISSING, "um"), (VM_UFFD_WP, "uw"), (VM_DROPPABLE, "dp"),
    ];

    internal static VmaInfo show_map_vma(vm_area_struct vma)
    {
        ulong flags = vma.vm_flags;
        string permissions = string.Concat(
            (flags & VM_READ) != 0 ? 'r' : '-',
            (flags & VM_WRITE) != 0 ? 'w' : '-',
            (flags & VM_EXEC) != 0 ? 'x' : '-',
            (flags & VM_MAYSHARE) != 0 ? 's' : 'p');
        ulong offset = vma.vm_file is null ? 0 : vma.vm_pgoff << PAGE_SHIFT;
        return new VmaInfo(vma.vm_start, vma.vm_end, permissions, offset, vma.vm_file?.name ?? (vma.anon_name is { } name ? $"[anon:{name}]" : string.Empty));
    }

    internal static string show_smap_vma_flags(vm_area_struct vma)
    {
        ulong flags = vma.vm_flags;
        return string.Join(' ', mnemonics.Where(m => (flags & m.Flag) != 0).Select(m => m.Code));
    }

    /// <summary>Walks the area's page tables. Under mmap_lock.</summary>
    [MustHoldShared("vma.vm_mm.mmap_lock")]
    internal static SmapsInfo smap_gather_stats(vm_area_struct vma)
    {
        mm_struct mm = vma.vm_mm;
        ulong resident = 0;
        ulong anonymous = 0;
        ulong pss_locked = 0;
        bool locked = (vma.vm_flags & VM_LOCKED) != 0;
        var cursor = new pt_cursor(mm);
        spin_lock(mm.page_table_lock);
        for (ulong addr = vma.vm_start; addr < vma.vm_end;)
        {
            ulong table = cursor.WalkPte(addr, out ulong next);
            ulong stop = Math.Min(next, vma.vm_end);
            if (table == 0)
            {
                addr = stop;
                continue;
            }

            ulong* pte = (ulong*)mm.memory.Host(table) + pte_index(addr);
            for (; addr < stop; addr += PAGE_SIZE, pte++)
            {
                pte_t entry = ptep_get(pte);
                if (!mm.arch.pte_present(entry))
                    continue;
                folio folio = vm_normal_folio(vma, entry);
                if (folio.IS_NULL)
                    continue;
                resident += PAGE_SIZE;
                if (folio_test_anon(folio))
                    anonymous += PAGE_SIZE;
                if (locked)
                    pss_locked += (PAGE_SIZE << PSS_SHIFT) / (ulong)folio_mapcount(folio);
            }
        }

        spin_unlock(mm.page_table_lock);
        return new SmapsInfo(resident >> 10, anonymous >> 10, pss_locked >> (10 + PSS_SHIFT), show_smap_vma_flags(vma));
    }
}
