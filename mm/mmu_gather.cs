// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/mmu_gather.c, Linux 6.18.
namespace Linux;

/// <summary>Room for pages that wait for a flush before they may be freed. One per task, so that unmapping allocates nothing.</summary>
internal sealed unsafe class mmu_gather_batch
{
    internal const int MAX = 512;
    internal readonly PageFrame*[] Pages = new PageFrame*[MAX];
    internal int Count;
    internal bool Busy;
}

internal sealed partial class task_struct
{
    internal mmu_gather_batch? mmu_batch;
}

/// <summary>An unmapping in progress: which addresses must be flushed, and which pages wait for it.</summary>
internal ref struct mmu_gather
{
    internal mm_struct mm;
    internal task_struct task;
    internal mmu_gather_batch batch;
    internal ulong start;
    internal ulong end;
    internal bool freed_tables;

    /// <summary>Entries that there is room for: few, where no page could be had for more.</summary>
    internal int max;
}

internal static unsafe class MmuGather
{
    /// <summary>Entries that are on the stack.</summary>
    private const int MMU_GATHER_BUNDLE = 8;

    internal static void tlb_gather_mmu(ref mmu_gather tlb, mm_struct mm)
    {
        task_struct task = current;
        mmu_gather_batch batch = task.mmu_batch ??= new mmu_gather_batch();
        if (batch.Busy)
            batch = new mmu_gather_batch();
        batch.Busy = true;
        tlb.mm = mm;
        tlb.task = task;
        tlb.batch = batch;
        tlb.max = should_fail(mm.kernel, "mmu_gather_batch") ? MMU_GATHER_BUNDLE : mmu_gather_batch.MAX;
        tlb.start = ulong.MaxValue;
        tlb.end = 0;
        tlb.freed_tables = false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void tlb_adjust_range(ref mmu_gather tlb, ulong address, ulong size)
    {
        if (address < tlb.start)
            tlb.start = address;
        if (address + size > tlb.end)
            tlb.end = address + size;
    }

    /// <summary>Takes over the reference of a page that is not mapped any more.</summary>
    /// <returns>True when the batch is full, and the caller must flush at the next place where it may.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool tlb_remove_page(ref mmu_gather tlb, folio folio)
    {
        mmu_gather_batch batch = tlb.batch;
        batch.Pages[batch.Count++] = folio.Frame;
        return batch.Count >= tlb.max;
    }

    internal static void tlb_remove_table(ref mmu_gather tlb, page table, ulong address, ulong size)
    {
        tlb_adjust_range(ref tlb, address, size);
        tlb.freed_tables = true;
        mmu_gather_batch batch = tlb.batch;
        batch.Pages[batch.Count++] = (PageFrame*)((ulong)table.Frame | 1);
        if (batch.Count >= tlb.max)
            tlb_flush_mmu(ref tlb);
    }

    /// <summary>Flushes, then frees: a page may be used again only when no CPU can reach it under its old address.</summary>
    internal static void tlb_flush_mmu(ref mmu_gather tlb)
    {
        if (tlb.start < tlb.end)
        {
            tlb.mm.arch.flush_tlb_mm_range(tlb.mm, tlb.start, tlb.end, PAGE_SHIFT, tlb.freed_tables);
            tlb.start = ulong.MaxValue;
            tlb.end = 0;
            tlb.freed_tables = false;
        }

        mmu_gather_batch batch = tlb.batch;
        for (int i = 0; i < batch.Count; i++)
        {
            ulong word = (ulong)batch.Pages[i];
            if ((word & 1) != 0)
            {
                pagetable_free(new page((PageFrame*)(word - 1)));
            }
            else
            {
                folio_put(new folio((PageFrame*)word));
            }
        }

        batch.Count = 0;
    }

    internal static void tlb_finish_mmu(ref mmu_gather tlb)
    {
        tlb_flush_mmu(ref tlb);
        tlb.batch.Busy = false;
    }
}
