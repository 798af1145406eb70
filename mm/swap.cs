// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/swap.c, Linux 6.18.
namespace Linux;

/// <summary>The lists of folios that reclaim would look at. Nothing is reclaimed in the model, so they only have to be right.</summary>
internal sealed unsafe class lruvec
{
    internal lruvec(Kernel kernel)
    {
        lists = (PageList*)NativeMemory.AlignedAlloc((nuint)((int)lru_list.NR_LRU_LISTS * sizeof(PageList)), 64);
        for (int i = 0; i < (int)lru_list.NR_LRU_LISTS; i++)
            PageList.Init(&lists[i]);
        PageList* native = lists;
        kernel.RegisterShutdown("lruvec", () => NativeMemory.AlignedFree(native));
    }

    /// <summary>Lists and PG_lru, PG_active, PG_unevictable of folios on them. Taken with interrupts off.</summary>
    internal readonly spinlock_t lru_lock = new("&lruvec->lru_lock");

    [GuardedBy(nameof(lru_lock))]
    internal readonly PageList* lists;
}

internal sealed partial class Kernel
{
    internal lruvec lruvec = null!;

    /// <summary>
    /// For each CPU the folios on their way to the LRU lists, each with a reference. Only the CPU's owner, or an interrupt on that CPU,
    /// touches its batch.
    /// </summary>
    internal folio_batch[] lru_add_fbatches = [];
}

internal static unsafe class Swap
{
    private static readonly IpiFunction DrainFunction = (cpu, argument, _, _, _) => lru_add_drain_cpu((Kernel)argument!, cpu.Id);

    internal static void swap_setup(Kernel kernel)
    {
        kernel.lruvec = new lruvec(kernel);
        kernel.lru_add_fbatches = new folio_batch[kernel.nr_cpu_ids];
    }

    // The final put.

    /// <summary>Takes a folio that nobody references any more off the LRU lists.</summary>
    [ContextUnsafe("the LRU lock is taken when the first folio needs it and stays taken")]
    private static void __page_cache_release(Kernel kernel, folio folio, ref lruvec? locked, ref ulong flags)
    {
        if (!folio_test_lru(folio))
            return;
        if (locked is null)
        {
            locked = kernel.lruvec;
            spin_lock_irqsave(locked.lru_lock, out flags);
        }

        lruvec_del_folio(locked, folio);
        __folio_clear_lru_flags(folio);
    }

    /// <summary>The last reference is gone: whoever dropped it frees the folio, in whatever context that was.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    [ContextUnsafe("the LRU lock is taken only for a folio that is on a list")]
    internal static void __folio_put(folio folio)
    {
        task_struct task = current;
        lruvec? locked = null;
        ulong flags = 0;
        __page_cache_release(task.kernel, folio, ref locked, ref flags);
        if (locked is not null)
            spin_unlock_irqrestore(locked.lru_lock, flags);
        PageAlloc.__free_frozen_pages(task, folio.Frame, folio_order(folio));
    }

    /// <summary>Drops references of each folio of the batch, one each unless told, and frees those that it was the last of.</summary>
    [ContextUnsafe("the LRU lock is taken when the first folio needs it and kept for the rest")]
    internal static void folios_put_refs(ref folio_batch folios, ReadOnlySpan<int> refs)
    {
        task_struct task = current;
        lruvec? locked = null;
        ulong flags = 0;
        byte dead = 0;
        for (int i = 0; i < folios.nr; i++)
        {
            folio folio = folios.folios[i];
            if (!folio_ref_sub_and_test(folio, refs.IsEmpty ? 1 : refs[i]))
                continue;
            __page_cache_release(task.kernel, folio, ref locked, ref flags);
            folios.folios[dead++] = folio;
        }

        if (locked is not null)
            spin_unlock_irqrestore(locked.lru_lock, flags);
        folios.nr = dead;
        if (dead != 0)
            PageAlloc.free_unref_folios(task, ref folios);
        folio_batch_reinit(ref folios);
    }

    internal static void folios_put(ref folio_batch folios) => folios_put_refs(ref folios, default);

    internal static void __folio_batch_release(ref folio_batch fbatch)
    {
        if (!fbatch.percpu_pvec_drained)
        {
            lru_add_drain();
            fbatch.percpu_pvec_drained = true;
        }

        folios_put(ref fbatch);
    }

    // LRU lists.

    private static lru_list folio_lru_list(folio folio)
    {
        if (folio_test_unevictable(folio))
            return lru_list.LRU_UNEVICTABLE;
        lru_list lru = folio_is_file_lru(folio) ? lru_list.LRU_INACTIVE_FILE : lru_list.LRU_INACTIVE_ANON;
        return folio_test_active(folio) ? lru + 1 : lru;
    }

    [MustHold("lruvec.lru_lock")]
    private static void lruvec_add_folio(lruvec lruvec, folio folio)
    {
        lru_list lru = folio_lru_list(folio);
        mod_node_page_state((node_stat_item)lru, folio_nr_pages(folio));

        // Nobody walks unevictable folios, so they are counted but not linked.
        if (lru != lru_list.LRU_UNEVICTABLE)
            PageList.AddHead(&lruvec.lists[(int)lru], folio.Frame);
    }

    [MustHold("lruvec.lru_lock")]
    private static void lruvec_del_folio(lruvec lruvec, folio folio)
    {
        lru_list lru = folio_lru_list(folio);
        if (lru != lru_list.LRU_UNEVICTABLE)
            PageList.Delete(folio.Frame);
        mod_node_page_state((node_stat_item)lru, -folio_nr_pages(folio));
    }

    private static void __folio_clear_lru_flags(folio folio) =>
        folio.flags &= ~((1UL << PG_lru) | (1UL << PG_active) | (1UL << PG_unevictable));

    internal static bool folio_evictable(folio folio) => !mapping_unevictable(folio_mapping(folio)) && !folio_test_mlocked(folio);

    [MustHold("lruvec.lru_lock")]
    private static void lru_add(lruvec lruvec, folio folio)
    {
        long nr_pages = folio_nr_pages(folio);
        bool was_unevictable = folio_test_unevictable(folio);
        if (was_unevictable)
            folio_clear_unevictable(folio);
        if (folio_evictable(folio))
        {
            if (was_unevictable)
                count_vm_events(vm_event_item.UNEVICTABLE_PGRESCUED, nr_pages);
        }
        else
        {
            folio_clear_active(folio);
            folio_set_unevictable(folio);
            if (!was_unevictable)
                count_vm_events(vm_event_item.UNEVICTABLE_PGCULLED, nr_pages);
        }

        lruvec_add_folio(lruvec, folio);
    }

    private static void folio_batch_move_lru(Kernel kernel, ref folio_batch fbatch)
    {
        lruvec lruvec = kernel.lruvec;
        spin_lock_irqsave(lruvec.lru_lock, out ulong flags);
        for (int i = 0; i < fbatch.nr; i++)
        {
            folio folio = fbatch.folios[i];
            lru_add(lruvec, folio);
            folio_set_lru(folio);
        }

        spin_unlock_irqrestore(lruvec.lru_lock, flags);
        folios_put(ref fbatch);
    }

    /// <summary>Queues a new folio for its LRU list. The queue holds a reference until it is drained.</summary>
    internal static void folio_add_lru([BorrowsReference] folio folio) => folio_add_lru(current, folio);

    internal static void folio_add_lru(task_struct task, [BorrowsReference] folio folio)
    {
        BUG_ON(folio_test_lru(folio));
        folio_get(folio);
        ref folio_batch fbatch = ref task.kernel.lru_add_fbatches[task.rq.cpu];

        // Large folios would hold too much memory in a queue.
        bool large = folio_test_large(folio);
        if (folio_batch_add(ref fbatch, folio) == 0 || large)
            folio_batch_move_lru(task.kernel, ref fbatch);
    }

    private static void lru_add_drain_cpu(Kernel kernel, int cpu)
    {
        ref folio_batch fbatch = ref kernel.lru_add_fbatches[cpu];
        if (fbatch.nr != 0)
            folio_batch_move_lru(kernel, ref fbatch);
    }

    /// <summary>Notes an access: the second one makes the folio active, once it is on its list.</summary>
    internal static void folio_mark_accessed([BorrowsReference] folio folio)
    {
        if (!folio_test_referenced(folio))
            folio_set_referenced(folio);
    }

    /// <summary>Empties the queues of this CPU.</summary>
    internal static void lru_add_drain()
    {
        task_struct task = current;
        lru_add_drain_cpu(task.kernel, task.rq.cpu);
    }

    /// <summary>Empties the queues of every CPU.</summary>
    [MightSleep]
    internal static void lru_add_drain_all()
    {
        might_sleep();
        task_struct task = current;
        CpuSet cpus = default;
        for (int cpu = 0; cpu < task.kernel.nr_cpu_ids; cpu++)
        {
            if (task.kernel.lru_add_fbatches[cpu].nr != 0)
                cpus.Add(cpu);
        }

        task.kernel.machine.CallFunction(task.rq.hw, cpus, DrainFunction, task.kernel);
    }
}
