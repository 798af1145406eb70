// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>What a build of the kernel or its command line fixes for arm64.</summary>
internal sealed record Arm64Options
{
    /// <summary>Boot parameter <c>rodata=full</c>, the default: read-only memory is so in the linear map too, which needs page granularity.</summary>
    internal bool RodataFull { get; init; } = true;

    /// <summary>Boot parameter <c>debug_pagealloc</c>: pages of 4 KiB only, and free pages are not in the linear map.</summary>
    internal bool DebugPagealloc { get; init; }

    /// <summary>KFENCE that may be switched on after boot, so that its pool can lie anywhere in the linear map.</summary>
    internal bool LateKfence { get; init; }

    /// <summary>The kernel is the guest of a realm.</summary>
    internal bool RealmWorld { get; init; }

    /// <summary>Boot parameter <c>kpti</c>: kernel translations are tagged with an ASID (nG), as the kernel unmaps itself in user mode.</summary>
    internal bool Kpti { get; init; }

    /// <summary>CPUs other than the first lack BBML2, which is found only when they come up.</summary>
    internal bool LateCpusLackBbml2 { get; init; }

    /// <summary>Memory tagging may be enabled for guests.</summary>
    internal bool Mte { get; init; }

    /// <summary>Bits of the largest intermediate physical address that a guest may be given, 32 to 48.</summary>
    internal int IpaLimit { get; init; } = 48;
}

/// <summary>arm64 behind the seam: delegates to the mirrored translation units, whose state its other parts hold.</summary>
internal sealed unsafe partial class Arm64Arch : Arch
{
    internal readonly Arm64Options options;
    internal readonly Machine machine;
    internal readonly PhysicalMemory memory;
    private Kernel? owner;

    internal Arm64Arch(Machine machine, Arm64Options? options = null)
    {
        this.machine = machine;
        this.options = options ?? new Arm64Options();
        memory = machine.Memory;
        PTE_MAYBE_NG = this.options.Kpti ? PTE_NG : 0;
        NUM_USER_ASIDS = machine.AsidLimit;
        pgtable_split_lock = new mutex("pgtable_split_lock");
        cpu_asid_lock = new spinlock_t("cpu_asid_lock");
        kvm_arm = new Arm64Kvm(this);
    }

    internal Kernel kernel => owner ?? throw new KernelOops("the architecture was asked before paging_init()");

    internal override string Name => "aarch64";

    internal override ulong PAGE_OFFSET => Arm64MemoryH.PAGE_OFFSET;

    internal override ulong PHYS_OFFSET => memstart_addr;

    internal override ulong TASK_SIZE => TASK_SIZE_64;

    internal override ulong MmapBase => TASK_SIZE_64 - (128UL << 20);

    internal override ulong VMALLOC_START => Arm64MemoryH.VMALLOC_START;

    internal override ulong VMALLOC_END => Arm64MemoryH.VMALLOC_END;

    internal override pgprot_t PAGE_KERNEL => new(_PAGE_KERNEL | PTE_MAYBE_NG);

    // nG makes it so; without KPTI nothing else asks for it.
    internal override pgprot_t PAGE_KERNEL_NOGLOBAL => new(_PAGE_KERNEL | PTE_NG);

    internal override KvmArch Kvm => kvm_arm;

    /// <summary>KVM's half.</summary>
    internal Arm64Kvm kvm_arm { get; }

    /// <summary>nG in kernel entries: set with KPTI.</summary>
    internal ulong PTE_MAYBE_NG { get; }

    /// <summary>A kernel entry that translates.</summary>
    internal ulong PTE_PRESENT_VALID_KERNEL => PTE_VALID | PTE_MAYBE_NG;

    /// <summary>The CPU that the current task runs on; only stable where migration is impossible.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Cpu this_cpu() => machine.Cpus[current.rq.cpu];

    internal override void paging_init(Kernel kernel)
    {
        owner = kernel;
        Arm64Init.arm64_memblock_init(this);
        Arm64Mmu.paging_init(this);
        Arm64Context.asids_init(this);
        kernel.RegisterInvariant("linear map", CheckLinearMap);
    }

    internal override void cpu_init(Kernel kernel, Cpu cpu)
    {
        cpu.KernelRoot = swapper_pg_dir;
        cpu.LoadAddressSpace(reserved_pg_dir, 0, false);

        // What all CPUs have is known when the last one is up.
        if (cpu.Id == machine.CpuCount - 1)
            Arm64Mmu.setup_system_features(this);
    }

    internal override pgprot_t vm_get_page_prot(ulong vm_flags) => (vm_flags & (VM_READ | VM_WRITE | VM_EXEC | VM_SHARED)) switch
    {
        0 or VM_SHARED => PAGE_NONE,
        VM_READ or VM_WRITE or (VM_WRITE | VM_READ) or (VM_READ | VM_SHARED) => PAGE_READONLY,
        VM_WRITE | VM_SHARED or (VM_WRITE | VM_READ | VM_SHARED) => PAGE_SHARED,
        VM_WRITE | VM_EXEC | VM_SHARED or (VM_WRITE | VM_EXEC | VM_READ | VM_SHARED) => PAGE_SHARED_EXEC,
        _ => PAGE_READONLY_EXEC,
    };

    internal override pte_t pfn_pte(ulong pfn, pgprot_t prot) => Arm64PgtableH.pfn_pte(pfn, prot);

    internal override pte_t pfn_leaf(ulong pfn, pgprot_t prot, int level) => level == 1 ? Arm64PgtableH.pfn_pte(pfn, prot) : pfn_sect(pfn, prot);

    internal override pte_t table_entry(ulong table) => new(table | PMD_TYPE_TABLE);

    internal override ulong table_address(pte_t entry) => entry.val & PTE_ADDR_MASK;

    internal override ulong pte_pfn(pte_t pte) => Arm64PgtableH.pte_pfn(pte);

    internal override bool pte_present(pte_t pte) => Arm64PgtableH.pte_present(pte);

    internal override bool leaf(pte_t entry) => pmd_leaf(entry);

    internal override bool pte_write(pte_t pte) => Arm64PgtableH.pte_write(pte);

    internal override bool pte_dirty(pte_t pte) => Arm64PgtableH.pte_dirty(pte);

    internal override bool pte_young(pte_t pte) => Arm64PgtableH.pte_young(pte);

    internal override bool pte_exec(pte_t pte) => pte_user_exec(pte);

    internal override pte_t pte_mkwrite(pte_t pte) => Arm64PgtableH.pte_mkwrite(pte);

    internal override pte_t pte_wrprotect(pte_t pte) => Arm64PgtableH.pte_wrprotect(pte);

    internal override pte_t pte_mkdirty(pte_t pte) => Arm64PgtableH.pte_mkdirty(pte);

    internal override pte_t pte_mkclean(pte_t pte) => Arm64PgtableH.pte_mkclean(pte);

    internal override pte_t pte_mkyoung(pte_t pte) => Arm64PgtableH.pte_mkyoung(pte);

    internal override pte_t pte_mkold(pte_t pte) => Arm64PgtableH.pte_mkold(pte);

    internal override pte_t pte_modify(pte_t pte, pgprot_t newprot) => Arm64PgtableH.pte_modify(pte, newprot);

    internal override pte_t make_swp_entry(uint type, uint value) => new(Arm64PgtableH.make_swp_entry(type, value));

    internal override bool is_swp_entry(pte_t pte, out uint type, out uint value)
    {
        type = __swp_type(pte.val);
        value = (uint)__swp_offset(pte.val);
        return pte.val != 0 && !Arm64PgtableH.pte_present(pte);
    }

    internal override void flush_tlb_all(Kernel kernel) => Arm64TlbflushH.flush_tlb_all(this);

    internal override void flush_tlb_kernel_range(Kernel kernel, ulong start, ulong end) => Arm64TlbflushH.flush_tlb_kernel_range(this, start, end);

    internal override void flush_tlb_mm_range(mm_struct mm, ulong start, ulong end, int stride_shift, bool freed_tables) =>
        Arm64TlbflushH.__flush_tlb_range(this, mm, start, end, 1UL << stride_shift);

    internal override void local_flush_tlb_all(Kernel kernel) => Arm64TlbflushH.local_flush_tlb_all(this);

    internal override void switch_mm(Kernel kernel, Cpu cpu, mm_struct? prev, mm_struct? next) =>
        Arm64Context.switch_mm(this, cpu, next?.context as arm64_mm_context);

    internal override int init_new_context(mm_struct mm)
    {
        mm.context = new arm64_mm_context(this, mm);
        return 0;
    }

    internal override void destroy_context(mm_struct mm)
    {
        if (mm.context is arm64_mm_context context)
            Arm64Context.leave_everywhere(context);
    }

    internal override ulong pgd_alloc(mm_struct mm) => Arm64Pgd.pgd_alloc();

    internal override void pgd_free(mm_struct mm, ulong pgd) => Arm64Pgd.pgd_free(this, pgd);

    internal override bool do_kernel_fault(Kernel kernel, in WalkFault fault) => Arm64Fault.__do_kernel_fault(this, in fault);

    internal override bool can_set_direct_map(Kernel kernel) => Pageattr.can_set_direct_map(this);

    internal override int set_direct_map_invalid_noflush(Kernel kernel, ulong addr) => Pageattr.set_direct_map_invalid_noflush(this, addr);

    internal override int set_direct_map_default_noflush(Kernel kernel, ulong addr) => Pageattr.set_direct_map_default_noflush(this, addr);

    internal override int set_direct_map_valid_noflush(Kernel kernel, ulong addr, ulong numpages, bool valid) =>
        Pageattr.set_direct_map_valid_noflush(this, addr, numpages, valid);

    internal override bool kernel_page_present(page page) => Pageattr.kernel_page_present(this, page);

    internal override DirectMapStatistics DirectMap(Kernel kernel) => new(
        Volatile.Read(ref leaves[1]),
        Volatile.Read(ref leaves[2]),
        Volatile.Read(ref leaves[3]),
        Volatile.Read(ref PmdSplits),
        Volatile.Read(ref PudSplits),
        0,
        0);

    internal override void WalkDirectMap(Kernel kernel, DirectMapVisitor visitor)
    {
        foreach (PhysicalRange range in memory.Ranges)
        {
            ulong end = __phys_to_virt(this, range.End);
            for (ulong address = __phys_to_virt(this, range.Start); address < end;)
            {
                pte_t entry = Lookup(address, out int level);
                ulong size = 1UL << (PAGE_SHIFT + ((level - 1) * 9));
                if (!pte_none(entry))
                    visitor(address, level, pte_valid(entry), !pte_rdonly(entry));
                address = (address & ~(size - 1)) + size;
            }
        }
    }

    /// <summary>The kernel's entry that ends the walk for an address: a leaf, valid or not, or an empty one.</summary>
    internal pte_t Lookup(ulong address, out int level)
    {
        ulong table = swapper_pg_dir;
        level = 4;
        while (true)
        {
            pte_t entry = ptep_get((pte_t*)memory.Host(table) + (uint)((address >> (PAGE_SHIFT + ((level - 1) * 9))) & (PTRS_PER_PTE - 1)));
            if (level == 1 || !pmd_table(entry))
                return entry;
            table = entry.val & PTE_ADDR_MASK;
            level--;
        }
    }

    /// <summary>Page frame number of an address in the linear map; false for any other address.</summary>
    internal bool PfnOfLinearMap(ulong address, out ulong pfn)
    {
        ulong phys = __virt_to_phys(this, address);
        pfn = phys >> PAGE_SHIFT;
        return __is_lm_address(address) && memory.IsRam(phys, 1);
    }

    /// <summary>Counts the store to a leaf of the kernel's tables, and tells the audit when memory went out of the linear map or came back.</summary>
    internal void LeafChanged(int level, ulong address, pte_t old, pte_t @new)
    {
        Cpu cpu = this_cpu();
        if (!PfnOfLinearMap(address, out _))
        {
            cpu.Count(HwEvent.KernelPteWrite);
            return;
        }

        cpu.Count(level switch
        {
            1 => HwEvent.PteWrite4K,
            2 => HwEvent.PteWrite2M,
            _ => HwEvent.PteWrite1G,
        });
        if (((old.val ^ @new.val) & PTE_VALID) == 0)
            return;
        ulong pages = 1UL << ((level - 1) * 9);
        if (pte_valid(@new))
            machine.Exposure.LinearMapRestored(Arm64PgtableH.pte_pfn(@new), pages, address, cpu);
        else
            machine.Exposure.LinearMapRemoved(Arm64PgtableH.pte_pfn(@new), pages, address, cpu);
    }

    // Nothing is mapped at the wrong place, the counters say what the tables say, and the sixteen entries of a contiguous run are alike: a CPU
    // may hold any one of them for all.
    [ContextUnsafe("runs while no task is inside the kernel")]
    private void CheckLinearMap()
    {
        Span<long> seen = stackalloc long[4];
        seen.Clear();
        foreach (PhysicalRange range in memory.Ranges)
        {
            for (ulong phys = range.Start; phys < range.End;)
            {
                ulong address = __phys_to_virt(this, phys);
                pte_t entry = Lookup(address, out int level);
                ulong size = 1UL << (PAGE_SHIFT + ((level - 1) * 9));
                if (pte_none(entry))
                    throw new KernelOops($"linear map of {phys:x} is empty");
                if (Arm64PgtableH.pte_pfn(entry) != phys >> PAGE_SHIFT)
                    throw new KernelOops($"linear map of {phys:x} has page frame {Arm64PgtableH.pte_pfn(entry):x}");
                if (pte_cont(entry))
                    CheckContiguous(address, entry, level, size);
                seen[level]++;
                phys += size;
            }
        }

        for (int level = 1; level <= 3; level++)
        {
            if (seen[level] != leaves[level])
                throw new KernelOops($"linear map has {seen[level]} leaves of level {level}, counted are {leaves[level]}");
        }
    }

    private void CheckContiguous(ulong address, pte_t entry, int level, ulong size)
    {
        ulong first = address & ~((size * CONT_PTES) - 1);
        for (uint i = 0; i < CONT_PTES; i++)
        {
            pte_t other = Lookup(first + (i * size), out int otherLevel);
            if (otherLevel != level || pte_pgprot(other) != pte_pgprot(entry))
                throw new KernelOops($"contiguous run of {first:x} has {other} at {i} but {entry} at {(address - first) / size}");
        }
    }
}
