// SPDX-License-Identifier: GPL-2.0-only
using KvmSharp.Machine;

namespace KvmSharp.Mm.Tests;

/// <summary>
/// The least architecture that the memory core can run on: x86-64 tables with a direct map of 1 GiB, 2 MiB and 4 KiB leaves that splits, built
/// independently of arch/x86.
/// </summary>
internal sealed unsafe class FakeArch : Linux.Arch
{
    internal const ulong Base = 0xffff888000000000;

    private const ulong Leaf = X86PageTables.Present | X86PageTables.Writable | X86PageTables.Accessed | X86PageTables.Dirty | X86PageTables.NoExecute;
    private const ulong Address = 0x000ffffffffff000;

    private readonly KvmSharp.Machine.Machine _machine;
    private ulong _root;
    private long _pages4K;
    private long _pages2M;
    private long _pages1G;
    private long _splits2M;
    private long _splits1G;

    internal FakeArch(KvmSharp.Machine.Machine machine) => _machine = machine;

    internal override string Name => "fake";

    internal override ulong PAGE_OFFSET => Base;

    internal override ulong PHYS_OFFSET => 0;

    internal override ulong TASK_SIZE => 0x7ffffffff000;

    internal override ulong MmapBase => 0x7ffff7fff000;

    internal override ulong VMALLOC_START => 0xffffc90000000000;

    internal override ulong VMALLOC_END => 0xffffe8ffffffffff;

    internal override KvmArch Kvm => throw new NotSupportedException();

    internal override pgprot_t PAGE_KERNEL => new(Leaf | X86PageTables.Global);

    internal override pgprot_t PAGE_KERNEL_NOGLOBAL => new(Leaf);

    /// <summary>Whether the CPU has 1 GiB leaves; else the direct map starts with 2 MiB ones.</summary>
    internal bool Gigantic { get; init; }

    internal bool CanSetDirectMap { get; set; } = true;

    internal long Flushes { get; private set; }

    internal override void paging_init(Linux.Kernel kernel)
    {
        _root = Table(kernel);
        foreach (PhysicalRange range in _machine.Memory.Ranges)
        {
            for (ulong pa = range.Start & ~0xfffUL; pa < range.End;)
            {
                int level = Gigantic && (pa & (PUD_SIZE - 1)) == 0 && pa + PUD_SIZE <= range.End ? 3 : (pa & (PMD_SIZE - 1)) == 0 && pa + PMD_SIZE <= range.End ? 2 : 1;
                ulong* entry = Entry(kernel, Base + pa, level, allocate: true);
                *entry = pa | Leaf | X86PageTables.Global | (level > 1 ? X86PageTables.PageSize : 0);
                Count(level, 1);
                pa += 1UL << (12 + (9 * (level - 1)));
            }
        }
    }

    internal override void cpu_init(Linux.Kernel kernel, Cpu cpu)
    {
        cpu.Root = _root;
        cpu.KernelRoot = _root;
    }

    internal override pgprot_t vm_get_page_prot(ulong vm_flags) => throw new NotSupportedException();

    internal override pte_t pfn_pte(ulong pfn, pgprot_t prot) => new((pfn << 12) | prot.val);

    internal override pte_t pfn_leaf(ulong pfn, pgprot_t prot, int level) => new((pfn << 12) | prot.val | X86PageTables.PageSize);

    internal override pte_t table_entry(ulong table) => new(table | X86PageTables.Present | X86PageTables.Writable | X86PageTables.Accessed);

    internal override ulong table_address(pte_t entry) => entry.val & Address;

    internal override ulong pte_pfn(pte_t pte) => (pte.val & Address) >> 12;

    internal override bool pte_present(pte_t pte) => (pte.val & X86PageTables.Present) != 0;

    internal override bool leaf(pte_t entry) => (entry.val & (X86PageTables.PageSize | X86PageTables.Present)) == (X86PageTables.PageSize | X86PageTables.Present);

    internal override bool pte_write(pte_t pte) => (pte.val & X86PageTables.Writable) != 0;

    internal override bool pte_dirty(pte_t pte) => (pte.val & X86PageTables.Dirty) != 0;

    internal override bool pte_young(pte_t pte) => (pte.val & X86PageTables.Accessed) != 0;

    internal override bool pte_exec(pte_t pte) => (pte.val & X86PageTables.NoExecute) == 0;

    internal override pte_t pte_mkwrite(pte_t pte) => new(pte.val | X86PageTables.Writable);

    internal override pte_t pte_wrprotect(pte_t pte) => new(pte.val & ~X86PageTables.Writable);

    internal override pte_t pte_mkdirty(pte_t pte) => new(pte.val | X86PageTables.Dirty);

    internal override pte_t pte_mkclean(pte_t pte) => new(pte.val & ~X86PageTables.Dirty);

    internal override pte_t pte_mkyoung(pte_t pte) => new(pte.val | X86PageTables.Accessed);

    internal override pte_t pte_mkold(pte_t pte) => new(pte.val & ~X86PageTables.Accessed);

    internal override pte_t pte_modify(pte_t pte, pgprot_t newprot) => new((pte.val & Address) | newprot.val);

    internal override pte_t make_swp_entry(uint type, uint value) => new(((ulong)type << 40) | ((ulong)value << 1));

    internal override bool is_swp_entry(pte_t pte, out uint type, out uint value)
    {
        type = (uint)(pte.val >> 40);
        value = (uint)(pte.val >> 1);
        return pte.val != 0 && !pte_present(pte);
    }

    internal override void flush_tlb_all(Linux.Kernel kernel)
    {
        Flushes++;
        _machine.ShootDown(current.rq.hw, _machine.AllCpus, ShootdownKind.All);
    }

    internal override void flush_tlb_kernel_range(Linux.Kernel kernel, ulong start, ulong end)
    {
        Flushes++;
        _machine.ShootDown(current.rq.hw, _machine.AllCpus, ShootdownKind.RangeAllSpaces, start, end - start);
    }

    internal override void flush_tlb_mm_range(mm_struct mm, ulong start, ulong end, int stride_shift, bool freed_tables) => throw new NotSupportedException();

    internal override void local_flush_tlb_all(Linux.Kernel kernel) => current.rq.hw.FlushAll();

    internal override void switch_mm(Linux.Kernel kernel, Cpu cpu, mm_struct? prev, mm_struct? next)
    {
    }

    internal override ulong pgd_alloc(mm_struct mm) => throw new NotSupportedException();

    internal override void pgd_free(mm_struct mm, ulong pgd) => throw new NotSupportedException();

    internal override bool do_kernel_fault(Linux.Kernel kernel, in WalkFault fault) =>
        throw new KernelOops($"BUG: unable to handle page fault for address: {fault.Address:x16}");

    internal override int init_new_context(mm_struct mm) => 0;

    internal override void destroy_context(mm_struct mm)
    {
    }

    internal override bool can_set_direct_map(Linux.Kernel kernel) => CanSetDirectMap;

    internal override int set_direct_map_invalid_noflush(Linux.Kernel kernel, ulong addr) => set_direct_map_valid_noflush(kernel, addr, 1, false);

    internal override int set_direct_map_default_noflush(Linux.Kernel kernel, ulong addr) => set_direct_map_valid_noflush(kernel, addr, 1, true);

    internal override int set_direct_map_valid_noflush(Linux.Kernel kernel, ulong addr, ulong numpages, bool valid)
    {
        if (!CanSetDirectMap)
            return 0;
        for (ulong va = addr; va < addr + (numpages << 12); va += 4096)
        {
            ulong* entry;
            while (true)
            {
                entry = Find(va, out int level);
                if (entry == null)
                    return -EFAULT;
                if (level == 1 || ((*entry & X86PageTables.Present) != 0) == valid)
                    break;
                int error = Split(kernel, entry, level);
                if (error != 0)
                    return error;
            }

            ulong want = valid ? *entry | X86PageTables.Present | X86PageTables.Writable : *entry & ~(X86PageTables.Present | X86PageTables.Writable | X86PageTables.Global);
            if (want == *entry)
                continue;
            *entry = want;
            current.rq.hw.Count(HwEvent.PteWrite4K);
            ulong pfn = (va - Base) >> 12;
            if (valid)
                _machine.Exposure.LinearMapRestored(pfn, 1, va, current.rq.hw);
            else
                _machine.Exposure.LinearMapRemoved(pfn, 1, va, current.rq.hw);
        }

        return 0;
    }

    internal override bool kernel_page_present(page page)
    {
        ulong* entry = Find(Base + page_to_phys(page), out _);
        return entry != null && (*entry & X86PageTables.Present) != 0;
    }

    internal override DirectMapStatistics DirectMap(Linux.Kernel kernel) => new(_pages4K, _pages2M, _pages1G, _splits2M, _splits1G, 0, 0);

    internal override void WalkDirectMap(Linux.Kernel kernel, DirectMapVisitor visitor)
    {
        foreach (PhysicalRange range in _machine.Memory.Ranges)
        {
            for (ulong pa = range.Start; pa < range.End;)
            {
                ulong* entry = Find(Base + pa, out int level);
                visitor(Base + pa, level, entry != null && (*entry & X86PageTables.Present) != 0, entry != null && (*entry & X86PageTables.Writable) != 0);
                pa += 1UL << (12 + (9 * (level - 1)));
            }
        }
    }

    private static ulong Table(Linux.Kernel kernel)
    {
        if (kernel.memblock_open)
            return memblock_phys_alloc(kernel, PAGE_SIZE, PAGE_SIZE);
        page page = pagetable_alloc(GFP_KERNEL, 0);
        return page.IS_NULL ? 0 : page_to_phys(page);
    }

    private int Split(Linux.Kernel kernel, ulong* entry, int level)
    {
        ulong table = Table(kernel);
        if (table == 0)
            return -ENOMEM;
        ulong* child = (ulong*)_machine.Memory.Host(table);
        ulong step = 1UL << (12 + (9 * (level - 2)));
        for (ulong i = 0; i < 512; i++)
            child[i] = (*entry + (i * step)) & (level == 2 ? ~X86PageTables.PageSize : ~0UL);
        *entry = table_entry(table).val;
        Count(level, -1);
        Count(level - 1, 512);
        if (level == 2)
            _splits2M++;
        else
            _splits1G++;
        flush_tlb_all(kernel);
        return 0;
    }

    private void Count(int level, long n)
    {
        switch (level)
        {
            case 1:
                _pages4K += n;
                break;
            case 2:
                _pages2M += n;
                break;
            default:
                _pages1G += n;
                break;
        }
    }

    private ulong* Find(ulong va, out int level)
    {
        ulong table = _root;
        for (level = 4; ; level--)
        {
            ulong* entry = (ulong*)_machine.Memory.Host(table) + ((va >> (12 + (9 * (level - 1)))) & 511);
            if (level == 1 || (*entry & X86PageTables.PageSize) != 0)
                return *entry == 0 ? null : entry;
            if (*entry == 0)
                return null;
            table = *entry & Address;
        }
    }

    private ulong* Entry(Linux.Kernel kernel, ulong va, int level, bool allocate)
    {
        ulong table = _root;
        for (int at = 4; ; at--)
        {
            ulong* entry = (ulong*)_machine.Memory.Host(table) + ((va >> (12 + (9 * (at - 1)))) & 511);
            if (at == level)
                return entry;
            if (*entry == 0)
                *entry = table_entry(Table(kernel)).val;
            table = *entry & Address;
        }
    }
}
