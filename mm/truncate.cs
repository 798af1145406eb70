// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/truncate.c, Linux 6.18.
namespace Linux;

internal static class Truncate
{
    private static bool folio_needs_release(address_space mapping, folio folio) =>
        folio_test_private(folio) || (mapping.flags & (1UL << AS_RELEASE_ALWAYS)) != 0;

    /// <summary>Tells the owner that a part of a locked folio is about to go.</summary>
    [MightSleep]
    [MustHold("folio")]
    internal static void folio_invalidate([BorrowsReference] folio folio, ulong offset, ulong length) =>
        folio_mapping(folio)?.a_ops.invalidate_folio?.Invoke(folio, offset, length);

    /// <summary>Takes a locked folio away from users and owners, so that it can leave the cache.</summary>
    [MightSleep]
    [MustHold("folio")]
    private static void truncate_cleanup_folio(address_space mapping, folio folio)
    {
        if (folio_mapped(folio))
            unmap_mapping_folio(folio);
        if (folio_needs_release(mapping, folio))
            folio_invalidate(folio, 0, folio_size(folio));

        // Dirty contents of a removed page are nobody's any more.
        if (folio_test_dirty(folio))
            _ = folio_test_clear_dirty(folio);
    }

    /// <summary>Removes a locked folio from the cache, unless it left already: 0 or -EIO.</summary>
    [MightSleep]
    [MustHold("folio")]
    internal static int truncate_inode_folio(address_space mapping, [BorrowsReference] folio folio)
    {
        if (!FolioIsIn(mapping, folio))
            return -EIO;
        truncate_cleanup_folio(mapping, folio);
        filemap_remove_folio(folio);
        return 0;
    }

    /// <summary>
    /// Deals with a locked folio of which bytes from start to end (included) go. False if a part of it had to stay that should have gone.
    /// </summary>
    [MightSleep]
    [MustHold("folio")]
    internal static bool truncate_inode_partial_folio([BorrowsReference] folio folio, long start, long end)
    {
        address_space mapping = folio_mapping(folio)!;
        long pos = folio_pos(folio);
        ulong size = folio_size(folio);
        ulong offset = pos < start ? (ulong)(start - pos) : 0;
        ulong length = (ulong)pos + size <= (ulong)end ? size - offset : (ulong)end + 1 - (ulong)pos - offset;
        if (length == size)
        {
            _ = truncate_inode_folio(mapping, folio);
            return true;
        }

        // Contents that the kernel must not touch are left to whoever can.
        if (!mapping_inaccessible(mapping))
            folio_zero_range(folio, offset, length);
        if (folio_needs_release(mapping, folio))
            folio_invalidate(folio, offset, length);
        if (!folio_test_large(folio))
            return true;

        // A large folio that cannot be split goes as a whole once nobody needs its contents.
        if (folio_test_dirty(folio))
            return false;
        _ = truncate_inode_folio(mapping, folio);
        return true;
    }

    /// <summary>
    /// Removes all pages of a range of bytes (end included, -1: to the end of time), and zeroes what of its first and last page is in the
    /// range. Waits for locked folios. Pages can come in again behind its back unless the caller holds invalidate_lock.
    /// </summary>
    [MightSleep]
    internal static void truncate_inode_pages_range(address_space mapping, long lstart, long lend)
    {
        if (mapping_empty(mapping))
            return;
        pgoff_t start = (ulong)(lstart + (long)PAGE_SIZE - 1) >> PAGE_SHIFT;
        pgoff_t end = lend == -1 ? ulong.MaxValue : (ulong)(lend + 1) >> PAGE_SHIFT;
        folio_batch_init(out folio_batch fbatch);
        folio folio;

        // First what can be had without waiting, many at a time.
        pgoff_t index = start;
        while (index < end && find_lock_entries(mapping, ref index, end - 1, ref fbatch) != 0)
        {
            for (int i = 0; i < fbatch.nr; i++)
            {
                folio = fbatch.folios[i];
                AssertLocked(folio);
                truncate_cleanup_folio(mapping, folio);
            }

            delete_from_page_cache_batch(mapping, ref fbatch);
            for (int i = 0; i < fbatch.nr; i++)
            {
                folio = fbatch.folios[i];
                AssertLocked(folio);
                folio_unlock(folio);
            }

            folio_batch_release(ref fbatch);
            cond_resched();
        }

        bool same_folio = lstart >> PAGE_SHIFT == lend >> PAGE_SHIFT;
        folio = filemap_lock_folio(mapping, (ulong)lstart >> PAGE_SHIFT);
        if (!IS_ERR(folio))
        {
            same_folio = (ulong)lend < (ulong)folio_pos(folio) + folio_size(folio);
            if (!truncate_inode_partial_folio(folio, lstart, lend))
            {
                start = folio_next_index(folio);
                if (same_folio)
                    end = folio.index;
            }

            folio_unlock(folio);
            folio_put(folio);
        }

        if (!same_folio)
        {
            folio = filemap_lock_folio(mapping, (ulong)lend >> PAGE_SHIFT);
            if (!IS_ERR(folio))
            {
                if (!truncate_inode_partial_folio(folio, lstart, lend))
                    end = folio.index;
                folio_unlock(folio);
                folio_put(folio);
            }
        }

        // Then what was locked, one by one, until a whole round finds nothing.
        index = start;
        while (index < end)
        {
            cond_resched();
            if (find_get_entries(mapping, ref index, end - 1, ref fbatch) == 0)
            {
                if (index == start)
                    break;
                index = start;
                continue;
            }

            for (int i = 0; i < fbatch.nr; i++)
            {
                folio = fbatch.folios[i];
                folio_lock(folio);
                _ = truncate_inode_folio(mapping, folio);
                folio_unlock(folio);
            }

            folio_batch_release(ref fbatch);
        }
    }

    [MightSleep]
    internal static void truncate_inode_pages(address_space mapping, long lstart) => truncate_inode_pages_range(mapping, lstart, -1);

    /// <summary>Empties the cache of an inode that dies.</summary>
    [MightSleep]
    internal static void truncate_inode_pages_final(address_space mapping)
    {
        mapping_set_exiting(mapping);
        if (!mapping_empty(mapping))
        {
            // Who looked at the flag under the lock is done; who comes later sees it.
            xa_lock_irq(mapping.i_pages);
            xa_unlock_irq(mapping.i_pages);
            truncate_inode_pages(mapping, 0);
        }
    }

    /// <summary>Unmaps and removes everything behind the new size, which the caller has set already.</summary>
    [MightSleep]
    internal static void truncate_pagecache(inode inode, long newsize)
    {
        address_space mapping = inode.i_mapping;
        long holebegin = (long)PAGE_ALIGN((ulong)newsize);

        // Twice: private copies that a fault makes between the first pass and the removal must go too.
        unmap_mapping_range(mapping, holebegin, 0, 1);
        truncate_inode_pages(mapping, newsize);
        unmap_mapping_range(mapping, holebegin, 0, 1);
    }

    /// <summary>Sets the size of a file and drops what is behind it. The caller keeps faults out as its file system needs.</summary>
    [MightSleep]
    internal static void truncate_setsize(inode inode, long newsize)
    {
        i_size_write(inode, newsize);
        truncate_pagecache(inode, newsize);
    }

    /// <summary>Unmaps and removes the pages of a range of bytes, end included; the parts of pages at the ends are zeroed.</summary>
    [MightSleep]
    internal static void truncate_pagecache_range(inode inode, long lstart, long lend)
    {
        address_space mapping = inode.i_mapping;
        long unmap_start = (long)PAGE_ALIGN((ulong)lstart);
        long unmap_end = (long)((ulong)(1 + lend) & PAGE_MASK) - 1;
        if (unmap_end > unmap_start)
            unmap_mapping_range(mapping, unmap_start, 1 + unmap_end - unmap_start, 0);
        truncate_inode_pages_range(mapping, lstart, lend);
    }

    /// <summary>Drops a locked folio if nobody but the caller and the cache has it; 1 if it is gone.</summary>
    [MightSleep]
    [MustHold("folio")]
    internal static int mapping_evict_folio(address_space mapping, [BorrowsReference] folio folio)
    {
        if (folio_test_dirty(folio) || folio_mapped(folio))
            return 0;
        if (folio_ref_count(folio) > folio_nr_pages(folio) + (folio_test_private(folio) ? 1 : 0) + 1)
            return 0;
        if (folio_needs_release(mapping, folio) && mapping.a_ops.release_folio is { } release && !release(folio, GFP_KERNEL))
            return 0;
        return remove_mapping(mapping, folio) ? 1 : 0;
    }

    /// <summary>Drops clean, unused folios of a range of indices, both included, without waiting for any; returns how many pages went.</summary>
    [MightSleep]
    internal static ulong invalidate_mapping_pages(address_space mapping, pgoff_t start, pgoff_t end)
    {
        ulong count = 0;
        folio_batch_init(out folio_batch fbatch);
        while (find_lock_entries(mapping, ref start, end, ref fbatch) != 0)
        {
            for (int i = 0; i < fbatch.nr; i++)
            {
                folio folio = fbatch.folios[i];
                AssertLocked(folio);
                long nr = folio_nr_pages(folio);
                if (!folio_test_unevictable(folio) && !mapping_unevictable(mapping) && mapping_evict_folio(mapping, folio) != 0)
                    count += (ulong)nr;
                folio_unlock(folio);
            }

            folio_batch_release(ref fbatch);
            cond_resched();
        }

        return count;
    }
}
