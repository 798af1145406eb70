// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// What Linux finds under <c>asm/</c>: the one seam between the kernel image and an architecture. The instance is chosen when a machine
/// boots and holds the architecture's own globals, so that hosts of both kinds run side by side.
/// </summary>
internal abstract class Arch
{
    /// <summary>Name as in <c>uname -m</c>.</summary>
    internal abstract string Name { get; }

    /// <summary>Virtual address at which physical <see cref="PHYS_OFFSET"/> is mapped in the direct map.</summary>
    internal abstract ulong PAGE_OFFSET { get; }

    /// <summary>Lowest physical address that the direct map covers.</summary>
    internal abstract ulong PHYS_OFFSET { get; }

    /// <summary>First address that user space cannot have.</summary>
    internal abstract ulong TASK_SIZE { get; }

    /// <summary>Where mmap() without a hint begins to look, downwards.</summary>
    internal abstract ulong MmapBase { get; }

    /// <summary>Whether mmap() knows MAP_32BIT and MAP_ABOVE4G.</summary>
    internal virtual bool HasMap32Bit => false;

    internal abstract ulong VMALLOC_START { get; }

    internal abstract ulong VMALLOC_END { get; }

    /// <summary>KVM's architecture half.</summary>
    internal abstract KvmArch Kvm { get; }

    // Boot.

    /// <summary>Builds the kernel page tables: the direct map of all memory with the largest leaves allowed. Called once, before init_mm is used.</summary>
    internal abstract void paging_init(Kernel kernel);

    /// <summary>Makes the CPU use the kernel's tables. Called on each CPU when it comes up.</summary>
    internal abstract void cpu_init(Kernel kernel, Cpu cpu);

    // Entries. All levels; a table entry points to the next level.

    internal abstract pgprot_t vm_get_page_prot(ulong vm_flags);

    internal abstract pgprot_t PAGE_KERNEL { get; }

    internal abstract pgprot_t PAGE_KERNEL_NOGLOBAL { get; }

    internal abstract pte_t pfn_pte(ulong pfn, pgprot_t prot);

    /// <summary>A leaf at the PMD (level 2) or PUD (level 3).</summary>
    internal abstract pte_t pfn_leaf(ulong pfn, pgprot_t prot, int level);

    /// <summary>An entry that points to the table at <paramref name="table"/> (physical).</summary>
    internal abstract pte_t table_entry(ulong table);

    internal abstract ulong table_address(pte_t entry);

    internal abstract ulong pte_pfn(pte_t pte);

    internal abstract bool pte_present(pte_t pte);

    /// <summary>A present entry above the last level that maps memory itself.</summary>
    internal abstract bool leaf(pte_t entry);

    internal abstract bool pte_write(pte_t pte);

    internal abstract bool pte_dirty(pte_t pte);

    internal abstract bool pte_young(pte_t pte);

    internal abstract bool pte_exec(pte_t pte);

    internal abstract pte_t pte_mkwrite(pte_t pte);

    internal abstract pte_t pte_wrprotect(pte_t pte);

    internal abstract pte_t pte_mkdirty(pte_t pte);

    internal abstract pte_t pte_mkclean(pte_t pte);

    internal abstract pte_t pte_mkyoung(pte_t pte);

    internal abstract pte_t pte_mkold(pte_t pte);

    internal abstract pte_t pte_modify(pte_t pte, pgprot_t newprot);

    /// <summary>A not-present, not-empty entry that carries <paramref name="value"/> (up to 32 bits): markers, PROT_NONE keepers.</summary>
    internal abstract pte_t make_swp_entry(uint type, uint value);

    internal abstract bool is_swp_entry(pte_t pte, out uint type, out uint value);

    // TLB.

    /// <summary>Drops everything on every CPU. Sleepable context with interrupts on, no lock a CPU might spin on with interrupts off.</summary>
    internal abstract void flush_tlb_all(Kernel kernel);

    internal abstract void flush_tlb_kernel_range(Kernel kernel, ulong start, ulong end);

    internal abstract void flush_tlb_mm_range(mm_struct mm, ulong start, ulong end, int stride_shift, bool freed_tables);

    internal abstract void local_flush_tlb_all(Kernel kernel);

    /// <summary>Loads an address space on this CPU; null loads the kernel's own.</summary>
    internal abstract void switch_mm(Kernel kernel, Cpu cpu, mm_struct? prev, mm_struct? next);

    /// <summary>A top-level table for a new address space; on x86 with the kernel's half in it.</summary>
    /// <returns>Its physical address, 0 without memory.</returns>
    [MustCheck]
    internal abstract ulong pgd_alloc(mm_struct mm);

    internal abstract void pgd_free(mm_struct mm, ulong pgd);

    internal abstract int init_new_context(mm_struct mm);

    /// <summary>No CPU has the address space loaded after this. Sleepable context, interrupts on; the tables still exist.</summary>
    internal abstract void destroy_context(mm_struct mm);

    // Direct map.

    internal abstract bool can_set_direct_map(Kernel kernel);

    [MustCheck]
    internal abstract int set_direct_map_invalid_noflush(Kernel kernel, ulong addr);

    [MustCheck]
    internal abstract int set_direct_map_default_noflush(Kernel kernel, ulong addr);

    /// <summary>Makes <paramref name="numpages"/> pages of the direct map present or not. Never undoes what it did before an error.</summary>
    [MustCheck]
    [MightSleep]
    internal abstract int set_direct_map_valid_noflush(Kernel kernel, ulong addr, ulong numpages, bool valid);

    internal abstract bool kernel_page_present(page page);

    /// <summary>A load or store of the kernel through its own half faulted.</summary>
    /// <returns>True: try again, the translation was old.</returns>
    /// <exception cref="KernelOops">The entries do not allow it.</exception>
    internal abstract bool do_kernel_fault(Kernel kernel, in WalkFault fault);

    /// <summary>Direct-map leaves per level, as /proc/meminfo and /proc/vmstat tell them.</summary>
    internal abstract DirectMapStatistics DirectMap(Kernel kernel);

    /// <summary>Walks the direct map and reports leaves in address order, for drawings and invariants.</summary>
    internal abstract void WalkDirectMap(Kernel kernel, DirectMapVisitor visitor);
}

/// <summary>Calls back for each run of the direct map.</summary>
/// <param name="address">Virtual address of the leaf.</param>
/// <param name="level">1, 2, 3 for 4 KiB, 2 MiB, 1 GiB.</param>
/// <param name="present">Whether the leaf is present.</param>
/// <param name="writable">Whether the leaf may be written.</param>
internal delegate void DirectMapVisitor(ulong address, int level, bool present, bool writable);

/// <summary>Counters of the direct map.</summary>
/// <param name="Pages4K">Leaves of 4 KiB, present or not.</param>
/// <param name="Pages2M">Leaves of 2 MiB.</param>
/// <param name="Pages1G">Leaves of 1 GiB.</param>
/// <param name="Level2Splits">direct_map_level2_splits.</param>
/// <param name="Level3Splits">direct_map_level3_splits.</param>
/// <param name="Level2Collapses">direct_map_level2_collapses.</param>
/// <param name="Level3Collapses">direct_map_level3_collapses.</param>
internal readonly record struct DirectMapStatistics(
    long Pages4K, long Pages2M, long Pages1G, long Level2Splits, long Level3Splits, long Level2Collapses, long Level3Collapses);
