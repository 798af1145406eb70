// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/mm/init_64.c, Linux 6.18.
namespace Linux;

internal sealed unsafe partial class X86Arch
{
    /// <summary>Bits that entries may have on this CPU.</summary>
    internal ulong supported_pte_mask = ulong.MaxValue;

    /// <summary>Physical address of the kernel's top-level table. Its entries are complete after boot; address spaces copy them.</summary>
    internal ulong swapper_pg_dir;

    /// <summary>Text and constants of the image are protected from now on, by whatever address they are mapped.</summary>
    internal bool kernel_set_to_readonly;

    /// <summary>Parts of the kernel image by physical address: text, constants, then data up to the end. Page aligned.</summary>
    internal ulong _text;
    internal ulong _etext;
    internal ulong __start_rodata;
    internal ulong __end_rodata;
    internal ulong _brk_end;

    /// <summary>Where the image runs from, for a physical address in it.</summary>
    internal ulong highmap(ulong phys) => phys + __START_KERNEL_map;
}

internal static unsafe class Init64
{
    /// <summary>
    /// Maps physical memory at its place in the direct map with the largest leaves that the mask allows. What is mapped already stays.
    /// </summary>
    /// <returns>The last physical address that was mapped.</returns>
    internal static ulong kernel_physical_mapping_init(X86Arch arch, ulong paddr_start, ulong paddr_end, uint page_size_mask)
    {
        ulong paddr_last = paddr_end;
        ulong vaddr = arch.PAGE_OFFSET + paddr_start;
        ulong vaddr_end = arch.PAGE_OFFSET + paddr_end;
        for (ulong vaddr_next; vaddr < vaddr_end; vaddr = vaddr_next)
        {
            vaddr_next = (vaddr & PGDIR_MASK) + PGDIR_SIZE;
            pte_t* pgd = (pte_t*)arch.memory.Host(arch.swapper_pg_dir) + pgd_index(vaddr);
            ulong table = Table(arch, pgd);
            paddr_last = phys_pud_init(arch, table, vaddr - arch.PAGE_OFFSET, Math.Min(vaddr_end, vaddr_next) - arch.PAGE_OFFSET, page_size_mask);
        }

        return paddr_last;
    }

    /// <summary>
    /// Maps the kernel image at its high address, and gives the vmalloc area its tables: all that address spaces copy into their own
    /// top-level table has to exist before the first of them does.
    /// </summary>
    internal static void init_kernel_tables(X86Arch arch, PhysicalRange image)
    {
        // A third of the image each for text, constants and data, in units of the leaf size.
        ulong third = (image.Bytes / 3) & PMD_MASK;
        arch._text = image.Start;
        arch._etext = arch.__start_rodata = image.Start + third;
        arch.__end_rodata = image.Start + (2 * third);
        arch._brk_end = image.End;
        if (third == 0)
            arch._etext = arch.__start_rodata = arch.__end_rodata = image.Start;

        pte_t* pgd = (pte_t*)arch.memory.Host(arch.swapper_pg_dir) + pgd_index(__START_KERNEL_map);
        ulong pud_table = Table(arch, pgd);
        for (ulong phys = image.Start & PMD_MASK; phys < image.End; phys += PMD_SIZE)
        {
            ulong addr = arch.highmap(phys);
            ulong pmd_table = Table(arch, (pte_t*)arch.memory.Host(pud_table) + pud_index(addr));
            pgprot_t prot = phys < arch._etext ? PAGE_KERNEL_EXEC : PAGE_KERNEL;
            pte_t* pmd = (pte_t*)arch.memory.Host(pmd_table) + pmd_index(addr);
            if (arch.has_pse)
            {
                set_pte(pmd, pfn_pmd(phys >> PAGE_SHIFT, new pgprot_t((prot.val | _PAGE_PSE) & arch.supported_pte_mask)));
                continue;
            }

            ulong pte_table = Table(arch, pmd);
            for (ulong i = 0; i < PTRS_PER_PTE; i++)
                set_pte((pte_t*)arch.memory.Host(pte_table) + i, pfn_pte((phys >> PAGE_SHIFT) + i, new pgprot_t(prot.val & arch.supported_pte_mask)));
        }

        for (ulong addr = arch.VMALLOC_START; addr < arch.VMALLOC_END; addr += PGDIR_SIZE)
            _ = Table(arch, (pte_t*)arch.memory.Host(arch.swapper_pg_dir) + pgd_index(addr));
    }

    /// <summary>End of boot: text and constants of the image become read-only, everything but text not executable.</summary>
    [MustCheck]
    internal static int mark_rodata_ro(X86Arch arch)
    {
        ulong start = arch.highmap(arch._text);
        ulong nr = (arch.__end_rodata - arch._text) >> PAGE_SHIFT;
        if (nr == 0)
            return 0;
        int ret = SetMemory.set_memory_ro(arch, start, nr);
        if (ret != 0)
            return ret;
        arch.kernel_set_to_readonly = true;
        return SetMemory.set_memory_nx(arch, arch.highmap(arch._etext), (arch._brk_end - arch._etext) >> PAGE_SHIFT);
    }

    private static ulong phys_pud_init(X86Arch arch, ulong pud_page, ulong paddr, ulong paddr_end, uint page_size_mask)
    {
        ulong pages = 0;
        ulong paddr_last = paddr_end;
        for (ulong paddr_next; paddr < paddr_end; paddr = paddr_next)
        {
            paddr_next = (paddr & PUD_MASK) + PUD_SIZE;
            pte_t* pud = (pte_t*)arch.memory.Host(pud_page) + pud_index(arch.PAGE_OFFSET + paddr);
            pte_t val = ptep_get(pud);
            if (!pte_none(val))
            {
                paddr_last = pud_leaf(val)
                    ? paddr_next
                    : phys_pmd_init(arch, val.val & PTE_PFN_MASK, paddr, Math.Min(paddr_end, paddr_next), page_size_mask);
                continue;
            }

            if ((page_size_mask & (1u << (int)pg_level.PG_LEVEL_1G)) != 0)
            {
                pages++;
                set_pte(pud, pfn_pud(paddr >> PAGE_SHIFT, new pgprot_t(PAGE_KERNEL_LARGE.val & arch.supported_pte_mask)));
                paddr_last = paddr_next;
                continue;
            }

            paddr_last = phys_pmd_init(arch, Table(arch, pud), paddr, Math.Min(paddr_end, paddr_next), page_size_mask);
        }

        SetMemory.update_page_count(arch, pg_level.PG_LEVEL_1G, pages);
        return paddr_last;
    }

    private static ulong phys_pmd_init(X86Arch arch, ulong pmd_page, ulong paddr, ulong paddr_end, uint page_size_mask)
    {
        ulong pages = 0;
        ulong paddr_last = paddr_end;
        for (ulong paddr_next; paddr < paddr_end; paddr = paddr_next)
        {
            paddr_next = (paddr & PMD_MASK) + PMD_SIZE;
            pte_t* pmd = (pte_t*)arch.memory.Host(pmd_page) + pmd_index(arch.PAGE_OFFSET + paddr);
            pte_t val = ptep_get(pmd);
            if (!pte_none(val))
            {
                paddr_last = pmd_leaf(val)
                    ? paddr_next
                    : phys_pte_init(arch, val.val & PTE_PFN_MASK, paddr, Math.Min(paddr_end, paddr_next));
                continue;
            }

            if ((page_size_mask & (1u << (int)pg_level.PG_LEVEL_2M)) != 0)
            {
                pages++;
                set_pte(pmd, pfn_pmd(paddr >> PAGE_SHIFT, new pgprot_t(PAGE_KERNEL_LARGE.val & arch.supported_pte_mask)));
                paddr_last = paddr_next;
                continue;
            }

            paddr_last = phys_pte_init(arch, Table(arch, pmd), paddr, Math.Min(paddr_end, paddr_next));
        }

        SetMemory.update_page_count(arch, pg_level.PG_LEVEL_2M, pages);
        return paddr_last;
    }

    private static ulong phys_pte_init(X86Arch arch, ulong pte_page, ulong paddr, ulong paddr_end)
    {
        ulong pages = 0;
        pte_t* pte = (pte_t*)arch.memory.Host(pte_page);
        for (; paddr < paddr_end; paddr += PAGE_SIZE)
        {
            pte_t* entry = pte + pte_index(arch.PAGE_OFFSET + paddr);
            if (!pte_none(ptep_get(entry)))
                continue;
            pages++;
            set_pte(entry, pfn_pte(paddr >> PAGE_SHIFT, new pgprot_t(PAGE_KERNEL.val & arch.supported_pte_mask)));
        }

        SetMemory.update_page_count(arch, pg_level.PG_LEVEL_4K, pages);
        return paddr_end;
    }

    // The table below an entry, made if there is none. Early: from memblock, so it is never freed.
    private static ulong Table(X86Arch arch, pte_t* entry)
    {
        pte_t val = ptep_get(entry);
        if (!pte_none(val))
            return val.val & PTE_PFN_MASK;
        ulong table = Memblock.memblock_phys_alloc(arch.kernel, PAGE_SIZE, PAGE_SIZE);
        if (table == 0)
            throw new MachineException("the machine has too little memory for the kernel's page tables");
        set_pte(entry, new pte_t(table | _KERNPG_TABLE));
        return table;
    }
}
