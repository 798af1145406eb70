// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/mm_types.h, Linux 6.18.
namespace Linux;

/// <summary>The 64 bytes that describe one page frame, in native memory. All zero means not initialised yet (deferred).</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal unsafe struct PageFrame
{
    internal const ulong Size = 64;

    /// <summary>PG_* bits and, at the top, the zone. Changed by atomic operations only once the page is allocated.</summary>
    [FieldOffset(0)]
    internal ulong flags;

    /// <summary>List linkage: buddy list, pcp list or LRU; the owner of the page decides. Tail pages: head | 1.</summary>
    [FieldOffset(8)]
    internal PageFrame* next;

    [FieldOffset(16)]
    internal PageFrame* prev;

    /// <summary>Object id of the address_space or anon_vma shifted left by three, and PAGE_MAPPING_* in the low bits; 0 is NULL.</summary>
    [FieldOffset(24)]
    internal ulong mapping;

    [FieldOffset(32)]
    internal ulong index;

    /// <summary>Owner's word; the order while the page is free.</summary>
    [FieldOffset(40)]
    internal ulong @private;

    /// <summary>Number of user page-table entries minus one.</summary>
    [FieldOffset(48)]
    internal int _mapcount;

    /// <summary>Type of a page that is never mapped by users; shares its word with the map count.</summary>
    [FieldOffset(48)]
    internal int page_type;

    /// <summary>
    /// Reference count. 0: free or frozen, tryget fails; above 0: references held; FOLL_PIN adds GUP_PIN_COUNTING_BIAS.
    /// </summary>
    [FieldOffset(52)]
    internal int _refcount;

    /// <summary>Order of the folio, in its head page.</summary>
    [FieldOffset(56)]
    internal byte order;

    /// <summary>Not 0: the audit knows that nothing may reach the page through the direct map. Has no counterpart in Linux.</summary>
    [FieldOffset(57)]
    internal byte Audited;

    /// <summary>Number of page-table pages' live entries (page tables only).</summary>
    [FieldOffset(60)]
    internal int pt_share;
}

/// <summary>Handle of one page: NULL, a row of the page array, or a negative errno in the same word.</summary>
internal readonly unsafe struct page : IEquatable<page>
{
    internal readonly PageFrame* Frame;

    internal page(PageFrame* frame) => Frame = frame;

    internal ulong Word => (ulong)Frame;

    internal bool IS_NULL => Frame == null;

    public static bool operator ==(page a, page b) => a.Frame == b.Frame;

    public static bool operator !=(page a, page b) => a.Frame != b.Frame;

    public bool Equals(page other) => Frame == other.Frame;

    public override bool Equals(object? obj) => obj is page other && Equals(other);

    public override int GetHashCode() => ((nint)Frame).GetHashCode();

    public override string ToString() => ErrH.IS_ERR(this) ? $"ERR_PTR({ErrH.PTR_ERR(this)})" : IS_NULL ? "page(NULL)" : $"page#{MemoryModelH.page_to_pfn(this):x}";

    internal static page ERR_PTR(int error) => new((PageFrame*)(nint)error);
}

/// <summary>
/// Handle of a folio, that is of its head page: NULL, a folio, or a negative errno in the same word. The folio is a lock (PG_locked) and
/// a counted object.
/// </summary>
[ContextLock(Name = "folio lock")]
[RefCounted("folio_get", "folio_put")]
internal readonly unsafe struct folio : IEquatable<folio>
{
    internal readonly PageFrame* Frame;

    internal folio(PageFrame* frame) => Frame = frame;

    internal ulong Word => (ulong)Frame;

    internal bool IS_NULL => Frame == null;

    internal ref ulong flags => ref Frame->flags;

    internal ref ulong index => ref Frame->index;

    internal ref ulong @private => ref Frame->@private;

    internal ref int _refcount => ref Frame->_refcount;

    internal ref int _mapcount => ref Frame->_mapcount;

    internal page page => new(Frame);

    public static bool operator ==(folio a, folio b) => a.Frame == b.Frame;

    public static bool operator !=(folio a, folio b) => a.Frame != b.Frame;

    public bool Equals(folio other) => Frame == other.Frame;

    public override bool Equals(object? obj) => obj is folio other && Equals(other);

    public override int GetHashCode() => ((nint)Frame).GetHashCode();

    public override string ToString() => ErrH.IS_ERR(this) ? $"ERR_PTR({ErrH.PTR_ERR(this)})" : IS_NULL ? "folio(NULL)" : $"folio#{MemoryModelH.folio_pfn(this):x}";

    internal static folio ERR_PTR(int error) => new((PageFrame*)(nint)error);
}
