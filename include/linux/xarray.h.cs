// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/xarray.h, Linux 6.18.
namespace Linux;

/// <summary>One of the three search marks of an entry.</summary>
internal enum xa_mark_t : uint
{
    XA_MARK_0 = 0,
    XA_MARK_1 = 1,
    XA_MARK_2 = 2,
    XA_PRESENT = 8,
}

/// <summary>
/// 64 entries of the tree, in native memory. Changed under the xa_lock; read under it or in an RCU read-side section.
///   slots[i]   0, a value, a pointer, a node of the next level (only if shift is not 0), or a sibling: "see slot n of this node"
///   count      slots that are not 0, siblings included
///   nr_values  slots that hold a value or the sibling of one
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct xa_node
{
    internal byte shift;
    internal byte offset;
    internal byte count;
    internal byte nr_values;
    internal uint unused;
    internal xa_node* parent;

    /// <summary>Next in the free list, or in the list of nodes that wait for a grace period, or preallocated for a split.</summary>
    internal xa_node* list;
    internal nuint spare;
    internal fixed ulong slots[XarrayH.XA_CHUNK_SIZE];
    internal fixed ulong marks[XarrayH.XA_MAX_MARKS];
}

/// <summary>A sparse array of words indexed by an unsigned long.</summary>
internal sealed unsafe class xarray
{
    internal readonly spinlock_t xa_lock;
    internal readonly Kernel kernel;

    /// <summary>XA_FLAGS_*, and one bit for each mark that occurs anywhere in the array.</summary>
    internal uint xa_flags;

    /// <summary>0, the entry at index 0 if it is the only one, or the root node.</summary>
    internal nuint xa_head;

    internal xarray(Kernel kernel, [CallerMemberName] string name = "", uint flags = 0, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        this.kernel = kernel;
        this.xa_flags = flags;
        this.xa_lock = new spinlock_t(name, file, line);
    }
}

/// <summary>
/// A cursor. States of xa_node: a node, with xa_offset the slot; null: the entry in xa_head; XAS_BOUNDS: beyond the entries; XAS_RESTART: start from the
/// head; an error. Not valid across a release of the lock, except after xas_pause() or xas_reset().
/// </summary>
internal unsafe ref struct xa_state
{
    internal readonly xarray xa;
    internal ulong xa_index;
    internal byte xa_shift;
    internal byte xa_sibs;
    internal byte xa_offset;
    internal xa_node* xa_node;

    /// <summary>A spare node from xas_nomem() or those of xas_split_alloc(); freed by xas_destroy().</summary>
    internal xa_node* xa_alloc;

    internal xa_state(xarray xa, ulong index, byte shift = 0, byte sibs = 0)
    {
        this.xa = xa;
        this.xa_index = index;
        this.xa_shift = shift;
        this.xa_sibs = sibs;
        this.xa_node = (xa_node*)XarrayH.XAS_RESTART;
    }
}

internal static unsafe class XarrayH
{
    internal const int XA_CHUNK_SHIFT = 6;
    internal const int XA_CHUNK_SIZE = 1 << XA_CHUNK_SHIFT;
    internal const int XA_CHUNK_MASK = XA_CHUNK_SIZE - 1;
    internal const int XA_MAX_MARKS = 3;

    internal const xa_mark_t XA_MARK_0 = xa_mark_t.XA_MARK_0;
    internal const xa_mark_t XA_MARK_1 = xa_mark_t.XA_MARK_1;
    internal const xa_mark_t XA_MARK_2 = xa_mark_t.XA_MARK_2;
    internal const xa_mark_t XA_PRESENT = xa_mark_t.XA_PRESENT;
    internal const xa_mark_t XA_FREE_MARK = XA_MARK_0;

    internal const uint XA_FLAGS_LOCK_IRQ = 1;
    internal const uint XA_FLAGS_LOCK_BH = 2;
    internal const uint XA_FLAGS_TRACK_FREE = 4;
    internal const uint XA_FLAGS_ZERO_BUSY = 8;
    internal const uint XA_FLAGS_ALLOC_WRAPPED = 16;
    internal const uint XA_FLAGS_ACCOUNT = 32;
    internal const uint XA_FLAGS_ALLOC = XA_FLAGS_TRACK_FREE | (1u << 28);
    internal const uint XA_FLAGS_ALLOC1 = XA_FLAGS_TRACK_FREE | XA_FLAGS_ZERO_BUSY;

    internal const nuint XAS_BOUNDS = 1;
    internal const nuint XAS_RESTART = 3;

    /// <summary>A reader that meets it lost a race with a change of the tree and starts again.</summary>
    internal const nuint XA_RETRY_ENTRY = (256 << 2) | 2;

    /// <summary>A reserved slot: looks empty to the simple interface.</summary>
    internal const nuint XA_ZERO_ENTRY = (257 << 2) | 2;

    private const int MAX_ERRNO = 4095;

    internal static uint XA_FLAGS_MARK(xa_mark_t mark) => 1u << (28 + (int)mark);

    internal static xa_state XA_STATE(xarray xa, ulong index) => new(xa, index);

    /// <summary>A cursor for an entry of 2^order indices around the index.</summary>
    internal static xa_state XA_STATE_ORDER(xarray xa, ulong index, int order)
    {
        var xas = new xa_state(xa, index);
        xas_set_order(ref xas, index, order);
        return xas;
    }

    /// <summary>An integer as an entry; up to 63 bits.</summary>
    internal static nuint xa_mk_value(ulong v)
    {
        BUG_ON((long)v < 0);
        return (nuint)((v << 1) | 1);
    }

    internal static ulong xa_to_value(nuint entry) => entry >> 1;

    internal static bool xa_is_value(nuint entry) => (entry & 1) != 0;

    internal static nuint xa_mk_internal(ulong v) => (nuint)((v << 2) | 2);

    internal static ulong xa_to_internal(nuint entry) => entry >> 2;

    internal static bool xa_is_internal(nuint entry) => (entry & 3) == 2;

    internal static bool xa_is_zero(nuint entry) => entry == XA_ZERO_ENTRY;

    internal static bool xa_is_retry(nuint entry) => entry == XA_RETRY_ENTRY;

    internal static nuint xa_mk_node(xa_node* node) => (nuint)node | 2;

    internal static xa_node* xa_to_node(nuint entry) => (xa_node*)(entry - 2);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool xa_is_node(nuint entry) => xa_is_internal(entry) && entry > 4096 && !xa_is_err(entry);

    internal static nuint xa_mk_sibling(uint offset) => xa_mk_internal(offset);

    internal static uint xa_to_sibling(nuint entry) => (uint)(entry >> 2);

    internal static bool xa_is_sibling(nuint entry) => xa_is_internal(entry) && entry < xa_mk_sibling(XA_CHUNK_SIZE - 1);

    /// <summary>Retry, zero, node and error entries: what the normal interface never returns as an entry.</summary>
    internal static bool xa_is_advanced(nuint entry) => xa_is_internal(entry) && entry <= XA_RETRY_ENTRY;

    internal static bool xa_is_err(nuint entry) => xa_is_internal(entry) && (long)entry < 0 && (long)entry >> 2 >= -MAX_ERRNO;

    /// <summary>The error that an operation returned in place of an entry, negative, or 0.</summary>
    internal static int xa_err(nuint entry) => xa_is_err(entry) ? (int)((long)entry >> 2) : 0;

    internal static bool xa_empty(xarray xa) => xa.xa_head == 0;

    internal static bool xa_marked(xarray xa, xa_mark_t mark) => (xa.xa_flags & XA_FLAGS_MARK(mark)) != 0;

    internal static void xa_init(xarray xa) => xa_init_flags(xa, 0);

    internal static void xa_init_flags(xarray xa, uint flags)
    {
        xa.xa_flags = flags;
        xa.xa_head = 0;
    }

    [Acquires("xa.xa_lock")]
    internal static void xa_lock(xarray xa, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        spin_lock(xa.xa_lock, function, line);

    [Releases("xa.xa_lock")]
    internal static void xa_unlock(xarray xa) => spin_unlock(xa.xa_lock);

    [Acquires("xa.xa_lock")]
    internal static void xa_lock_irq(xarray xa, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        spin_lock_irq(xa.xa_lock, function, line);

    [Releases("xa.xa_lock")]
    internal static void xa_unlock_irq(xarray xa) => spin_unlock_irq(xa.xa_lock);

    [Acquires("xa.xa_lock")]
    internal static void xa_lock_irqsave(xarray xa, out ulong flags, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        spin_lock_irqsave(xa.xa_lock, out flags, function, line);

    [Releases("xa.xa_lock")]
    internal static void xa_unlock_irqrestore(xarray xa, ulong flags) => spin_unlock_irqrestore(xa.xa_lock, flags);

    [Acquires("xas.xa.xa_lock")]
    internal static void xas_lock(ref xa_state xas, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        spin_lock(xas.xa.xa_lock, function, line);

    [Releases("xas.xa.xa_lock")]
    internal static void xas_unlock(ref xa_state xas) => spin_unlock(xas.xa.xa_lock);

    [Acquires("xas.xa.xa_lock")]
    internal static void xas_lock_irq(ref xa_state xas, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0) =>
        spin_lock_irq(xas.xa.xa_lock, function, line);

    [Releases("xas.xa.xa_lock")]
    internal static void xas_unlock_irq(ref xa_state xas) => spin_unlock_irq(xas.xa.xa_lock);

    internal static bool xas_invalid(in xa_state xas) => ((nuint)xas.xa_node & 3) != 0;

    internal static bool xas_valid(in xa_state xas) => !xas_invalid(xas);

    internal static bool xas_is_node(in xa_state xas) => xas_valid(xas) && xas.xa_node != null;

    internal static bool xas_not_node(xa_node* node) => ((nuint)node & 3) != 0 || node == null;

    internal static bool xas_frozen(xa_node* node) => ((nuint)node & 2) != 0;

    internal static bool xas_top(xa_node* node) => (nuint)node <= XAS_RESTART;

    /// <summary>The error of the cursor, negative, or 0.</summary>
    internal static int xas_error(in xa_state xas) => xa_err((nuint)xas.xa_node);

    internal static void xas_set_err(ref xa_state xas, int err) => xas.xa_node = (xa_node*)unchecked((nuint)(((long)err << 2) | 2));

    internal static void xas_reset(ref xa_state xas) => xas.xa_node = (xa_node*)XAS_RESTART;

    /// <summary>True if the reader has to look again; retry entries also send the cursor back to the head.</summary>
    internal static bool xas_retry(ref xa_state xas, nuint entry)
    {
        if (xa_is_zero(entry))
            return true;
        if (!xa_is_retry(entry))
            return false;
        xas_reset(ref xas);
        return true;
    }

    internal static void xas_set(ref xa_state xas, ulong index)
    {
        xas.xa_index = index;
        xas_reset(ref xas);
    }

    internal static void xas_set_order(ref xa_state xas, ulong index, int order)
    {
        xas.xa_index = order < 64 ? (index >> order) << order : 0;
        xas.xa_shift = (byte)(order - (order % XA_CHUNK_SHIFT));
        xas.xa_sibs = (byte)((1 << (order % XA_CHUNK_SHIFT)) - 1);
        xas_reset(ref xas);
    }

    /// <summary>The entry at the cursor as it is now; the walk is not repeated.</summary>
    internal static nuint xas_reload(ref xa_state xas)
    {
        xa_node* node = xas.xa_node;
        if (node == null)
            return Volatile.Read(ref xas.xa.xa_head);
        nuint entry = Slot(node, (int)(xas.xa_index >> node->shift & XA_CHUNK_MASK));
        return xa_is_sibling(entry) ? Slot(node, (int)xa_to_sibling(entry)) : entry;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint Slot(xa_node* node, int offset) => Volatile.Read(ref *(nuint*)&node->slots[offset]);

    /// <summary>The first entry at or after the cursor, up to max; 0 if there is none. The cursor moves to it.</summary>
    internal static nuint xas_next_entry(ref xa_state xas, ulong max) => Xarray.xas_find_next(ref xas, max);

    internal static nuint xas_next(ref xa_state xas) => Xarray.__xas_next(ref xas);

    internal static nuint xas_prev(ref xa_state xas) => Xarray.__xas_prev(ref xas);

    [MustCheck]
    internal static int xa_insert(xarray xa, ulong index, nuint entry, gfp_t gfp)
    {
        xa_lock(xa);
        int err = Xarray.__xa_insert(xa, index, entry, gfp);
        xa_unlock(xa);
        return err;
    }

    [MustCheck]
    internal static int xa_reserve(xarray xa, ulong index, gfp_t gfp) => xa_err(Xarray.xa_cmpxchg(xa, index, 0, XA_ZERO_ENTRY, gfp));

    /// <summary>Gives a reservation back; an entry stored meanwhile stays.</summary>
    internal static void xa_release(xarray xa, ulong index) => _ = Xarray.xa_cmpxchg(xa, index, XA_ZERO_ENTRY, 0, 0);

    /// <summary>The entries of a range in order: foreach gives index and entry. What the loop does to the array shows up in it.</summary>
    internal static XaRange xa_for_each_range(xarray xa, ulong start, ulong last) => new(xa, start, last);

    internal static XaRange xa_for_each_start(xarray xa, ulong start) => new(xa, start, ulong.MaxValue);

    internal static XaRange xa_for_each(xarray xa) => new(xa, 0, ulong.MaxValue);
}

/// <summary>Enumerates the entries of a range without garbage; no lock is held between two steps.</summary>
internal struct XaRange
{
    private readonly xarray xa;
    private readonly ulong last;
    private ulong index;
    private nuint entry;
    private bool started;

    internal XaRange(xarray xa, ulong start, ulong last)
    {
        this.xa = xa;
        this.index = start;
        this.last = last;
    }

    public readonly (ulong index, nuint entry) Current => (this.index, this.entry);

    public readonly XaRange GetEnumerator() => this;

    public bool MoveNext()
    {
        this.entry = this.started ? Xarray.xa_find_after(this.xa, ref this.index, this.last, XA_PRESENT) : Xarray.xa_find(this.xa, ref this.index, this.last, XA_PRESENT);
        this.started = true;
        return this.entry != 0;
    }
}
