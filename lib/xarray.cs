// SPDX-License-Identifier: GPL-2.0-only
// Mirrors lib/xarray.c, Linux 6.18.
using System.Numerics;

namespace Linux;

// Lock order: xa_lock is a leaf for the array; the node cache's host lock nests in it. Lookups take no lock and run under RCU: an entry is published
// with release semantics, a node is freed after a grace period, and a node that left the tree has XA_RETRY_ENTRY where its entries were.
internal sealed partial class Kernel
{
    private XaNodeCache? nodeCache;

    /// <summary>Where all XArrays of this kernel get their nodes.</summary>
    internal XaNodeCache radix_tree_node_cachep => Volatile.Read(ref this.nodeCache) ?? this.MakeNodeCache();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private XaNodeCache MakeNodeCache()
    {
        lock (this.taskGate)
            return this.nodeCache ??= new XaNodeCache(this);
    }
}

internal static unsafe class Xarray
{
    private static xa_node* RESTART => (xa_node*)XAS_RESTART;

    private static xa_node* BOUNDS => (xa_node*)XAS_BOUNDS;

    /// <summary>The entry at the index, or 0.</summary>
    internal static nuint xa_load(xarray xa, ulong index)
    {
        xa_state xas = XA_STATE(xa, index);
        nuint entry;
        rcu_read_lock();
        do
        {
            entry = xas_load(ref xas);
            if (xa_is_zero(entry))
                entry = 0;
        }
        while (xas_retry(ref xas, entry));
        rcu_read_unlock();
        return entry;
    }

    /// <summary>Removes the entry and returns it; of a multi-index entry all indices go.</summary>
    internal static nuint xa_erase(xarray xa, ulong index)
    {
        xa_lock(xa);
        nuint entry = __xa_erase(xa, index);
        xa_unlock(xa);
        return entry;
    }

    [MustHold("xa.xa_lock")]
    internal static nuint __xa_erase(xarray xa, ulong index)
    {
        xa_state xas = XA_STATE(xa, index);
        lockdep_assert_held(xas.xa.xa_lock);
        return Result(ref xas, xas_store(ref xas, 0));
    }

    /// <summary>Stores an entry; returns the old one, or an error to be taken out with xa_err(). Storing 0 erases and cannot fail.</summary>
    internal static nuint xa_store(xarray xa, ulong index, nuint entry, gfp_t gfp)
    {
        xa_lock(xa);
        nuint curr = __xa_store(xa, index, entry, gfp);
        xa_unlock(xa);
        return curr;
    }

    [MustHold("xa.xa_lock")]
    internal static nuint __xa_store(xarray xa, ulong index, nuint entry, gfp_t gfp)
    {
        if (WARN_ON_ONCE(xa_is_advanced(entry)))
            return xa_mk_internal(unchecked((ulong)-EINVAL));
        if (TrackFree(xa) && entry == 0)
            entry = XA_ZERO_ENTRY;
        xa_state xas = XA_STATE(xa, index);
        lockdep_assert_held(xas.xa.xa_lock);
        nuint curr;
        do
        {
            curr = xas_store(ref xas, entry);
            if (TrackFree(xa))
                xas_clear_mark(ref xas, XA_FREE_MARK);
        }
        while (__xas_nomem(ref xas, gfp));
        return Result(ref xas, curr);
    }

    /// <summary>Stores the entry if the old one is there; returns what was there, or an error.</summary>
    internal static nuint xa_cmpxchg(xarray xa, ulong index, nuint old, nuint entry, gfp_t gfp)
    {
        xa_lock(xa);
        nuint curr = __xa_cmpxchg(xa, index, old, entry, gfp);
        xa_unlock(xa);
        return curr;
    }

    [MustHold("xa.xa_lock")]
    internal static nuint __xa_cmpxchg(xarray xa, ulong index, nuint old, nuint entry, gfp_t gfp)
    {
        nuint curr = CmpxchgRaw(xa, index, old, entry, gfp);
        return xa_is_zero(curr) ? 0 : curr;
    }

    /// <summary>Stores the entry if nothing is there. -EBUSY if something is, reservations included.</summary>
    [MustHold("xa.xa_lock")]
    [MustCheck]
    internal static int __xa_insert(xarray xa, ulong index, nuint entry, gfp_t gfp)
    {
        if (entry == 0)
            entry = XA_ZERO_ENTRY;
        nuint curr = CmpxchgRaw(xa, index, 0, entry, gfp);
        int errno = xa_err(curr);
        if (errno != 0)
            return errno;
        return curr != 0 ? -EBUSY : 0;
    }

    /// <summary>
    /// Stores the entry at every index from first to last, as few multi-index entries as possible; 0 erases. Returns 0 or an error to be taken out with
    /// xa_err(). On -ENOMEM a part may be stored.
    /// </summary>
    internal static nuint xa_store_range(xarray xa, ulong first, ulong last, nuint entry, gfp_t gfp)
    {
        xa_lock(xa);
        nuint ret = __xa_store_range(xa, first, last, entry, gfp);
        xa_unlock(xa);
        return ret;
    }

    [MustHold("xa.xa_lock")]
    internal static nuint __xa_store_range(xarray xa, ulong first, ulong last, nuint entry, gfp_t gfp)
    {
        if (WARN_ON_ONCE(xa_is_internal(entry)))
            return xa_mk_internal(unchecked((ulong)-EINVAL));
        if (last < first)
            return xa_mk_internal(unchecked((ulong)-EINVAL));
        xa_state xas = XA_STATE(xa, 0);
        lockdep_assert_held(xas.xa.xa_lock);
        do
        {
            while (true)
            {
                xas_set_range(ref xas, first, last);
                xas_store(ref xas, entry);
                if (xas_error(xas) != 0)
                    break;

                // One less than the size, which does not fit a word for the whole array.
                ulong mask = ((ulong)(xas.xa_sibs + 1) << xas.xa_shift) - 1;
                if (last - first <= mask)
                    break;
                first += mask + 1;
            }
        }
        while (__xas_nomem(ref xas, gfp));
        return Result(ref xas, 0);
    }

    /// <summary>The order of the entry at the index: 0 for a plain one or none.</summary>
    internal static int xa_get_order(xarray xa, ulong index)
    {
        xa_state xas = XA_STATE(xa, index);
        int order = 0;
        rcu_read_lock();
        nuint entry = xas_load(ref xas);
        if (entry != 0)
            order = xas_get_order(ref xas);
        rcu_read_unlock();
        return order;
    }

    /// <summary>The order of the entry the cursor is on.</summary>
    internal static int xas_get_order(ref xa_state xas)
    {
        if (xas.xa_node == null || xas_invalid(xas))
            return 0;
        int order = 0;
        while (true)
        {
            int slot = xas.xa_offset + (1 << order);
            if (slot >= XA_CHUNK_SIZE || !xa_is_sibling(Slot(xas.xa_node, slot)))
                break;
            order++;
        }

        return order + xas.xa_node->shift;
    }

    /// <summary>The first entry from index to max that has the mark (XA_PRESENT: any); the index moves to it. 0 if there is none.</summary>
    internal static nuint xa_find(xarray xa, ref ulong indexp, ulong max, xa_mark_t filter = xa_mark_t.XA_PRESENT)
    {
        xa_state xas = XA_STATE(xa, indexp);
        nuint entry;
        rcu_read_lock();
        do
        {
            entry = filter < XA_PRESENT ? xas_find_marked(ref xas, max, filter) : xas_find(ref xas, max);
        }
        while (xas_retry(ref xas, entry));
        rcu_read_unlock();
        if (entry != 0)
            indexp = xas.xa_index;
        return entry;
    }

    /// <summary>Like xa_find(), but past the index and past the multi-index entry that holds it.</summary>
    internal static nuint xa_find_after(xarray xa, ref ulong indexp, ulong max, xa_mark_t filter = xa_mark_t.XA_PRESENT)
    {
        if (indexp == ulong.MaxValue)
            return 0;
        xa_state xas = XA_STATE(xa, indexp + 1);
        nuint entry;
        rcu_read_lock();
        while (true)
        {
            entry = filter < XA_PRESENT ? xas_find_marked(ref xas, max, filter) : xas_find(ref xas, max);
            if (xas_invalid(xas))
                break;

            if (xas_retry(ref xas, entry))
                continue;

            // The entry that holds the index is not after it; a marked search goes back to where that entry starts.
            if (!OnSibling(ref xas) && (entry == 0 || xas.xa_index > indexp))
                break;
        }

        rcu_read_unlock();
        if (entry != 0)
            indexp = xas.xa_index;
        return entry;
    }

    internal static bool xa_get_mark(xarray xa, ulong index, xa_mark_t mark)
    {
        xa_state xas = XA_STATE(xa, index);
        bool set = false;
        rcu_read_lock();
        nuint entry = xas_start(ref xas);
        while (xas_get_mark(ref xas, mark))
        {
            if (!xa_is_node(entry))
            {
                set = entry != 0;
                break;
            }

            entry = xas_descend(ref xas, xa_to_node(entry));
        }

        rcu_read_unlock();
        return set;
    }

    /// <summary>Sets a mark on an entry; nothing happens where there is none.</summary>
    internal static void xa_set_mark(xarray xa, ulong index, xa_mark_t mark)
    {
        xa_lock(xa);
        __xa_set_mark(xa, index, mark);
        xa_unlock(xa);
    }

    [MustHold("xa.xa_lock")]
    internal static void __xa_set_mark(xarray xa, ulong index, xa_mark_t mark)
    {
        xa_state xas = XA_STATE(xa, index);
        lockdep_assert_held(xas.xa.xa_lock);
        if (xas_load(ref xas) != 0)
            xas_set_mark(ref xas, mark);
    }

    internal static void xa_clear_mark(xarray xa, ulong index, xa_mark_t mark)
    {
        xa_lock(xa);
        __xa_clear_mark(xa, index, mark);
        xa_unlock(xa);
    }

    [MustHold("xa.xa_lock")]
    internal static void __xa_clear_mark(xarray xa, ulong index, xa_mark_t mark)
    {
        xa_state xas = XA_STATE(xa, index);
        lockdep_assert_held(xas.xa.xa_lock);
        if (xas_load(ref xas) != 0)
            xas_clear_mark(ref xas, mark);
    }

    /// <summary>Frees all nodes. What the entries point to is the caller's business.</summary>
    internal static void xa_destroy(xarray xa)
    {
        xa_state xas = XA_STATE(xa, 0);
        xa_lock_irqsave(xa, out ulong flags);
        xas.xa_node = null;
        nuint entry = xa.xa_head;
        Volatile.Write(ref xa.xa_head, 0);
        lockdep_assert_held(xas.xa.xa_lock);
        xas_init_marks(ref xas);
        if (ZeroBusy(xa))
            MarkClear(xa, XA_FREE_MARK);
        if (xa_is_node(entry))
            xas_free_nodes(ref xas, xa_to_node(entry));
        xa_unlock_irqrestore(xa, flags);
    }

    /// <summary>Finds a free index from min to max, stores the entry there. -EBUSY if none is free. The array has XA_FLAGS_ALLOC.</summary>
    [MustCheck]
    internal static int xa_alloc(xarray xa, out uint id, nuint entry, uint min, uint max, gfp_t gfp)
    {
        xa_lock(xa);
        int err = __xa_alloc(xa, out id, entry, min, max, gfp);
        xa_unlock(xa);
        return err;
    }

    [MustHold("xa.xa_lock")]
    [MustCheck]
    internal static int __xa_alloc(xarray xa, out uint id, nuint entry, uint min, uint max, gfp_t gfp)
    {
        id = 0;
        if (WARN_ON_ONCE(xa_is_advanced(entry)) || WARN_ON_ONCE(!TrackFree(xa)))
            return -EINVAL;
        if (entry == 0)
            entry = XA_ZERO_ENTRY;
        xa_state xas = XA_STATE(xa, 0);
        lockdep_assert_held(xas.xa.xa_lock);
        do
        {
            xas.xa_index = min;
            xas_find_marked(ref xas, max, XA_FREE_MARK);
            if (xas.xa_node == RESTART)
                xas_set_err(ref xas, -EBUSY);
            else
                id = (uint)xas.xa_index;
            xas_store(ref xas, entry);
            xas_clear_mark(ref xas, XA_FREE_MARK);
        }
        while (__xas_nomem(ref xas, gfp));
        return xas_error(xas);
    }

    /// <summary>Walks to the cursor's index. 0 if nothing is there; the cursor then says how far the tree reaches.</summary>
    internal static nuint xas_load(ref xa_state xas)
    {
        nuint entry = xas_start(ref xas);
        while (xa_is_node(entry))
        {
            xa_node* node = xa_to_node(entry);
            if (xas.xa_shift > node->shift)
                break;
            entry = xas_descend(ref xas, node);
            if (node->shift == 0)
                break;
        }

        return entry;
    }

    /// <summary>After -ENOMEM: allocates a node and lets the caller try again. False when there was no such error, or no memory.</summary>
    internal static bool xas_nomem(ref xa_state xas, gfp_t gfp)
    {
        if (xas_error(xas) != -ENOMEM)
        {
            xas_destroy(ref xas);
            return false;
        }

        if (should_fail(xas.xa.kernel, "xas_nomem"))
            return false;
        xas.xa_alloc = xas.xa.kernel.radix_tree_node_cachep.Alloc();
        if (xas.xa_alloc == null)
            return false;
        xas.xa_node = RESTART;
        return true;
    }

    /// <summary>Frees what xas_nomem() or xas_split_alloc() allocated and nobody used.</summary>
    internal static void xas_destroy(ref xa_state xas)
    {
        xa_node* node = xas.xa_alloc;
        while (node != null)
        {
            xa_node* next = node->list;
            xas.xa.kernel.radix_tree_node_cachep.Free(node);
            node = next;
        }

        xas.xa_alloc = null;
    }

    /// <summary>Makes every slot of the cursor's range, so that stores into it need no memory.</summary>
    [MustHold("xas.xa.xa_lock")]
    internal static void xas_create_range(ref xa_state xas)
    {
        ulong index = xas.xa_index;
        byte shift = xas.xa_shift;
        byte sibs = xas.xa_sibs;
        xas.xa_index |= ((ulong)(sibs + 1) << shift) - 1;
        if (xas_is_node(xas) && xas.xa_node->shift == xas.xa_shift)
            xas.xa_offset |= sibs;
        xas.xa_shift = 0;
        xas.xa_sibs = 0;
        while (true)
        {
            xas_create(ref xas, allow_root: true);
            if (xas_error(xas) != 0)
            {
                xas.xa_shift = shift;
                xas.xa_sibs = sibs;
                xas.xa_index = index;
                return;
            }

            if (xas.xa_index <= (index | XA_CHUNK_MASK))
                break;
            xas.xa_index -= XA_CHUNK_SIZE;
            while (true)
            {
                xa_node* node = xas.xa_node;
                if (node->shift >= shift)
                    break;
                xas.xa_node = node->parent;
                xas.xa_offset = (byte)(node->offset - 1);
                if (node->offset != 0)
                    break;
            }
        }

        xas.xa_shift = shift;
        xas.xa_sibs = sibs;
        xas.xa_index = index;
        if (xas.xa_node != null)
            xas_set_offset(ref xas);
    }

    /// <summary>
    /// Stores an entry over the cursor's range and returns what was there. An existing entry that covers more indices is replaced as a whole. On failure
    /// the cursor has the error and nothing changed.
    /// </summary>
    [MustHold("xas.xa.xa_lock")]
    internal static nuint xas_store(ref xa_state xas, nuint entry)
    {
        xarray xa = xas.xa;
        int count = 0;
        int values = 0;
        int value = xa_is_value(entry) ? 1 : 0;
        nuint first = entry != 0 ? xas_create(ref xas, !xa_is_node(entry) && !xa_is_zero(entry)) : xas_load(ref xas);
        if (xas_invalid(xas))
            return first;
        xa_node* node = xas.xa_node;
        if (node != null && xas.xa_shift < node->shift)
            xas.xa_sibs = 0;
        if (first == entry && xas.xa_sibs == 0)
            return first;

        SchedulingPoints.Hit(SchedulingPoint.Atomic, xa);
        nuint next = first;
        int offset = xas.xa_offset;
        int max = xas.xa_offset + xas.xa_sibs;
        nuint* slot;
        fixed (nuint* head = &xa.xa_head)
        {
            slot = node == null ? head : (nuint*)&node->slots[offset];
            if (node != null && xas.xa_sibs != 0)
                SquashMarks(ref xas);
            if (entry == 0)
                xas_init_marks(ref xas);
            while (true)
            {
                // Marks went before: a reader that finds a mark finds an entry. Readers see the object before its entry.
                Volatile.Write(ref *slot, entry);
                if (xa_is_node(next) && (node == null || node->shift != 0))
                    xas_free_nodes(ref xas, xa_to_node(next));
                if (node == null)
                    break;
                count += (next == 0 ? 1 : 0) - (entry == 0 ? 1 : 0);
                values += (xa_is_value(first) ? 0 : 1) - (value != 0 ? 0 : 1);
                if (entry != 0)
                {
                    if (offset == max)
                        break;
                    if (!xa_is_sibling(entry))
                        entry = xa_mk_sibling(xas.xa_offset);
                }
                else if (offset == XA_CHUNK_MASK)
                {
                    break;
                }

                next = Slot(node, ++offset);
                if (!xa_is_sibling(next))
                {
                    if (entry == 0 && offset > max)
                        break;
                    first = next;
                }

                slot++;
            }
        }

        if (node != null)
            UpdateNode(ref xas, node, count, values);
        return first;
    }

    internal static bool xas_get_mark(ref xa_state xas, xa_mark_t mark)
    {
        if (xas_invalid(xas))
            return false;
        return xas.xa_node == null ? xa_marked(xas.xa, mark) : NodeMark(xas.xa_node, xas.xa_offset, mark);
    }

    [MustHold("xas.xa.xa_lock")]
    internal static void xas_set_mark(ref xa_state xas, xa_mark_t mark)
    {
        if (xas_invalid(xas))
            return;
        xa_node* node = xas.xa_node;
        int offset = xas.xa_offset;
        while (node != null)
        {
            if (NodeMark(node, offset, mark))
                return;
            node->marks[(int)mark] |= 1UL << offset;
            offset = node->offset;
            node = node->parent;
        }

        MarkSet(xas.xa, mark);
    }

    [MustHold("xas.xa.xa_lock")]
    internal static void xas_clear_mark(ref xa_state xas, xa_mark_t mark)
    {
        if (xas_invalid(xas))
            return;
        xa_node* node = xas.xa_node;
        int offset = xas.xa_offset;
        while (node != null)
        {
            if (!NodeMark(node, offset, mark))
                return;
            node->marks[(int)mark] &= ~(1UL << offset);
            if (node->marks[(int)mark] != 0)
                return;
            offset = node->offset;
            node = node->parent;
        }

        MarkClear(xas.xa, mark);
    }

    /// <summary>Brings the marks of the cursor's slot to those of an empty one.</summary>
    [MustHold("xas.xa.xa_lock")]
    internal static void xas_init_marks(ref xa_state xas)
    {
        for (xa_mark_t mark = XA_MARK_0; mark <= XA_MARK_2; mark++)
        {
            if (TrackFree(xas.xa) && mark == XA_FREE_MARK)
                xas_set_mark(ref xas, mark);
            else
                xas_clear_mark(ref xas, mark);
        }
    }

    /// <summary>Lets go of the tree: after this the lock may be dropped, and the walk goes on behind the current entry.</summary>
    internal static void xas_pause(ref xa_state xas)
    {
        xa_node* node = xas.xa_node;
        if (xas_invalid(xas))
            return;
        xas.xa_node = RESTART;
        if (node != null)
        {
            int offset = xas.xa_offset;
            while (++offset < XA_CHUNK_SIZE)
            {
                if (!xa_is_sibling(Slot(node, offset)))
                    break;
            }

            xas.xa_index &= ~0UL << node->shift;
            xas.xa_index += (ulong)(offset - xas.xa_offset) << node->shift;
            if (xas.xa_index == 0)
                xas.xa_node = BOUNDS;
        }
        else
        {
            xas.xa_index++;
        }
    }

    /// <summary>
    /// The first entry at or after the cursor's index, up to max. If the cursor is on an entry already, the next one. 0 and XAS_BOUNDS or XAS_RESTART at
    /// the end.
    /// </summary>
    internal static nuint xas_find(ref xa_state xas, ulong max)
    {
        if (xas_error(xas) != 0 || xas.xa_node == BOUNDS)
            return 0;
        if (xas.xa_index > max)
            return SetBounds(ref xas);
        if (xas.xa_node == null)
        {
            xas.xa_index = 1;
            return SetBounds(ref xas);
        }

        if (xas.xa_node == RESTART)
        {
            nuint entry = xas_load(ref xas);
            if (entry != 0 || xas_not_node(xas.xa_node))
                return entry;
        }
        else if (xas.xa_node->shift == 0 && xas.xa_offset != (xas.xa_index & XA_CHUNK_MASK))
        {
            xas.xa_offset = (byte)(((xas.xa_index - 1) & XA_CHUNK_MASK) + 1);
        }

        NextOffset(ref xas);
        while (xas.xa_node != null && xas.xa_index <= max)
        {
            if (xas.xa_offset == XA_CHUNK_SIZE)
            {
                xas.xa_offset = (byte)(xas.xa_node->offset + 1);
                xas.xa_node = xas.xa_node->parent;
                continue;
            }

            nuint entry = Slot(xas.xa_node, xas.xa_offset);
            if (xa_is_node(entry))
            {
                xas.xa_node = xa_to_node(entry);
                xas.xa_offset = 0;
                continue;
            }

            if (entry != 0 && !xa_is_sibling(entry))
                return entry;
            NextOffset(ref xas);
        }

        if (xas.xa_node == null)
            xas.xa_node = BOUNDS;
        return 0;
    }

    /// <summary>Like xas_find(), with a short way to the neighbour in the same leaf.</summary>
    internal static nuint xas_find_next(ref xa_state xas, ulong max)
    {
        xa_node* node = xas.xa_node;
        if (xas_not_node(node) || node->shift != 0 || xas.xa_offset != (xas.xa_index & XA_CHUNK_MASK))
            return xas_find(ref xas, max);
        do
        {
            if (xas.xa_index >= max || xas.xa_offset == XA_CHUNK_MASK)
                return xas_find(ref xas, max);
            nuint entry = Slot(node, xas.xa_offset + 1);
            if (xa_is_internal(entry))
                return xas_find(ref xas, max);
            xas.xa_offset++;
            xas.xa_index++;
            if (entry != 0)
                return entry;
        }
        while (true);
    }

    /// <summary>The first marked entry at or after the cursor's index, up to max. With XA_FREE_MARK also finds empty slots of an allocating array.</summary>
    internal static nuint xas_find_marked(ref xa_state xas, ulong max, xa_mark_t mark)
    {
        bool advance = true;
        if (xas_error(xas) != 0)
            return 0;
        if (xas.xa_index > max)
            return SetRestart(ref xas);
        if (xas.xa_node == null)
        {
            xas.xa_index = 1;
            return xas.xa_index > max ? SetRestart(ref xas) : SetBounds(ref xas);
        }

        if (xas_top(xas.xa_node))
        {
            advance = false;
            nuint entry = Volatile.Read(ref xas.xa.xa_head);
            xas.xa_node = null;
            if (xas.xa_index > MaxIndex(entry))
                return SetBounds(ref xas);
            if (!xa_is_node(entry))
            {
                if (xa_marked(xas.xa, mark))
                    return entry;
                xas.xa_index = 1;
                return xas.xa_index > max ? SetRestart(ref xas) : SetBounds(ref xas);
            }

            xas.xa_node = xa_to_node(entry);
            xas.xa_offset = (byte)(xas.xa_index >> xas.xa_node->shift);
        }

        while (xas.xa_index <= max)
        {
            if (xas.xa_offset == XA_CHUNK_SIZE)
            {
                xas.xa_offset = (byte)(xas.xa_node->offset + 1);
                xas.xa_node = xas.xa_node->parent;
                if (xas.xa_node == null)
                    break;
                advance = false;
                continue;
            }

            if (!advance)
            {
                nuint here = Slot(xas.xa_node, xas.xa_offset);
                if (xa_is_sibling(here))
                {
                    xas.xa_offset = (byte)xa_to_sibling(here);
                    MoveIndex(ref xas, xas.xa_offset);
                }
            }

            int offset = FindChunk(ref xas, advance, mark);
            if (offset > xas.xa_offset)
            {
                advance = false;
                MoveIndex(ref xas, (ulong)offset);

                // An index that wrapped to 0 is past every max, too.
                if (xas.xa_index - 1 >= max)
                    return SetRestart(ref xas);
                xas.xa_offset = (byte)offset;
                if (offset == XA_CHUNK_SIZE)
                    continue;
            }

            nuint entry = Slot(xas.xa_node, xas.xa_offset);
            if (entry == 0 && !(TrackFree(xas.xa) && mark == XA_FREE_MARK))
                continue;
            if (xa_is_sibling(entry))
                continue;
            if (!xa_is_node(entry))
                return entry;
            xas.xa_node = xa_to_node(entry);
            xas_set_offset(ref xas);
            advance = false;
        }

        return xas.xa_index > max ? SetRestart(ref xas) : SetBounds(ref xas);
    }

    /// <summary>Walks the entries in the cursor's range: each call gives the next one that a store there would replace.</summary>
    [MustHold("xas.xa.xa_lock")]
    internal static nuint xas_find_conflict(ref xa_state xas)
    {
        if (xas_error(xas) != 0 || xas.xa_node == null)
            return 0;
        nuint curr;
        if (xas_top(xas.xa_node))
        {
            curr = xas_start(ref xas);
            if (curr == 0)
                return 0;
            while (xa_is_node(curr))
                curr = xas_descend(ref xas, xa_to_node(curr));
            if (curr != 0)
                return curr;
        }

        if (xas.xa_node->shift > xas.xa_shift)
            return 0;
        while (true)
        {
            if (xas.xa_node->shift == xas.xa_shift)
            {
                if ((xas.xa_offset & xas.xa_sibs) == xas.xa_sibs)
                    break;
            }
            else if (xas.xa_offset == XA_CHUNK_MASK)
            {
                xas.xa_offset = xas.xa_node->offset;
                xas.xa_node = xas.xa_node->parent;
                if (xas.xa_node == null)
                    break;
                continue;
            }

            curr = Slot(xas.xa_node, ++xas.xa_offset);
            if (xa_is_sibling(curr))
                continue;
            while (xa_is_node(curr))
            {
                xas.xa_node = xa_to_node(curr);
                xas.xa_offset = 0;
                curr = Slot(xas.xa_node, 0);
            }

            if (curr != 0)
                return curr;
        }

        xas.xa_offset -= xas.xa_sibs;
        return 0;
    }

    internal static nuint __xas_next(ref xa_state xas)
    {
        if (!xas_frozen(xas.xa_node))
            xas.xa_index++;
        if (xas.xa_node == null)
            return SetBounds(ref xas);
        if (xas_not_node(xas.xa_node))
            return xas_load(ref xas);
        if (xas.xa_offset != (xas.xa_index >> xas.xa_node->shift & XA_CHUNK_MASK))
            xas.xa_offset++;
        while (xas.xa_offset == XA_CHUNK_SIZE)
        {
            xas.xa_offset = (byte)(xas.xa_node->offset + 1);
            xas.xa_node = xas.xa_node->parent;
            if (xas.xa_node == null)
                return SetBounds(ref xas);
        }

        return Down(ref xas);
    }

    internal static nuint __xas_prev(ref xa_state xas)
    {
        if (!xas_frozen(xas.xa_node))
            xas.xa_index--;
        if (xas.xa_node == null)
            return SetBounds(ref xas);
        if (xas_not_node(xas.xa_node))
            return xas_load(ref xas);
        int offset = xas.xa_offset;
        if (xas.xa_offset != (xas.xa_index >> xas.xa_node->shift & XA_CHUNK_MASK))
            offset--;
        while (offset < 0)
        {
            offset = xas.xa_node->offset - 1;
            xas.xa_node = xas.xa_node->parent;
            if (xas.xa_node == null)
                return SetBounds(ref xas);
        }

        xas.xa_offset = (byte)offset;
        return Down(ref xas);
    }

    /// <summary>Allocates what xas_split() needs to cut an entry of the given order into entries of the cursor's order, filled with the entry.</summary>
    internal static void xas_split_alloc(ref xa_state xas, nuint entry, int order, gfp_t gfp)
    {
        uint mask = xas.xa_sibs;
        int sibs = (1 << (order % XA_CHUNK_SHIFT)) - 1;

        // A split over more than one level is not supported.
        if (WARN_ON(xas.xa_shift + (2 * XA_CHUNK_SHIFT) <= order))
        {
            xas_destroy(ref xas);
            xas_set_err(ref xas, -ENOMEM);
            return;
        }

        if (xas.xa_shift + XA_CHUNK_SHIFT > order)
            return;
        do
        {
            xa_node* node = should_fail(xas.xa.kernel, "xas_split_alloc") ? null : xas.xa.kernel.radix_tree_node_cachep.Alloc();
            if (node == null)
            {
                xas_destroy(ref xas);
                xas_set_err(ref xas, -ENOMEM);
                return;
            }

            nuint sibling = 0;
            for (uint i = 0; i < XA_CHUNK_SIZE; i++)
            {
                if ((i & mask) == 0)
                {
                    node->slots[i] = entry;
                    sibling = xa_mk_sibling(i);
                }
                else
                {
                    node->slots[i] = sibling;
                }
            }

            node->list = xas.xa_alloc;
            xas.xa_alloc = node;
        }
        while (sibs-- > 0);
    }

    /// <summary>Cuts the entry at the cursor, of the given order, into entries of the cursor's order with the new value; marks go to all of them.</summary>
    [MustHold("xas.xa.xa_lock")]
    internal static void xas_split(ref xa_state xas, nuint entry, int order)
    {
        int sibs = (1 << (order % XA_CHUNK_SHIFT)) - 1;
        int values = 0;
        nuint curr = xas_load(ref xas);
        xa_node* node = xas.xa_node;
        if (xas_not_node(node))
            return;
        uint marks = 0;
        for (xa_mark_t mark = XA_MARK_0; mark <= XA_MARK_2; mark++)
        {
            if (NodeMark(node, xas.xa_offset, mark))
                marks |= 1u << (int)mark;
        }

        int offset = xas.xa_offset + sibs;
        do
        {
            if (xas.xa_shift < node->shift)
            {
                xa_node* child = xas.xa_alloc;
                xas.xa_alloc = child->list;
                child->shift = (byte)(node->shift - XA_CHUNK_SHIFT);
                child->offset = (byte)offset;
                child->count = XA_CHUNK_SIZE;
                child->nr_values = xa_is_value(entry) ? (byte)XA_CHUNK_SIZE : (byte)0;
                child->parent = node;
                child->list = null;
                SpreadMarks(node, offset, child, xas.xa_sibs, marks);
                Volatile.Write(ref *(nuint*)&node->slots[offset], xa_mk_node(child));
                if (xa_is_value(curr))
                    values--;
            }
            else
            {
                int canon = offset - xas.xa_sibs;
                SpreadMarks(node, canon, null, 0, marks);
                Volatile.Write(ref *(nuint*)&node->slots[canon], entry);
                while (offset > canon)
                    Volatile.Write(ref *(nuint*)&node->slots[offset--], xa_mk_sibling((uint)canon));
                values += ((xa_is_value(entry) ? 1 : 0) - (xa_is_value(curr) ? 1 : 0)) * (xas.xa_sibs + 1);
            }
        }
        while (offset-- > xas.xa_offset);
        node->nr_values = (byte)(node->nr_values + values);
    }

    internal static nuint xas_start(ref xa_state xas)
    {
        if (xas_valid(xas))
            return xas_reload(ref xas);
        if (xas_error(xas) != 0)
            return 0;
        nuint entry = Volatile.Read(ref xas.xa.xa_head);
        if (!xa_is_node(entry))
        {
            if (xas.xa_index != 0)
                return SetBounds(ref xas);
        }
        else if (xas.xa_index >> xa_to_node(entry)->shift > XA_CHUNK_MASK)
        {
            return SetBounds(ref xas);
        }

        xas.xa_node = null;
        return entry;
    }

    internal static nuint xas_descend(ref xa_state xas, xa_node* node)
    {
        int offset = (int)(xas.xa_index >> node->shift & XA_CHUNK_MASK);
        nuint entry = Slot(node, offset);
        xas.xa_node = node;
        while (xa_is_sibling(entry))
        {
            offset = (int)xa_to_sibling(entry);
            entry = Slot(node, offset);

            // A racing split: the sibling's entry became a node, which covers another range.
            if (node->shift != 0 && xa_is_node(entry))
                entry = XA_RETRY_ENTRY;
        }

        xas.xa_offset = (byte)offset;
        return entry;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint Slot(xa_node* node, int offset) => XarrayH.Slot(node, offset);

    [MustHold("xa.xa_lock")]
    private static nuint CmpxchgRaw(xarray xa, ulong index, nuint old, nuint entry, gfp_t gfp)
    {
        if (WARN_ON_ONCE(xa_is_advanced(entry)))
            return xa_mk_internal(unchecked((ulong)-EINVAL));
        xa_state xas = XA_STATE(xa, index);
        lockdep_assert_held(xas.xa.xa_lock);
        nuint curr;
        do
        {
            curr = xas_load(ref xas);
            if (curr == old)
            {
                xas_store(ref xas, entry);
                if (TrackFree(xa) && entry != 0 && curr == 0)
                    xas_clear_mark(ref xas, XA_FREE_MARK);
            }
        }
        while (__xas_nomem(ref xas, gfp));
        int err = xas_error(xas);
        return err != 0 ? xa_mk_internal(unchecked((ulong)err)) : curr;
    }

    private static nuint Result(ref xa_state xas, nuint curr)
    {
        int err = xas_error(xas);
        if (err != 0)
            return xa_mk_internal(unchecked((ulong)err));
        return xa_is_zero(curr) ? 0 : curr;
    }

    // Under the lock: the model's allocator never sleeps, so the lock stays held where C drops it for a sleeping allocation.
    [MustHold("xas.xa.xa_lock")]
    private static bool __xas_nomem(ref xa_state xas, gfp_t gfp) => xas_nomem(ref xas, gfp);

    private static xa_node* xas_alloc(ref xa_state xas, int shift)
    {
        xa_node* parent = xas.xa_node;
        if (xas_invalid(xas))
            return null;
        xa_node* node = xas.xa_alloc;
        if (node != null)
        {
            xas.xa_alloc = null;
        }
        else
        {
            node = should_fail(xas.xa.kernel, "xas_alloc") ? null : xas.xa.kernel.radix_tree_node_cachep.Alloc();
            if (node == null)
            {
                xas_set_err(ref xas, -ENOMEM);
                return null;
            }
        }

        if (parent != null)
        {
            node->offset = xas.xa_offset;
            parent->count++;
        }

        node->shift = (byte)shift;
        node->parent = parent;
        return node;
    }

    /// <summary>Grows the tree from the top until it reaches the cursor's range; returns the shift above the head, or an error.</summary>
    private static int xas_expand(ref xa_state xas, nuint head)
    {
        xarray xa = xas.xa;
        int shift = 0;
        ulong max = XasMax(ref xas);
        if (head == 0)
        {
            if (max == 0)
                return 0;
            while (max >> shift >= XA_CHUNK_SIZE)
                shift += XA_CHUNK_SHIFT;
            return shift + XA_CHUNK_SHIFT;
        }

        if (xa_is_node(head))
            shift = xa_to_node(head)->shift + XA_CHUNK_SHIFT;
        xas.xa_node = null;
        while (max > MaxIndex(head))
        {
            xa_node* node = xas_alloc(ref xas, shift);
            if (node == null)
                return -ENOMEM;
            node->count = 1;
            if (xa_is_value(head))
                node->nr_values = 1;
            node->slots[0] = head;

            // The whole of what was the tree is now slot 0, and so are its marks.
            for (xa_mark_t mark = XA_MARK_0; mark <= XA_MARK_2; mark++)
            {
                if (TrackFree(xa) && mark == XA_FREE_MARK)
                {
                    node->marks[(int)mark] = ~0UL;
                    if (!xa_marked(xa, XA_FREE_MARK))
                    {
                        node->marks[(int)mark] &= ~1UL;
                        MarkSet(xa, XA_FREE_MARK);
                    }
                }
                else if (xa_marked(xa, mark))
                {
                    node->marks[(int)mark] |= 1;
                }
            }

            if (xa_is_node(head))
            {
                xa_to_node(head)->offset = 0;
                xa_to_node(head)->parent = node;
            }

            head = xa_mk_node(node);
            Volatile.Write(ref xa.xa_head, head);
            shift += XA_CHUNK_SHIFT;
        }

        xas.xa_node = xa_is_node(head) ? xa_to_node(head) : null;
        return shift;
    }

    /// <summary>Makes the slot of the cursor and returns its entry. Stops at an entry that covers more than the cursor wants.</summary>
    private static nuint xas_create(ref xa_state xas, bool allow_root)
    {
        xarray xa = xas.xa;
        xa_node* node = xas.xa_node;
        int order = xas.xa_shift;
        int shift;
        nuint entry;

        // The slot lies in a node (never moves) or is the head of the array (node null).
        xa_node* holder;
        int at;
        if (xas_top(node))
        {
            entry = xa.xa_head;
            xas.xa_node = null;
            if (entry == 0 && ZeroBusy(xa))
                entry = XA_ZERO_ENTRY;
            shift = xas_expand(ref xas, entry);
            if (shift < 0)
                return 0;
            if (shift == 0 && !allow_root)
                shift = XA_CHUNK_SHIFT;
            entry = xa.xa_head;
            xas.xa_node = null;
            holder = null;
            at = 0;
        }
        else if (xas_error(xas) != 0)
        {
            return 0;
        }
        else
        {
            holder = node;
            at = xas.xa_offset;
            shift = node->shift;
            entry = Slot(node, at);
        }

        while (shift > order)
        {
            shift -= XA_CHUNK_SHIFT;
            if (entry == 0)
            {
                node = xas_alloc(ref xas, shift);
                if (node == null)
                    break;
                if (TrackFree(xa))
                    node->marks[(int)XA_FREE_MARK] = ~0UL;
                if (holder == null)
                    Volatile.Write(ref xa.xa_head, xa_mk_node(node));
                else
                    Volatile.Write(ref *(nuint*)&holder->slots[at], xa_mk_node(node));
            }
            else if (xa_is_node(entry))
            {
                node = xa_to_node(entry);
            }
            else
            {
                break;
            }

            entry = xas_descend(ref xas, node);
            holder = node;
            at = xas.xa_offset;
        }

        return entry;
    }

    private static void UpdateNode(ref xa_state xas, xa_node* node, int count, int values)
    {
        if (count == 0 && values == 0)
            return;
        node->count = (byte)(node->count + count);
        node->nr_values = (byte)(node->nr_values + values);
        if (count < 0)
            DeleteNode(ref xas);
    }

    /// <summary>Removes the cursor's node, and its parents, as long as they are empty; then takes off levels that are not needed.</summary>
    private static void DeleteNode(ref xa_state xas)
    {
        xa_node* node = xas.xa_node;
        while (true)
        {
            if (node->count != 0)
                break;
            xa_node* parent = node->parent;
            xas.xa_node = parent;
            xas.xa_offset = node->offset;
            xas.xa.kernel.radix_tree_node_cachep.FreeRcu(node);
            if (parent == null)
            {
                Volatile.Write(ref xas.xa.xa_head, 0);
                xas.xa_node = BOUNDS;
                return;
            }

            Volatile.Write(ref *(nuint*)&parent->slots[xas.xa_offset], 0);
            parent->count--;
            node = parent;
        }

        if (node->parent == null)
            Shrink(ref xas);
    }

    private static void Shrink(ref xa_state xas)
    {
        xarray xa = xas.xa;
        xa_node* node = xas.xa_node;
        while (true)
        {
            if (node->count != 1)
                break;
            nuint entry = Slot(node, 0);
            if (entry == 0)
                break;
            if (!xa_is_node(entry) && node->shift != 0)
                break;
            if (xa_is_zero(entry))
            {
                // A reservation cannot be the head: it could not be told from an empty array there.
                if (!ZeroBusy(xa))
                    break;
                entry = 0;
            }

            xas.xa_node = BOUNDS;
            Volatile.Write(ref xa.xa_head, entry);
            if (TrackFree(xa) && !NodeMark(node, 0, XA_FREE_MARK))
                MarkClear(xa, XA_FREE_MARK);
            node->count = 0;
            node->nr_values = 0;
            if (!xa_is_node(entry))
                Volatile.Write(ref *(nuint*)&node->slots[0], XA_RETRY_ENTRY);
            xa.kernel.radix_tree_node_cachep.FreeRcu(node);
            if (!xa_is_node(entry))
                break;
            node = xa_to_node(entry);
            node->parent = null;
        }
    }

    /// <summary>Frees a subtree; readers that are in it find retry entries.</summary>
    private static void xas_free_nodes(ref xa_state xas, xa_node* top)
    {
        int offset = 0;
        xa_node* node = top;
        while (true)
        {
            nuint entry = Slot(node, offset);
            if (node->shift != 0 && xa_is_node(entry))
            {
                node = xa_to_node(entry);
                offset = 0;
                continue;
            }

            if (entry != 0)
                Volatile.Write(ref *(nuint*)&node->slots[offset], XA_RETRY_ENTRY);
            offset++;
            while (offset == XA_CHUNK_SIZE)
            {
                xa_node* parent = node->parent;
                offset = node->offset + 1;
                bool last = node == top;
                node->count = 0;
                node->nr_values = 0;
                xas.xa.kernel.radix_tree_node_cachep.FreeRcu(node);
                if (last)
                    return;
                node = parent;
            }
        }
    }

    /// <summary>One entry replaces several: a mark on any of them becomes a mark on it.</summary>
    private static void SquashMarks(ref xa_state xas)
    {
        xa_node* node = xas.xa_node;
        ulong tail = ((1UL << xas.xa_sibs) - 1) << (xas.xa_offset + 1);
        for (int mark = 0; mark < XA_MAX_MARKS; mark++)
        {
            if ((node->marks[mark] & tail) == 0)
                continue;
            node->marks[mark] = (node->marks[mark] & ~tail) | (1UL << xas.xa_offset);
        }
    }

    private static void SpreadMarks(xa_node* node, int offset, xa_node* child, int sibs, uint marks)
    {
        for (int mark = 0; mark < XA_MAX_MARKS; mark++)
        {
            if ((marks & (1u << mark)) == 0)
                continue;
            node->marks[mark] |= 1UL << offset;
            if (child == null)
                continue;

            // Only canonical slots carry marks.
            ulong canonical = 0;
            for (int i = 0; i < XA_CHUNK_SIZE; i += sibs + 1)
                canonical |= 1UL << i;
            child->marks[mark] = canonical;
        }
    }

    /// <summary>The cursor's range for the largest aligned piece of the given one that fits into slots of one node.</summary>
    private static void xas_set_range(ref xa_state xas, ulong first, ulong last)
    {
        int shift = 0;
        while (shift + XA_CHUNK_SHIFT < 64)
        {
            ulong size = 1UL << (shift + XA_CHUNK_SHIFT);
            if ((first & (size - 1)) != 0 || last - first < size - 1)
                break;
            shift += XA_CHUNK_SHIFT;
        }

        ulong slots = (last - first) >> shift;
        if (((last - first) & ((1UL << shift) - 1)) == (1UL << shift) - 1)
            slots++;
        int offset = (int)(first >> shift & XA_CHUNK_MASK);
        xas_set(ref xas, first);
        xas.xa_shift = (byte)shift;
        xas.xa_sibs = (byte)(Math.Min(slots, (ulong)(XA_CHUNK_SIZE - offset)) - 1);
    }

    private static nuint Down(ref xa_state xas)
    {
        while (true)
        {
            nuint entry = Slot(xas.xa_node, xas.xa_offset);
            if (xa_is_sibling(entry))
            {
                xas.xa_offset = (byte)xa_to_sibling(entry);
                entry = Slot(xas.xa_node, xas.xa_offset);
            }

            if (!xa_is_node(entry))
                return entry;
            xas.xa_node = xa_to_node(entry);
            xas_set_offset(ref xas);
        }
    }

    private static bool OnSibling(ref xa_state xas)
    {
        xa_node* node = xas.xa_node;
        if (node == null || xas_invalid(xas))
            return false;
        ulong mask = (ulong)XA_CHUNK_SIZE << node->shift;
        return (xas.xa_index & (mask - 1)) > (ulong)xas.xa_offset << node->shift;
    }

    private static void xas_set_offset(ref xa_state xas) => xas.xa_offset = (byte)(xas.xa_index >> xas.xa_node->shift & XA_CHUNK_MASK);

    private static void MoveIndex(ref xa_state xas, ulong offset)
    {
        int shift = xas.xa_node->shift;
        xas.xa_index &= shift + XA_CHUNK_SHIFT < 64 ? ~0UL << shift << XA_CHUNK_SHIFT : 0;
        xas.xa_index += offset << shift;
    }

    private static void NextOffset(ref xa_state xas)
    {
        xas.xa_offset++;
        MoveIndex(ref xas, xas.xa_offset);
    }

    private static nuint SetBounds(ref xa_state xas)
    {
        xas.xa_node = BOUNDS;
        return 0;
    }

    private static nuint SetRestart(ref xa_state xas)
    {
        xas.xa_node = RESTART;
        return 0;
    }

    private static ulong MaxIndex(nuint entry)
    {
        if (!xa_is_node(entry))
            return 0;
        int shift = xa_to_node(entry)->shift;
        return shift + XA_CHUNK_SHIFT < 64 ? ((ulong)XA_CHUNK_SIZE << shift) - 1 : ulong.MaxValue;
    }

    private static ulong XasMax(ref xa_state xas)
    {
        ulong max = xas.xa_index;
        if (xas.xa_shift != 0 || xas.xa_sibs != 0)
        {
            ulong mask = ((ulong)(xas.xa_sibs + 1) << xas.xa_shift) - 1;
            max |= mask;

            // An entry that starts at 0 needs a node above it.
            if (mask == max && max != ulong.MaxValue)
                max++;
        }

        return max;
    }

    private static int FindChunk(ref xa_state xas, bool advance, xa_mark_t mark)
    {
        int offset = xas.xa_offset + (advance ? 1 : 0);
        if (offset >= XA_CHUNK_SIZE)
            return XA_CHUNK_SIZE;
        ulong rest = Volatile.Read(ref xas.xa_node->marks[(int)mark]) & (~0UL << offset);
        return rest == 0 ? XA_CHUNK_SIZE : BitOperations.TrailingZeroCount(rest);
    }

    private static bool NodeMark(xa_node* node, int offset, xa_mark_t mark) => (Volatile.Read(ref node->marks[(int)mark]) >> offset & 1) != 0;

    private static void MarkSet(xarray xa, xa_mark_t mark) => xa.xa_flags |= XA_FLAGS_MARK(mark);

    private static void MarkClear(xarray xa, xa_mark_t mark) => xa.xa_flags &= ~XA_FLAGS_MARK(mark);

    private static bool TrackFree(xarray xa) => (xa.xa_flags & XA_FLAGS_TRACK_FREE) != 0;

    private static bool ZeroBusy(xarray xa) => (xa.xa_flags & XA_FLAGS_ZERO_BUSY) != 0;
}
