// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Runtime.CompilerServices;

namespace Linux;

/// <summary>What a build of the kernel or its command line fixes for x86.</summary>
internal sealed record X86Options
{
    /// <summary>Boot parameters <c>gbpages</c> and <c>nogbpages</c>: 1G leaves in the direct map, where the CPU has them.</summary>
    internal bool Gbpages { get; init; } = true;

    /// <summary>Boot parameter <c>debug_pagealloc</c>: the direct map has 4K leaves only, and free pages are not in it.</summary>
    internal bool DebugPagealloc { get; init; }

    /// <summary>Boot parameter <c>nopcid</c>.</summary>
    internal bool NoPcid { get; init; }

    internal X86KvmOptions Kvm { get; init; } = new();
}

/// <summary>What KVM's build and module parameters fix for x86.</summary>
internal sealed record X86KvmOptions
{
    /// <summary>
    /// Module parameter <c>tdp_mmu</c>. The model translates for guests with second-stage tables in any case; without, it offers what a host with
    /// shadow paging offers.
    /// </summary>
    internal bool Tdp { get; init; } = true;

    /// <summary>CONFIG_KVM_SW_PROTECTED_VM: VMs with private memory that nothing but KVM protects; and with them the attributes of memory.</summary>
    internal bool SwProtectedVm { get; init; } = true;

    /// <summary>CONFIG_KVM_SMM: memslots have a second address space. No vCPU enters it.</summary>
    internal bool Smm { get; init; }

    /// <summary>Bits of a guest-physical address that memslots may use.</summary>
    internal int MaxPhysicalAddress { get; init; } = 52;
}

/// <summary>x86-64 behind the seam: delegates to the mirrored translation units, whose state its other parts hold.</summary>
internal sealed unsafe partial class X86Arch : Arch
{
    internal readonly X86Options options;
    internal readonly Machine machine;
    internal readonly PhysicalMemory memory;
    internal readonly bool has_pse;
    internal readonly bool has_pcid;
    internal readonly bool use_invlpgb;
    internal readonly bool debug_pagealloc_enabled;
    private Kernel? owner;
    private readonly long[] uncounted = new long[(int)pg_level.PG_LEVEL_512G];

    internal X86Arch(Machine machine, X86Options? options = null)
    {
        this.machine = machine;
        this.options = options ?? new X86Options();
        memory = machine.Memory;
        CpuFeatures features = machine.Config.Features;
        has_pse = (features & CpuFeatures.X86Pse) != 0;
        has_pcid = (features & CpuFeatures.X86Pcid) != 0 && !this.options.NoPcid;
        use_invlpgb = (features & CpuFeatures.X86Invlpgb) != 0;
        debug_pagealloc_enabled = this.options.DebugPagealloc;
        if ((features & CpuFeatures.X86Nx) == 0)
            supported_pte_mask &= ~_PAGE_NX;
        if ((features & CpuFeatures.X86Pge) == 0)
            supported_pte_mask &= ~_PAGE_GLOBAL;
        pgd_lock = new spinlock_t("pgd_lock");
        cpa_lock = new spinlock_t("cpa_lock");
        init_mm_mmap_lock = new rw_semaphore("&init_mm.mmap_lock");
        LoadKvm();
    }

    internal Kernel kernel => owner ?? throw new KernelOops("the architecture was asked before paging_init()");

    internal override string Name => "x86_64";

    internal override ulong PAGE_OFFSET => page_offset_base;

    internal override ulong PHYS_OFFSET => 0;

    internal override ulong TASK_SIZE => TASK_SIZE_MAX;

    internal override ulong MmapBase => TASK_SIZE_MAX - (128UL << 20);

    internal override bool HasMap32Bit => true;

    internal override ulong VMALLOC_START => __VMALLOC_BASE_L4;

    internal override ulong VMALLOC_END => __VMALLOC_BASE_L4 + (VMALLOC_SIZE_TB_L4 << 40);

    internal override pgprot_t PAGE_KERNEL => new(PgtableTypesH.PAGE_KERNEL.val & supported_pte_mask);

    internal override pgprot_t PAGE_KERNEL_NOGLOBAL => new(PgtableTypesH.PAGE_KERNEL_NOGLOBAL.val & supported_pte_mask);

    internal override KvmArch Kvm => kvm_x86 ?? throw new KernelOops("KVM is not loaded");

    /// <summary>KVM's half, once its module is loaded.</summary>
    internal KvmArch? kvm_x86 { get; private set; }

    /// <summary>Where the direct map begins. Not randomised.</summary>
    internal ulong page_offset_base { get; } = __PAGE_OFFSET_BASE_L4;

    partial void LoadKvm();

    /// <summary>The CPU that the current task runs on; only stable where migration is impossible.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Cpu this_cpu() => machine.Cpus[current.rq.cpu];

    internal override void paging_init(Kernel kernel)
    {
        owner = kernel;
        cpu_tlbstate = new tlb_state[machine.CpuCount];
        for (int i = 0; i < cpu_tlbstate.Length; i++)
            cpu_tlbstate[i] = new tlb_state();
        swapper_pg_dir = Memblock.memblock_phys_alloc(kernel, PAGE_SIZE, PAGE_SIZE);
        if (swapper_pg_dir == 0)
            throw new MachineException("the machine has no memory for the kernel's page tables");
        X86Init.init_mem_mapping(this);
        Init64.init_kernel_tables(this, kernel.kernel_image);
        kernel.RegisterInvariant("direct map", CheckDirectMap);
    }

    internal override void cpu_init(Kernel kernel, Cpu cpu) => cpu.LoadAddressSpace(swapper_pg_dir, 0, false);

    internal override pgprot_t vm_get_page_prot(ulong vm_flags)
    {
        pgprot_t prot = (vm_flags & (VM_READ | VM_WRITE | VM_EXEC | VM_SHARED)) switch
        {
            0 or VM_SHARED => PAGE_NONE,
            VM_READ or (VM_READ | VM_SHARED) => PAGE_READONLY,
            VM_WRITE or (VM_WRITE | VM_READ) => PAGE_COPY,
            VM_WRITE | VM_SHARED or (VM_WRITE | VM_READ | VM_SHARED) => PAGE_SHARED,
            VM_WRITE | VM_EXEC or (VM_WRITE | VM_EXEC | VM_READ) => PAGE_COPY_EXEC,
            VM_WRITE | VM_EXEC | VM_SHARED or (VM_WRITE | VM_EXEC | VM_READ | VM_SHARED) => PAGE_SHARED_EXEC,
            _ => PAGE_READONLY_EXEC,
        };
        return new pgprot_t(prot.val & supported_pte_mask);
    }

    internal override pte_t pfn_pte(ulong pfn, pgprot_t prot) => X86PgtableH.pfn_pte(pfn, prot);

    internal override pte_t pfn_leaf(ulong pfn, pgprot_t prot, int level)
    {
        pgprot_t large = new(protval_4k_2_large(prot.val) | _PAGE_PSE);
        return level switch
        {
            1 => X86PgtableH.pfn_pte(pfn, prot),
            2 => pfn_pmd(pfn, large),
            _ => pfn_pud(pfn, large),
        };
    }

    internal override pte_t table_entry(ulong table) => new(table | _PAGE_TABLE);

    internal override ulong table_address(pte_t entry) => entry.val & PTE_PFN_MASK;

    internal override ulong pte_pfn(pte_t pte) => (pte.val & _PAGE_PSE) != 0 ? pmd_pfn(pte) : X86PgtableH.pte_pfn(pte);

    internal override bool pte_present(pte_t pte) => X86PgtableH.pte_present(pte);

    internal override bool leaf(pte_t entry) => (entry.val & (_PAGE_PRESENT | _PAGE_PSE)) == (_PAGE_PRESENT | _PAGE_PSE);

    internal override bool pte_write(pte_t pte) => X86PgtableH.pte_write(pte);

    internal override bool pte_dirty(pte_t pte) => X86PgtableH.pte_dirty(pte);

    internal override bool pte_young(pte_t pte) => X86PgtableH.pte_young(pte);

    internal override bool pte_exec(pte_t pte) => X86PgtableH.pte_exec(pte);

    internal override pte_t pte_mkwrite(pte_t pte) => X86PgtableH.pte_mkwrite(pte);

    internal override pte_t pte_wrprotect(pte_t pte) => X86PgtableH.pte_wrprotect(pte);

    internal override pte_t pte_mkdirty(pte_t pte) => X86PgtableH.pte_mkdirty(pte);

    internal override pte_t pte_mkclean(pte_t pte) => X86PgtableH.pte_mkclean(pte);

    internal override pte_t pte_mkyoung(pte_t pte) => X86PgtableH.pte_mkyoung(pte);

    internal override pte_t pte_mkold(pte_t pte) => X86PgtableH.pte_mkold(pte);

    internal override pte_t pte_modify(pte_t pte, pgprot_t newprot) => X86PgtableH.pte_modify(pte, newprot);

    internal override pte_t make_swp_entry(uint type, uint value) => new(X86PgtableH.make_swp_entry(type, value));

    internal override bool is_swp_entry(pte_t pte, out uint type, out uint value)
    {
        type = __swp_type(pte.val);
        value = (uint)__swp_offset(pte.val);
        return pte.val != 0 && !X86PgtableH.pte_present(pte);
    }

    internal override void flush_tlb_all(Kernel kernel) => X86Tlb.flush_tlb_all(this);

    internal override void flush_tlb_kernel_range(Kernel kernel, ulong start, ulong end) => X86Tlb.flush_tlb_kernel_range(this, start, end);

    internal override void flush_tlb_mm_range(mm_struct mm, ulong start, ulong end, int stride_shift, bool freed_tables) =>
        X86Tlb.flush_tlb_mm_range(this, mm, start, end, stride_shift, freed_tables);

    internal override void local_flush_tlb_all(Kernel kernel) => X86Tlb.__flush_tlb_all(this);

    internal override void switch_mm(Kernel kernel, Cpu cpu, mm_struct? prev, mm_struct? next) =>
        X86Tlb.switch_mm_irqs_off(this, cpu, next?.context as mm_context_t);

    internal override int init_new_context(mm_struct mm)
    {
        mm.context = new mm_context_t(this, mm);
        return 0;
    }

    internal override void destroy_context(mm_struct mm)
    {
        if (mm.context is not mm_context_t context)
            return;
        X86Tlb.cleanup_lazy_tlbs(this, context);
        X86MmuContextH.mm_local_region_free(mm);
    }

    internal override ulong pgd_alloc(mm_struct mm) => X86Pgtable.pgd_alloc(this);

    internal override void pgd_free(mm_struct mm, ulong pgd) => X86Pgtable.pgd_free(this, pgd);

    internal override bool do_kernel_fault(Kernel kernel, in WalkFault fault) =>
        X86Fault.do_kern_addr_fault(this, fault.X86ErrorCode, fault.Address);

    internal override bool can_set_direct_map(Kernel kernel) => true;

    internal override int set_direct_map_invalid_noflush(Kernel kernel, ulong addr) => SetMemory.set_direct_map_invalid_noflush(this, addr);

    internal override int set_direct_map_default_noflush(Kernel kernel, ulong addr) => SetMemory.set_direct_map_default_noflush(this, addr);

    internal override int set_direct_map_valid_noflush(Kernel kernel, ulong addr, ulong numpages, bool valid) =>
        SetMemory.set_direct_map_valid_noflush(this, addr, numpages, valid);

    internal override bool kernel_page_present(page page) => SetMemory.kernel_page_present(this, page);

    internal override DirectMapStatistics DirectMap(Kernel kernel) => new(
        Volatile.Read(ref direct_pages_count[(int)pg_level.PG_LEVEL_4K]),
        Volatile.Read(ref direct_pages_count[(int)pg_level.PG_LEVEL_2M]),
        Volatile.Read(ref direct_pages_count[(int)pg_level.PG_LEVEL_1G]),
        direct_map_level2_splits,
        direct_map_level3_splits,
        direct_map_level2_collapses,
        direct_map_level3_collapses);

    internal override void WalkDirectMap(Kernel kernel, DirectMapVisitor visitor)
    {
        ulong end = PAGE_OFFSET + (max_pfn_mapped << PAGE_SHIFT);
        for (ulong address = PAGE_OFFSET; address < end;)
        {
            pte_t* entry = SetMemory.lookup_address(this, address, out pg_level level);
            ulong size = entry == null && level >= pg_level.PG_LEVEL_512G ? PGDIR_SIZE : page_level_size(level);
            if (entry != null && !pte_none(ptep_get(entry)))
            {
                pte_t val = ptep_get(entry);
                visitor(address, (int)level, (val.val & _PAGE_PRESENT) != 0, X86PgtableH.pte_write(val));
            }

            address = (address & ~(size - 1)) + size;
        }
    }

    /// <summary>Page frame number of an address in the direct map; false for any other address.</summary>
    internal bool pfn_of_direct_map(ulong address, out ulong pfn)
    {
        pfn = (address - PAGE_OFFSET) >> PAGE_SHIFT;
        return address >= PAGE_OFFSET && pfn < max_pfn_mapped;
    }

    /// <summary>Counts the store to a leaf of the kernel's tables, and tells the audit when memory went out of the direct map or came back.</summary>
    internal void LeafChanged(pg_level level, ulong address, ulong pfn, pte_t old, pte_t @new)
    {
        Cpu cpu = this_cpu();

        // The decoy addresses of machine checks have bit 63 flipped.
        address |= 1UL << 63;
        if (!pfn_of_direct_map(address, out _))
        {
            cpu.Count(HwEvent.KernelPteWrite);
            return;
        }

        cpu.Count(level switch
        {
            pg_level.PG_LEVEL_4K => HwEvent.PteWrite4K,
            pg_level.PG_LEVEL_2M => HwEvent.PteWrite2M,
            _ => HwEvent.PteWrite1G,
        });
        if (((old.val ^ @new.val) & _PAGE_PRESENT) == 0)
            return;
        ulong pages = page_level_size(level) >> PAGE_SHIFT;
        ulong limit = memory.Limit >> PAGE_SHIFT;
        pages = Math.Min(pages, limit - Math.Min(pfn, limit));
        if (pages == 0)
            return;
        if ((@new.val & _PAGE_PRESENT) != 0)
            machine.Exposure.LinearMapRestored(pfn, pages, address, cpu);
        else
            machine.Exposure.LinearMapRemoved(pfn, pages, address, cpu);
    }

    internal void LeafSplit(pg_level level) =>
        this_cpu().Count(level == pg_level.PG_LEVEL_2M ? HwEvent.SplitLeaf2M : HwEvent.SplitLeaf1G);

    internal void LeafMerged(pg_level level) =>
        this_cpu().Count(level == pg_level.PG_LEVEL_2M ? HwEvent.MergeLeaf2M : HwEvent.MergeLeaf1G);

    /// <summary>
    /// Splits through the decoy address of a machine check happen in the direct map but are not counted, on silicon as here: the address is
    /// none of the direct map's. Remembered so that the tables can be held against the counters.
    /// </summary>
    [MustHold("pgd_lock")]
    internal void SplitNotCounted(pg_level level, ulong address)
    {
        if (!pfn_of_direct_map(address | (1UL << 63), out _))
            return;
        uncounted[(int)level]--;
        uncounted[(int)level - 1] += PTRS_PER_PTE;
    }

    [MustCheck]
    internal page pagetable_alloc() => alloc_page(GFP_KERNEL);

    /// <summary>Frees a kernel page table. Those from before the page allocator are part of the image and stay.</summary>
    internal void pagetable_free(page page)
    {
        if (!folio_test_reserved(new folio(page.Frame)))
            __free_page(page);
    }

    // The counters say what the tables say, and nothing is mapped twice or at the wrong place.
    private void CheckDirectMap()
    {
        Span<long> seen = stackalloc long[(int)pg_level.PG_LEVEL_512G];
        seen.Clear();
        ulong end = PAGE_OFFSET + (max_pfn_mapped << PAGE_SHIFT);
        for (ulong address = PAGE_OFFSET; address < end;)
        {
            pte_t* entry = SetMemory.lookup_address(this, address, out pg_level level);
            ulong size = entry == null && level >= pg_level.PG_LEVEL_512G ? PGDIR_SIZE : page_level_size(level);
            if (entry != null && !pte_none(ptep_get(entry)))
            {
                pte_t val = ptep_get(entry);
                ulong pfn = level switch
                {
                    pg_level.PG_LEVEL_4K => X86PgtableH.pte_pfn(val),
                    pg_level.PG_LEVEL_2M => pmd_pfn(val),
                    _ => pud_pfn(val),
                };
                if (pfn != (address - PAGE_OFFSET) >> PAGE_SHIFT)
                    throw new KernelOops($"direct map of {address:x} has page frame {pfn:x}");
                seen[(int)level]++;
            }

            address = (address & ~(size - 1)) + size;
        }

        for (pg_level level = pg_level.PG_LEVEL_4K; level <= pg_level.PG_LEVEL_1G; level++)
        {
            long counted = Volatile.Read(ref direct_pages_count[(int)level]);
            if (seen[(int)level] != counted + uncounted[(int)level])
                throw new KernelOops($"direct map has {seen[(int)level]} leaves of {level}, counted are {counted}");
        }
    }
}
