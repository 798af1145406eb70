// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/vmalloc.c, Linux 6.18, as far as mapping given pages goes; areas are few and short-lived, so one page table holds them.
namespace Linux;

internal sealed partial class Kernel
{
    /// <summary>Slots of the area and its page table.</summary>
    internal readonly spinlock_t vmap_area_lock = new("vmap_area_lock");

    /// <summary>Serialises the creation of the page table.</summary>
    internal readonly mutex vmap_table_lock = new("vmap_table_lock");

    /// <summary>Pages of the area in use, one bit each; how many pages each mapping has, by its first slot.</summary>
    [GuardedBy(nameof(vmap_area_lock))]
    internal readonly ulong[] vmap_in_use = new ulong[PTRS_PER_PTE / 64];

    [GuardedBy(nameof(vmap_area_lock))]
    internal readonly ushort[] vmap_length = new ushort[PTRS_PER_PTE];

    /// <summary>Physical address of the table of the area; 0 until first used. Set under vmap_table_lock.</summary>
    internal ulong vmap_table;

    /// <summary>Pages that the tables of the area take; they stay, as kernel page tables do. Changed under vmap_table_lock.</summary>
    internal long vmap_table_pages;
}

internal static unsafe class Vmalloc
{
    internal static bool is_vmalloc_addr(Kernel kernel, ulong x) => x >= kernel.arch.VMALLOC_START && x < kernel.arch.VMALLOC_END;

    /// <summary>Maps pages at contiguous kernel addresses; 0 if there is no room or no memory.</summary>
    [MustCheck]
    [MightSleep]
    internal static ulong vmap(ReadOnlySpan<page> pages, pgprot_t prot)
    {
        task_struct task = current;
        Kernel kernel = task.kernel;
        might_sleep();
        if (pages.Length == 0 || pages.Length > PTRS_PER_PTE || !vmap_prepare(task, GFP_KERNEL))
            return 0;
        int slot = alloc_vmap_area(kernel, pages.Length);
        if (slot < 0)
            return 0;
        ulong addr = kernel.arch.VMALLOC_START + ((ulong)slot << PAGE_SHIFT);
        for (int i = 0; i < pages.Length; i++)
            set_pte(task, slot + i, kernel.arch.pfn_pte(page_to_pfn(pages[i]), prot));
        for (int i = 0; i < pages.Length; i++)
            kernel.machine.Exposure.TemporaryMapped(page_to_pfn(pages[i]), addr + ((ulong)i << PAGE_SHIFT), task.rq.hw, task.rq.hw.Asid);
        return addr;
    }

    /// <summary>
    /// Ends a mapping of vmap(). Unlike Linux, which lets stale translations live until many can be flushed together, this flushes at once:
    /// the pages may be out of the direct map, and must be unreachable before they can belong to somebody else.
    /// </summary>
    [MightSleep]
    internal static void vunmap(ulong addr)
    {
        task_struct task = current;
        Kernel kernel = task.kernel;
        might_sleep();
        int slot = (int)((addr - kernel.arch.VMALLOC_START) >> PAGE_SHIFT);
        int length = 0;
        if (is_vmalloc_addr(kernel, addr) && slot < PTRS_PER_PTE)
        {
            spin_lock(kernel.vmap_area_lock);
            length = kernel.vmap_length[slot];
            spin_unlock(kernel.vmap_area_lock);
        }

        if (length == 0)
            throw new KernelOops($"vunmap(): 0x{addr:x} is not the start of a mapping");
        pte_t* ptes = (pte_t*)kernel.machine.Memory.Host(kernel.vmap_table);
        for (int i = 0; i < length; i++)
        {
            ulong pfn = kernel.arch.pte_pfn(ptes[slot + i]);
            set_pte(task, slot + i, default);
            kernel.machine.Exposure.TemporaryUnmapped(pfn, addr + ((ulong)i << PAGE_SHIFT), task.rq.hw, task.rq.hw.Asid);
        }

        kernel.arch.flush_tlb_kernel_range(kernel, addr, addr + ((ulong)length << PAGE_SHIFT));
        spin_lock(kernel.vmap_area_lock);
        kernel.vmap_length[slot] = 0;
        for (int i = slot; i < slot + length; i++)
            kernel.vmap_in_use[i >> 6] &= ~(1UL << (i & 63));
        spin_unlock(kernel.vmap_area_lock);
    }

    /// <summary>Zeroes a page that the direct map may not have, through a mapping that exists only for that. Cannot fail.</summary>
    [MightSleep]
    internal static void ClearPage(page page)
    {
        task_struct task = current;
        Kernel kernel = task.kernel;
        ulong pfn = page_to_pfn(page);
        _ = vmap_prepare(task, GFP_KERNEL | __GFP_NOFAIL);
        kernel.machine.Exposure.AllowWindow(pfn, "temporary mapping for zeroing", task.rq.hw);
        ulong addr;

        // Every mapping here is short: a slot comes free soon.
        while ((addr = vmap([page], kernel.arch.PAGE_KERNEL)) == 0)
            cond_resched();
        KernelAccess.Clear(task, addr, PAGE_SIZE);
        vunmap(addr);
        kernel.machine.Exposure.DisallowWindow(pfn, task.rq.hw);
    }

    private static void set_pte(task_struct task, int slot, pte_t pte)
    {
        pte_t* ptes = (pte_t*)task.kernel.machine.Memory.Host(task.kernel.vmap_table);
        Volatile.Write(ref *(ulong*)&ptes[slot], pte.val);
        task.rq.hw.Count(HwEvent.KernelPteWrite);
    }

    /// <summary>Finds a run of free slots; -1 if there is none.</summary>
    private static int alloc_vmap_area(Kernel kernel, int length)
    {
        spin_lock(kernel.vmap_area_lock);
        int run = 0;
        for (int slot = 0; slot < PTRS_PER_PTE; slot++)
        {
            run = (kernel.vmap_in_use[slot >> 6] & (1UL << (slot & 63))) == 0 ? run + 1 : 0;
            if (run < length)
                continue;
            int first = slot - length + 1;
            for (int i = first; i <= slot; i++)
                kernel.vmap_in_use[i >> 6] |= 1UL << (i & 63);
            kernel.vmap_length[first] = (ushort)length;
            spin_unlock(kernel.vmap_area_lock);
            return first;
        }

        spin_unlock(kernel.vmap_area_lock);
        return -1;
    }

    /// <summary>Makes the page tables down to the one of the area. The kernel's half of every address space shares the top-level entry.</summary>
    [MightSleep]
    private static bool vmap_prepare(task_struct task, gfp_t gfp)
    {
        Kernel kernel = task.kernel;
        if (Volatile.Read(ref kernel.vmap_table) != 0)
            return true;
        mutex_lock(kernel.vmap_table_lock);
        if (kernel.vmap_table == 0)
            Volatile.Write(ref kernel.vmap_table, MakeTable(task, gfp));
        mutex_unlock(kernel.vmap_table_lock);
        return kernel.vmap_table != 0;
    }

    private static ulong MakeTable(task_struct task, gfp_t gfp)
    {
        Kernel kernel = task.kernel;
        ulong va = kernel.arch.VMALLOC_START;
        ulong table = kernel.machine.Stage1.RootFor(va, task.rq.hw.Root, task.rq.hw.KernelRoot);
        for (int shift = PGDIR_SHIFT; shift > PAGE_SHIFT; shift -= 9)
        {
            pte_t* entry = (pte_t*)kernel.machine.Memory.Host(table) + ((va >> shift) & (PTRS_PER_PTE - 1));
            if (!kernel.arch.pte_present(*entry))
            {
                page page = pagetable_alloc(gfp, 0);
                if (page.IS_NULL)
                    return 0;
                kernel.vmap_table_pages++;
                Volatile.Write(ref *(ulong*)entry, kernel.arch.table_entry(page_to_phys(page)).val);
                task.rq.hw.Count(HwEvent.KernelPteWrite);
            }

            table = kernel.arch.table_address(*entry);
        }

        return table;
    }
}
