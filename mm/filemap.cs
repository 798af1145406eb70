// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/filemap.c, Linux 6.18; the hooks for mappings without direct map follow the filemap-level design of 2026.
using System.Numerics;

namespace Linux;

// The page cache.
//
// Lock order:
//
//   mapping->invalidate_lock        shared: a fault or allocation fills; exclusive: truncation
//     folio lock                    PG_locked; serialises contents, mapping and removal of one folio
//       mapping->host->i_lock
//         mapping->i_pages.xa_lock  irqs off; the entries, nrpages
//
// A folio in the cache has one reference for each page. Lookups take none of these locks: they read an entry under RCU, take a reference unless the
// folio is being freed, and look again whether the entry still holds it.
//
// A mapping with AS_NO_DIRECT_MAP: prep_add_unmapped_folio() runs before the folio can be found, prep_remove_unmapped_folio() after it cannot be
// found any more and before the references of the cache go, both without spinlocks. A failed insertion undoes before the caller puts the folio.
internal static unsafe class Filemap
{
    private const gfp_t GFP_RECLAIM_MASK = gfp_t.__GFP_RECLAIM | gfp_t.__GFP_HIGH | gfp_t.__GFP_IO | gfp_t.__GFP_FS | gfp_t.__GFP_NOWARN |
        gfp_t.__GFP_RETRY_MAYFAIL | gfp_t.__GFP_NOFAIL | gfp_t.__GFP_NORETRY | gfp_t.__GFP_MEMALLOC | gfp_t.__GFP_NOMEMALLOC;

    private static readonly wait_queue_func_t WakePage = wake_page_function;

    /// <summary>What a waiter for a bit does with it.</summary>
    private enum behavior
    {
        /// <summary>Takes the bit as a lock.</summary>
        EXCLUSIVE,

        /// <summary>Waits until it is clear.</summary>
        SHARED,
    }

    // Removal.

    [MustHold("mapping.i_pages.xa_lock")]
    private static void page_cache_delete(address_space mapping, folio folio, nuint shadow)
    {
        xa_state xas = XA_STATE_ORDER(mapping.i_pages, folio.index, folio_order(folio));
        lockdep_assert_held(xas.xa.xa_lock);
        BUG_ON(!folio_test_locked(folio));
        xas_store(ref xas, shadow);
        xas_init_marks(ref xas);
        folio_set_mapping(folio, null);

        // The index stays: truncation looks at it after it got the lock.
        mapping.nrpages -= (ulong)folio_nr_pages(folio);
    }

    [MustHold("mapping.i_pages.xa_lock")]
    private static void filemap_unaccount_folio(task_struct task, address_space mapping, folio folio)
    {
        if (folio_mapped(folio))
            throw new KernelOops($"BUG: Bad page cache: {folio} of inode {mapping.host.i_ino} is still mapped {folio_mapcount(folio)} times");
        long nr = folio_nr_pages(folio);
        mod_node_page_state(task, node_stat_item.NR_FILE_PAGES, -nr);
        if (folio_test_swapbacked(folio))
            mod_node_page_state(task, node_stat_item.NR_SHMEM, -nr);
    }

    /// <summary>Takes a locked folio out of the cache. The caller drops the cache's references later.</summary>
    [MustHold("folio")]
    internal static void __filemap_remove_folio([BorrowsReference] folio folio, nuint shadow)
    {
        address_space mapping = folio_mapping(folio)!;
        lockdep_assert_held(mapping.i_pages.xa_lock);
        filemap_unaccount_folio(current, mapping, folio);
        page_cache_delete(mapping, folio, shadow);
    }

    /// <summary>Tells the owner that the folio left and drops the cache's references.</summary>
    [MustHold("folio")]
    internal static void filemap_free_folio(address_space mapping, folio folio)
    {
        mapping.a_ops.free_folio?.Invoke(folio);
        folio_put_refs(folio, (int)folio_nr_pages(folio));
    }

    /// <summary>Takes the folio out of the direct map, if the design does that here. Locked, not visible yet; no spinlock held.</summary>
    [MustHold("folio")]
    [MustCheck]
    [MightSleep]
    private static int prep_add_unmapped_folio(address_space mapping, folio folio) =>
        mapping_no_direct_map(mapping) ? mapping.kernel.direct_map.PrepareAdd(mapping, folio) : 0;

    /// <summary>Undoes <see cref="prep_add_unmapped_folio"/>. Not visible any more, references of the cache still held; no spinlock held.</summary>
    [MustHold("folio")]
    [MightSleep]
    internal static void prep_remove_unmapped_folio(address_space mapping, folio folio)
    {
        if (mapping_no_direct_map(mapping))
            mapping.kernel.direct_map.PrepareRemove(mapping, folio);
    }

    [MightSleep]
    private static void prep_remove_unmapped_batch(address_space mapping, ref folio_batch fbatch)
    {
        if (!mapping_no_direct_map(mapping))
            return;
        for (int i = 0; i < fbatch.nr; i++)
        {
            folio folio = fbatch.folios[i];
            AssertLocked(folio);
            mapping.kernel.direct_map.PrepareRemove(mapping, folio);
        }
    }

    /// <summary>Removes a locked folio from the cache and drops the cache's references.</summary>
    [MightSleep]
    [MustHold("folio")]
    internal static void filemap_remove_folio([BorrowsReference] folio folio)
    {
        address_space? mapping = folio_mapping(folio);
        BUG_ON(!folio_test_locked(folio) || mapping is null);
        spin_lock(mapping.host.i_lock);
        xa_lock_irq(mapping.i_pages);
        __filemap_remove_folio(folio, 0);
        xa_unlock_irq(mapping.i_pages);
        spin_unlock(mapping.host.i_lock);
        prep_remove_unmapped_folio(mapping, folio);
        filemap_free_folio(mapping, folio);
    }

    /// <summary>One walk of the tree for all folios of the batch, which are sorted by index.</summary>
    [MustHold("mapping.i_pages.xa_lock")]
    private static void page_cache_delete_batch(address_space mapping, ref folio_batch fbatch)
    {
        xa_state xas = XA_STATE(mapping.i_pages, fbatch.folios[0].index);
        lockdep_assert_held(xas.xa.xa_lock);
        ulong total_pages = 0;
        int i = 0;
        for (nuint entry = xas_find(ref xas, ulong.MaxValue); entry != 0; entry = xas_next_entry(ref xas, ulong.MaxValue))
        {
            if (i >= fbatch.nr)
                break;
            folio folio = fbatch.folios[i];
            if (entry != (nuint)folio.Frame)
            {
                // A folio that was not locked for the batch sits between two that were.
                continue;
            }

            WARN_ON_ONCE(!folio_test_locked(folio));
            folio_set_mapping(folio, null);
            i++;
            xas_store(ref xas, 0);
            total_pages += (ulong)folio_nr_pages(folio);
        }

        BUG_ON(i != fbatch.nr);
        mapping.nrpages -= total_pages;
    }

    /// <summary>Removes locked folios, sorted by index, from the cache and drops the cache's references.</summary>
    [MightSleep]
    internal static void delete_from_page_cache_batch(address_space mapping, ref folio_batch fbatch)
    {
        if (fbatch.nr == 0)
            return;
        task_struct task = current;
        spin_lock(mapping.host.i_lock);
        xa_lock_irq(mapping.i_pages);
        for (int i = 0; i < fbatch.nr; i++)
            filemap_unaccount_folio(task, mapping, fbatch.folios[i]);
        page_cache_delete_batch(mapping, ref fbatch);
        xa_unlock_irq(mapping.i_pages);
        spin_unlock(mapping.host.i_lock);
        prep_remove_unmapped_batch(mapping, ref fbatch);
        for (int i = 0; i < fbatch.nr; i++)
        {
            folio folio = fbatch.folios[i];
            AssertLocked(folio);
            filemap_free_folio(mapping, folio);
        }
    }

    /// <summary>Puts a new locked folio in the place of an old one. Both are in or out of the direct map as the mapping asks.</summary>
    /// <returns>0, or a negative errno with the old folio in place.</returns>
    [MustCheck]
    [MightSleep]
    [MustHold("old", "new")]
    internal static int replace_page_cache_folio([BorrowsReference] folio old, [BorrowsReference] folio @new)
    {
        address_space mapping = folio_mapping(old)!;
        task_struct task = current;
        BUG_ON(folio_test_large(old) || folio_test_large(@new) || folio_mapping(@new) is not null);
        int err = prep_add_unmapped_folio(mapping, @new);
        if (err != 0)
            return err;
        folio_ref_add(@new, 1);
        @new.index = old.index;
        folio_set_mapping(@new, mapping);
        xa_state xas = XA_STATE(mapping.i_pages, old.index);
        xas_lock_irq(ref xas);
        xas_store(ref xas, (nuint)@new.Frame);
        folio_set_mapping(old, null);
        if (folio_test_swapbacked(old))
            mod_node_page_state(task, node_stat_item.NR_SHMEM, -1);
        if (folio_test_swapbacked(@new))
            mod_node_page_state(task, node_stat_item.NR_SHMEM, 1);
        xas_unlock_irq(ref xas);
        prep_remove_unmapped_folio(mapping, old);
        filemap_free_folio(mapping, old);
        return 0;
    }

    // Insertion.

    /// <summary>Stores a locked folio in the cache. -EEXIST if something is there, -ENOMEM.</summary>
    [MustCheck]
    [MightSleep]
    [MustHold("folio")]
    internal static int __filemap_add_folio(address_space mapping, [BorrowsReference] folio folio, pgoff_t index, gfp_t gfp)
    {
        int order = folio_order(folio);
        int nr = 1 << order;
        task_struct task = current;
        xa_state xas = XA_STATE_ORDER(mapping.i_pages, index, order);
        BUG_ON(!folio_test_locked(folio) || (index & (ulong)(nr - 1)) != 0);
        gfp &= GFP_RECLAIM_MASK;
        folio_ref_add(folio, nr);
        folio_set_mapping(folio, mapping);
        folio.index = xas.xa_index;
        do
        {
            xas_lock_irq(ref xas);
            if (xas_find_conflict(ref xas) != 0)
            {
                xas_set_err(ref xas, -EEXIST);
            }
            else
            {
                xas_store(ref xas, (nuint)folio.Frame);
                if (xas_error(xas) == 0)
                {
                    lockdep_assert_held(mapping.i_pages.xa_lock);
                    mapping.nrpages += (ulong)nr;
                    mod_node_page_state(task, node_stat_item.NR_FILE_PAGES, nr);
                }
            }

            xas_unlock_irq(ref xas);
        }
        while (xas_nomem(ref xas, gfp));

        int err = xas_error(xas);
        if (err == 0)
            return 0;
        folio_set_mapping(folio, null);

        // The index stays: truncation looks at it after it got the lock.
        folio_put_refs(folio, nr);
        return err;
    }

    /// <summary>
    /// Adds a new folio to the cache and to the LRU, and leaves it locked. On error it is unlocked, in the direct map again, and has the
    /// caller's reference only.
    /// </summary>
    [MustCheck]
    [MightSleep]
    [CondAcquires(true, "folio")]
    internal static int filemap_add_folio(address_space mapping, [BorrowsReference] folio folio, pgoff_t index, gfp_t gfp)
    {
        __folio_set_locked(folio);
        int ret = prep_add_unmapped_folio(mapping, folio);
        if (ret == 0)
        {
            ret = __filemap_add_folio(mapping, folio, index, gfp);
            if (ret != 0)
                prep_remove_unmapped_folio(mapping, folio);
        }

        if (ret != 0)
        {
            __folio_clear_locked(folio);
            return ret;
        }

        folio_add_lru(folio);
        return 0;
    }

    [MustCheck]
    [ReturnsReference]
    internal static folio filemap_alloc_folio_noprof(gfp_t gfp, int order) => folio_alloc(gfp, order);

    // Truncation against faults.

    [Acquires("mapping.invalidate_lock")]
    [MightSleep]
    internal static void filemap_invalidate_lock(address_space mapping) => down_write(mapping.invalidate_lock);

    [Releases("mapping.invalidate_lock")]
    internal static void filemap_invalidate_unlock(address_space mapping) => up_write(mapping.invalidate_lock);

    [AcquiresShared("mapping.invalidate_lock")]
    [MightSleep]
    internal static void filemap_invalidate_lock_shared(address_space mapping) => down_read(mapping.invalidate_lock);

    [CondAcquiresShared(true, "mapping.invalidate_lock")]
    [MustCheck]
    internal static bool filemap_invalidate_trylock_shared(address_space mapping) => down_read_trylock(mapping.invalidate_lock);

    [ReleasesShared("mapping.invalidate_lock")]
    internal static void filemap_invalidate_unlock_shared(address_space mapping) => up_read(mapping.invalidate_lock);

    /// <summary>Locks two mappings, which may be the same or null, in the order of their numbers.</summary>
    [ContextUnsafe("which locks are taken depends on the arguments")]
    [MightSleep]
    internal static void filemap_invalidate_lock_two(address_space? mapping1, address_space? mapping2)
    {
        if (mapping1 is not null && mapping2 is not null && mapping1.Id > mapping2.Id)
            (mapping1, mapping2) = (mapping2, mapping1);
        if (mapping1 is not null)
            down_write(mapping1.invalidate_lock);
        if (mapping2 is not null && mapping1 != mapping2)
            down_write_nested(mapping2.invalidate_lock, 1);
    }

    [ContextUnsafe("which locks are released depends on the arguments")]
    internal static void filemap_invalidate_unlock_two(address_space? mapping1, address_space? mapping2)
    {
        if (mapping1 is not null)
            up_write(mapping1.invalidate_lock);
        if (mapping2 is not null && mapping1 != mapping2)
            up_write(mapping2.invalidate_lock);
    }

    // Waiting for a bit of a folio.

    [ContextUnsafe("called by __wake_up() under the lock of the queue, which the signature of a wake function does not carry")]
    private static int wake_page_function(wait_queue_entry wait, uint mode, int sync, object? arg)
    {
        var key = (wait_bit_key)arg!;
        if (wait.key_address != key.flags || wait.key_bit != key.bit_nr)
            return 0;

        // Somebody took the bit before us: their unlock goes on with the walk.
        if ((Volatile.Read(ref ((PageFrame*)key.flags)->flags) & (1UL << key.bit_nr)) != 0)
            return -1;
        return autoremove_wake_function(wait, mode, sync, arg);
    }

    private static void folio_wake_bit(folio folio, int bit_nr)
    {
        task_struct task = current;
        wait_queue_head q = task.kernel.folio_waitqueue((nuint)folio.Frame);
        __wake_up(q, TASK_NORMAL, 1, task.WakeKey((nuint)folio.Frame, bit_nr));

        // A waiter joins the queue before it sets the bit, so an empty queue means that nobody relies on it.
        spin_lock_irqsave(q.@lock, out ulong flags);
        if (q.first is null)
            Interlocked.And(ref folio.Frame->flags, ~(1UL << PG_waiters));
        spin_unlock_irqrestore(q.@lock, flags);
    }

    [MightSleep]
    [MustCheck]
    [ContextUnsafe("EXCLUSIVE: comes back with the folio locked")]
    private static int folio_wait_bit_common(folio folio, int bit_nr, int state, behavior behavior)
    {
        task_struct task = current;
        wait_queue_head q = task.kernel.folio_waitqueue((nuint)folio.Frame);
        wait_queue_entry wait = task.GetWait();
        wait.func = WakePage;
        wait.key_address = (nuint)folio.Frame;
        wait.key_bit = bit_nr;
        int ret = 0;
        while (true)
        {
            if (behavior == behavior.EXCLUSIVE)
                prepare_to_wait_exclusive(q, wait, state);
            else
                prepare_to_wait(q, wait, state);

            // Full barrier: either this look sees the bit clear, or whoever clears it sees PG_waiters.
            Interlocked.Or(ref folio.Frame->flags, 1UL << PG_waiters);
            if (behavior == behavior.EXCLUSIVE ? folio_trylock(folio) : (Volatile.Read(ref folio.Frame->flags) & (1UL << bit_nr)) == 0)
                break;
            if (signal_pending_state(state, task))
            {
                ret = -EINTR;
                break;
            }

            schedule();
        }

        finish_wait(q, wait);
        task.PutWait(wait);

        // A waiter that gives up may have had the one wakeup that was meant for the next.
        if (ret != 0 && behavior == behavior.EXCLUSIVE && !folio_test_locked(folio))
            folio_wake_bit(folio, bit_nr);
        return ret;
    }

    [MightSleep]
    internal static void folio_wait_bit([BorrowsReference] folio folio, int bit_nr) =>
        _ = folio_wait_bit_common(folio, bit_nr, TASK_UNINTERRUPTIBLE, behavior.SHARED);

    [MethodImpl(MethodImplOptions.NoInlining)]
    [MightSleep]
    internal static void __folio_lock([BorrowsReference] folio folio) =>
        _ = folio_wait_bit_common(folio, PG_locked, TASK_UNINTERRUPTIBLE, behavior.EXCLUSIVE);

    [MethodImpl(MethodImplOptions.NoInlining)]
    [MightSleep]
    [MustCheck]
    internal static int __folio_lock_killable([BorrowsReference] folio folio) =>
        folio_wait_bit_common(folio, PG_locked, TASK_KILLABLE, behavior.EXCLUSIVE);

    /// <summary>Releases the lock and wakes a waiter, if there is one: a single atomic operation when there is none.</summary>
    [Releases("folio")]
    [ContextUnsafe("the lock is a bit")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void folio_unlock([BorrowsReference] folio folio)
    {
        // The bit is the lowest and is set, so that subtracting clears it; one instruction gives back the other bits too.
        ulong flags = Interlocked.Add(ref folio.Frame->flags, ulong.MaxValue);
        if ((flags & (1UL << PG_locked)) != 0)
            NotLocked(folio);
        if ((flags & (1UL << PG_waiters)) != 0)
            folio_wake_bit(folio, PG_locked);
        SchedulingPoints.Hit(SchedulingPoint.Release);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void NotLocked(folio folio)
    {
        Interlocked.Increment(ref folio.Frame->flags);
        throw new KernelOops($"VM_BUG_ON_FOLIO(!folio_test_locked(folio)): {folio} is unlocked and was not locked");
    }

    // Look-ups.

    /// <summary>The entry at an index with a reference if it is a folio; NULL if there is none. May see a folio that is truncated meanwhile.</summary>
    [ReturnsReference]
    internal static folio filemap_get_entry(address_space mapping, pgoff_t index)
    {
        xa_state xas = XA_STATE(mapping.i_pages, index);
        folio folio;
        rcu_read_lock();
        while (true)
        {
            xas_reset(ref xas);
            nuint entry = xas_load(ref xas);
            if (xas_retry(ref xas, entry))
                continue;
            folio = new folio((PageFrame*)entry);
            if (entry == 0 || xa_is_value(entry))
                break;
            if (!folio_try_get(folio))
            {
                cpu_relax();
                continue;
            }

            // The entry may have changed between the look and the reference.
            if (entry == xas_reload(ref xas))
                break;
            folio_put(folio);
        }

        rcu_read_unlock();
        return xa_is_value((nuint)folio.Frame) ? default : folio;
    }

    /// <summary>Looks a folio up and does what the FGP_* flags ask, creating it if FGP_CREAT is among them.</summary>
    /// <returns>-ENOENT if there is none, -EAGAIN if FGP_NOWAIT forbids to wait, or the error of the creation.</returns>
    [ErrorPointer]
    [ReturnsReference]
    [MightSleep]
    [ContextUnsafe("whether the folio is locked on return depends on the flags")]
    internal static folio __filemap_get_folio(address_space mapping, pgoff_t index, uint fgp_flags, gfp_t gfp)
    {
    repeat:
        folio folio = filemap_get_entry(mapping, index);
        if (!folio.IS_NULL)
        {
            if ((fgp_flags & FGP_LOCK) != 0)
            {
                if ((fgp_flags & FGP_NOWAIT) != 0)
                {
                    if (!folio_trylock(folio))
                    {
                        folio_put(folio);
                        return folio.ERR_PTR(-EAGAIN);
                    }
                }
                else
                {
                    folio_lock(folio);
                }

                // Truncated while we waited.
                if (!FolioIsIn(mapping, folio))
                {
                    folio_unlock(folio);
                    folio_put(folio);
                    goto repeat;
                }

                BUG_ON(!folio_contains(folio, index));
            }

            if ((fgp_flags & FGP_ACCESSED) != 0)
                folio_mark_accessed(folio);
            return folio;
        }

        if ((fgp_flags & FGP_CREAT) == 0)
            return folio.ERR_PTR(-ENOENT);
        int min_order = mapping_min_folio_order(mapping);
        int order = Math.Min(Math.Max(FGF_GET_ORDER(fgp_flags), min_order), mapping_max_folio_order(mapping));
        index &= ~((1UL << min_order) - 1);
        if ((fgp_flags & FGP_NOFS) != 0)
            gfp &= ~gfp_t.__GFP_FS;
        if ((fgp_flags & FGP_NOWAIT) != 0)
            gfp = (gfp & ~GFP_KERNEL) | GFP_NOWAIT;
        if (WARN_ON_ONCE((fgp_flags & (FGP_LOCK | FGP_FOR_MMAP)) == 0))
            fgp_flags |= FGP_LOCK;

        // Only folios that are aligned in the file can be large.
        if (order != 0 && (index & ((1UL << order) - 1)) != 0)
            order = Math.Max(BitOperations.TrailingZeroCount(index), min_order);
        int err;
        do
        {
            gfp_t alloc_gfp = gfp;
            err = -ENOMEM;
            if (order > min_order)
                alloc_gfp |= __GFP_NORETRY | __GFP_NOWARN;
            folio = filemap_alloc_folio(alloc_gfp, order);
            if (folio.IS_NULL)
                continue;

            // Set before the folio is visible, to spare an atomic operation.
            if ((fgp_flags & FGP_ACCESSED) != 0)
                folio.flags |= 1UL << PG_referenced;
            err = filemap_add_folio(mapping, folio, index, gfp);
            if (err == 0)
                break;
            folio_put(folio);
        }
        while (order-- > min_order);

        if (err == -EEXIST)
            goto repeat;
        if (err != 0)
        {
            // Without waiting, memory that cannot be had now says nothing about the next attempt.
            return folio.ERR_PTR((fgp_flags & FGP_NOWAIT) != 0 && err == -ENOMEM ? -EAGAIN : err);
        }

        if ((fgp_flags & FGP_FOR_MMAP) != 0)
            folio_unlock(folio);
        return folio;
    }

    [ReturnsReference]
    private static folio find_get_entry(ref xa_state xas, pgoff_t max)
    {
        while (true)
        {
            nuint entry = xas_find(ref xas, max);
            if (xas_retry(ref xas, entry))
                continue;
            if (entry == 0)
                return default;
            if (xa_is_value(entry))
                continue;
            folio folio = new((PageFrame*)entry);
            if (folio_try_get(folio))
            {
                if (entry == xas_reload(ref xas))
                    return folio;
                folio_put(folio);
            }
            else
            {
                cpu_relax();
            }

            xas_reset(ref xas);
        }
    }

    /// <summary>Where data, or a hole, comes next in [start, end): valid folios are data, and what no folio is for is a hole, however large.</summary>
    /// <returns>An offset; the end where there is no hole before it; -ENXIO where there is no data.</returns>
    [ContextUnsafe("the RCU section ends on every way out, and a folio that was found is put there")]
    internal static long mapping_seek_hole_data(address_space mapping, long start, long end, bool seek_data)
    {
        if (end <= start)
            return -ENXIO;
        xa_state xas = XA_STATE(mapping.i_pages, (ulong)start >> PAGE_SHIFT);
        pgoff_t max = (ulong)(end - 1) >> PAGE_SHIFT;
        rcu_read_lock();
        folio folio;
        while (!(folio = find_get_entry(ref xas, max)).IS_NULL)
        {
            long pos = (long)(folio.index << PAGE_SHIFT);
            bool data = folio_test_uptodate(folio);
            long next = pos + (long)folio_size(folio);
            folio_put(folio);
            if (start < pos)
            {
                if (!seek_data)
                    goto unlock;
                start = pos;
            }

            if (data == seek_data)
                goto unlock;

            // Past the last page that a file can have, the offset is no longer one.
            start = next < 0 ? end : next;
            if (start >= end)
                break;
        }

        if (seek_data)
            start = -ENXIO;
    unlock:
        rcu_read_unlock();
        return Math.Min(start, end);
    }

    /// <summary>Fills the batch with referenced folios of a range, at least one page of each in it; <paramref name="start"/> moves behind the last.</summary>
    internal static int find_get_entries(address_space mapping, ref pgoff_t start, pgoff_t end, ref folio_batch fbatch)
    {
        xa_state xas = XA_STATE(mapping.i_pages, start);
        rcu_read_lock();
        while (true)
        {
            folio folio = find_get_entry(ref xas, end);
            if (folio.IS_NULL)
                break;
            start = folio_next_index(folio);
            if (folio_batch_add(ref fbatch, folio) == 0)
                break;
        }

        rcu_read_unlock();
        return folio_batch_count(ref fbatch);
    }

    /// <summary>
    /// Like <see cref="find_get_entries"/>, but only folios that lie wholly in the range and whose lock is free; these are locked.
    /// </summary>
    [ContextUnsafe("the folios of the batch are locked")]
    internal static int find_lock_entries(address_space mapping, ref pgoff_t start, pgoff_t end, ref folio_batch fbatch)
    {
        xa_state xas = XA_STATE(mapping.i_pages, start);
        rcu_read_lock();
        while (true)
        {
            folio folio = find_get_entry(ref xas, end);
            if (folio.IS_NULL)
                break;
            if (folio.index < start || folio_next_index(folio) - 1 > end || !folio_trylock(folio))
            {
                folio_put(folio);
                continue;
            }

            if (!FolioIsIn(mapping, folio))
            {
                folio_unlock(folio);
                folio_put(folio);
                continue;
            }

            start = folio_next_index(folio);
            if (folio_batch_add(ref fbatch, folio) == 0)
                break;
        }

        rcu_read_unlock();
        return folio_batch_count(ref fbatch);
    }

    /// <summary>Fills the batch with referenced folios of a range; <paramref name="start"/> moves behind the last, or behind the end.</summary>
    internal static int filemap_get_folios(address_space mapping, ref pgoff_t start, pgoff_t end, ref folio_batch fbatch)
    {
        xa_state xas = XA_STATE(mapping.i_pages, start);
        rcu_read_lock();
        while (true)
        {
            folio folio = find_get_entry(ref xas, end);
            if (folio.IS_NULL)
            {
                start = end == ulong.MaxValue ? end : end + 1;
                break;
            }

            pgoff_t next = folio_next_index(folio);
            if (folio_batch_add(ref fbatch, folio) == 0)
            {
                start = next;
                break;
            }
        }

        rcu_read_unlock();
        return folio_batch_count(ref fbatch);
    }

    /// <summary>Whether the cache has anything in a range of bytes, both ends included.</summary>
    internal static bool filemap_range_has_page(address_space mapping, long start_byte, long end_byte)
    {
        if (end_byte < start_byte)
            return false;
        ulong index = (ulong)start_byte >> PAGE_SHIFT;
        return xa_find(mapping.i_pages, ref index, (ulong)end_byte >> PAGE_SHIFT) != 0;
    }

    /// <summary>Maps the pages of a range that the cache has: a fault on the neighbours would only find them there.</summary>
    internal static vm_fault_t filemap_map_pages(ref vm_fault vmf, pgoff_t start_pgoff, pgoff_t end_pgoff)
    {
        task_struct task = current;
        address_space mapping = vmf.vma.vm_file!.f_mapping;
        vm_fault_t ret = vm_fault_t.NONE;
        for (pgoff_t index = start_pgoff; index <= end_pgoff; index++)
        {
            folio folio = filemap_get_folio(mapping, index);
            if (IS_ERR(folio))
                continue;
            if (!folio_test_uptodate(folio) || !folio_trylock(folio))
            {
                folio_put(folio);
                continue;
            }

            // Truncated meanwhile, or behind the end of the file: nothing that may be mapped.
            ulong max_idx = ((ulong)i_size_read(mapping.host) + PAGE_SIZE - 1) >> PAGE_SHIFT;
            bool fits = folio_mapping(folio) == mapping && folio_test_uptodate(folio) && index < max_idx && !folio_test_hwpoison(folio);
            ulong addr = unchecked(vmf.address + ((index - vmf.pgoff) << PAGE_SHIFT));
            bool mapped = fits && Memory.set_pte_range(task, ref vmf, folio, addr);
            folio_unlock(folio);
            if (!mapped)
                folio_put(folio);
            else
                HandOver(folio, to: "the entry");
            if (mapped && addr == vmf.address)
                ret = vm_fault_t.VM_FAULT_NOPAGE;
        }

        return ret;
    }
}
