// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/pgtable-generic.c, Linux 6.18.
namespace Linux;

/// <summary>
/// Finds tables of last-level entries, one after the other. Tables of user space go only in unmap_region(), after the areas left their
/// files, so a walk is safe under mmap_lock in any mode and under i_mmap_rwsem of a file that an area in the range maps.
/// </summary>
internal unsafe ref struct pt_cursor
{
    private readonly mm_struct _mm;
    private ulong _base;
    private ulong _table;

    internal pt_cursor(mm_struct mm)
    {
        _mm = mm;
        _base = 1;
        _table = 0;
    }

    /// <summary>The table that holds the entry of an address, physical; 0 if there is none.</summary>
    /// <param name="addr">User address.</param>
    /// <param name="next">The first address that needs another table.</param>
    internal ulong WalkPte(ulong addr, out ulong next)
    {
        if ((addr & PMD_MASK) == _base)
        {
            next = _base + PMD_SIZE;
            return _table;
        }

        PhysicalMemory memory = _mm.memory;
        Arch arch = _mm.arch;
        ulong entry = Volatile.Read(ref ((ulong*)memory.Host(_mm.pgd))[pgd_index(addr)]);
        if (entry == 0)
        {
            next = (addr & PGDIR_MASK) + PGDIR_SIZE;
            return 0;
        }

        entry = Volatile.Read(ref ((ulong*)memory.Host(arch.table_address(new pte_t(entry))))[pud_index(addr)]);
        if (entry == 0)
        {
            next = (addr & PUD_MASK) + PUD_SIZE;
            return 0;
        }

        entry = Volatile.Read(ref ((ulong*)memory.Host(arch.table_address(new pte_t(entry))))[pmd_index(addr)]);
        next = (addr & PMD_MASK) + PMD_SIZE;
        if (entry == 0)
            return 0;
        _base = addr & PMD_MASK;
        _table = arch.table_address(new pte_t(entry));
        return _table;
    }
}

internal static unsafe class PgtableGeneric
{
    // What a not-present, not-empty entry of a user table says. Linux numbers its kinds from the top of the swap types.
    internal const uint SWP_PTE_MARKER = 31;
    internal const uint SWP_HWPOISON = 30;
    internal const uint PTE_MARKER_POISONED = 2;
    internal const uint PTE_MARKER_GUARD = 4;

    /// <summary>The MMU sets accessed and dirty bits at any time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static pte_t ptep_get(ulong* ptep) => new(Volatile.Read(ref *ptep));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void set_pte_at(task_struct task, ulong* ptep, pte_t pte)
    {
        Volatile.Write(ref *ptep, pte.val);
        task.rq.hw.Count(HwEvent.UserPteWrite);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static pte_t ptep_get_and_clear(task_struct task, ulong* ptep)
    {
        task.rq.hw.Count(HwEvent.UserPteWrite);
        return new pte_t(Interlocked.Exchange(ref *ptep, 0));
    }

    /// <summary>Replaces an entry unless the MMU changed it meanwhile; an equal value is not written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool ptep_try_replace(task_struct task, ulong* ptep, pte_t old, pte_t @new)
    {
        if (old == @new)
            return true;
        if (Interlocked.CompareExchange(ref *ptep, @new.val, old.val) != old.val)
            return false;
        task.rq.hw.Count(HwEvent.UserPteWrite);
        return true;
    }

    internal static pte_t make_pte_marker(Arch arch, uint marker) => arch.make_swp_entry(SWP_PTE_MARKER, marker);

    internal static bool is_guard_pte_marker(Arch arch, pte_t pte) =>
        pte.val != 0 && !arch.pte_present(pte) && arch.is_swp_entry(pte, out uint type, out uint value) && type == SWP_PTE_MARKER && (value & PTE_MARKER_GUARD) != 0;

    internal static bool is_hwpoison_entry(Arch arch, pte_t pte) =>
        pte.val != 0 && !arch.pte_present(pte) && arch.is_swp_entry(pte, out uint type, out _) && type == SWP_HWPOISON;

    /// <summary>No access at all: such an entry is present to the kernel, and its bits are what they would be after a change to none.</summary>
    internal static bool pte_protnone(Arch arch, pte_t pte) => arch.pte_modify(pte, arch.vm_get_page_prot(VM_NONE)) == pte;

    /// <summary>The table for an address, made together with those above it if need be.</summary>
    /// <returns>Its physical address, or 0 without memory.</returns>
    [MustCheck]
    internal static ulong pte_alloc(mm_struct mm, ulong addr)
    {
        ulong table = mm.pgd;
        for (int level = 4; level > 1; level--)
        {
            uint index = level switch
            {
                4 => pgd_index(addr),
                3 => pud_index(addr),
                _ => pmd_index(addr),
            };
            ulong* entry = (ulong*)mm.memory.Host(table) + index;
            ulong value = Volatile.Read(ref *entry);
            if (value == 0)
            {
                value = AllocTable(mm, entry);
                if (value == 0)
                    return 0;
            }

            table = mm.arch.table_address(new pte_t(value));
        }

        return table;
    }

    /// <summary>Frees the tables of a range whose whole span lies between the neighbours.</summary>
    internal static void free_pgd_range(ref mmu_gather tlb, ulong addr, ulong end, ulong floor, ulong ceiling)
    {
        if (addr < end)
            FreeLevel(ref tlb, tlb.mm.pgd, 4, 0, addr, end, floor, ceiling);
    }

    private static ulong AllocTable(mm_struct mm, ulong* entry)
    {
        page page = pagetable_alloc(GFP_PGTABLE_USER, 0);
        if (page.IS_NULL)
            return 0;
        task_struct task = current;
        page.Frame->@private = 0;
        spin_lock(mm.page_table_lock);
        ulong value = Volatile.Read(ref *entry);
        bool mine = value == 0;
        if (mine)
        {
            value = mm.arch.table_entry(page_to_pfn(page) << PAGE_SHIFT).val;
            set_pte_at(task, entry, new pte_t(value));
            mm.pgtables_pages++;
            pagetable_pte_ctor(page);
        }

        spin_unlock(mm.page_table_lock);
        if (!mine)
        {
            pagetable_free(page);
        }

        return value;
    }

    private static void FreeLevel(ref mmu_gather tlb, ulong table, int level, ulong @base, ulong addr, ulong end, ulong floor, ulong ceiling)
    {
        mm_struct mm = tlb.mm;
        int shift = PAGE_SHIFT + ((level - 1) * 9);
        ulong span = 1UL << shift;
        ulong* entries = (ulong*)mm.memory.Host(table);
        for (ulong at = addr & ~(span - 1); at < end; at += span)
        {
            ulong* entry = entries + ((at >> shift) & 511);
            ulong value = Volatile.Read(ref *entry);
            if (value == 0)
                continue;
            ulong child = mm.arch.table_address(new pte_t(value));
            if (level > 2)
                FreeLevel(ref tlb, child, level - 1, at, Math.Max(addr, at), Math.Min(end, at + span), floor, ceiling);
            if (at < floor || at + span - 1 >= ceiling)
                continue;
            spin_lock(mm.page_table_lock);
            set_pte_at(tlb.task, entry, default);
            mm.pgtables_pages--;
            spin_unlock(mm.page_table_lock);
            page freed = pfn_to_page(mm.kernel, child >> PAGE_SHIFT);
            pagetable_dtor(freed);
            tlb_remove_table(ref tlb, freed, at, span);
        }
    }
}
