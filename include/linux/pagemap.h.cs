// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/pagemap.h, Linux 6.18; AS_NO_DIRECT_MAP and its helpers follow the direct-map series v12.
namespace Linux;

/// <summary>Bit numbers in <c>address_space.flags</c>.</summary>
internal enum mapping_flags
{
    AS_EIO = 0,
    AS_ENOSPC = 1,
    AS_MM_ALL_LOCKS = 2,
    AS_UNEVICTABLE = 3,
    AS_EXITING = 4,
    AS_NO_WRITEBACK_TAGS = 5,
    AS_RELEASE_ALWAYS = 6,
    AS_STABLE_WRITES = 7,
    AS_INACCESSIBLE = 8,
    AS_WRITEBACK_MAY_DEADLOCK_ON_RECLAIM = 9,
    AS_KERNEL_FILE = 10,
    AS_NO_DATA_INTEGRITY = 11,
    AS_NO_DIRECT_MAP = 12,
}

internal static unsafe partial class PagemapH
{
    internal const int AS_EIO = (int)mapping_flags.AS_EIO;
    internal const int AS_ENOSPC = (int)mapping_flags.AS_ENOSPC;
    internal const int AS_MM_ALL_LOCKS = (int)mapping_flags.AS_MM_ALL_LOCKS;
    internal const int AS_UNEVICTABLE = (int)mapping_flags.AS_UNEVICTABLE;
    internal const int AS_EXITING = (int)mapping_flags.AS_EXITING;
    internal const int AS_NO_WRITEBACK_TAGS = (int)mapping_flags.AS_NO_WRITEBACK_TAGS;
    internal const int AS_RELEASE_ALWAYS = (int)mapping_flags.AS_RELEASE_ALWAYS;
    internal const int AS_STABLE_WRITES = (int)mapping_flags.AS_STABLE_WRITES;
    internal const int AS_INACCESSIBLE = (int)mapping_flags.AS_INACCESSIBLE;
    internal const int AS_WRITEBACK_MAY_DEADLOCK_ON_RECLAIM = (int)mapping_flags.AS_WRITEBACK_MAY_DEADLOCK_ON_RECLAIM;
    internal const int AS_KERNEL_FILE = (int)mapping_flags.AS_KERNEL_FILE;
    internal const int AS_NO_DATA_INTEGRITY = (int)mapping_flags.AS_NO_DATA_INTEGRITY;
    internal const int AS_NO_DIRECT_MAP = (int)mapping_flags.AS_NO_DIRECT_MAP;

    internal const int AS_FOLIO_ORDER_BITS = 5;
    internal const int AS_FOLIO_ORDER_MIN = 16;
    internal const int AS_FOLIO_ORDER_MAX = AS_FOLIO_ORDER_MIN + AS_FOLIO_ORDER_BITS;
    internal const int MAX_PAGECACHE_ORDER = HPAGE_PMD_ORDER;

    private const ulong AS_FOLIO_ORDER_BITS_MASK = (1UL << AS_FOLIO_ORDER_BITS) - 1;
    private const ulong AS_FOLIO_ORDER_MASK = (AS_FOLIO_ORDER_BITS_MASK << AS_FOLIO_ORDER_MIN) | (AS_FOLIO_ORDER_BITS_MASK << AS_FOLIO_ORDER_MAX);

    internal static bool mapping_empty(address_space mapping) => xa_empty(mapping.i_pages);

    /// <summary>Sizes of folios the owner can deal with. Set while nobody uses the mapping.</summary>
    internal static void mapping_set_folio_order_range(address_space mapping, int min, int max)
    {
        min = Math.Min(min, MAX_PAGECACHE_ORDER);
        max = Math.Clamp(max, min, MAX_PAGECACHE_ORDER);
        mapping.flags = (mapping.flags & ~AS_FOLIO_ORDER_MASK) | ((ulong)min << AS_FOLIO_ORDER_MIN) | ((ulong)max << AS_FOLIO_ORDER_MAX);
    }

    internal static int mapping_min_folio_order(address_space mapping) => (int)(mapping.flags >> AS_FOLIO_ORDER_MIN & AS_FOLIO_ORDER_BITS_MASK);

    internal static int mapping_max_folio_order(address_space mapping) => (int)(mapping.flags >> AS_FOLIO_ORDER_MAX & AS_FOLIO_ORDER_BITS_MASK);

    internal static void mapping_set_unevictable(address_space mapping) => SetBit(mapping, AS_UNEVICTABLE);

    internal static void mapping_clear_unevictable(address_space mapping) => Interlocked.And(ref mapping.flags, ~(1UL << AS_UNEVICTABLE));

    internal static bool mapping_unevictable(address_space? mapping) => mapping is not null && TestBit(mapping, AS_UNEVICTABLE);

    internal static void mapping_set_inaccessible(address_space mapping)
    {
        // Nobody but the owner can write such a folio back, so it can only be unevictable.
        SetBit(mapping, AS_UNEVICTABLE);
        SetBit(mapping, AS_INACCESSIBLE);
    }

    internal static bool mapping_inaccessible(address_space mapping) => TestBit(mapping, AS_INACCESSIBLE);

    internal static void mapping_set_exiting(address_space mapping) => SetBit(mapping, AS_EXITING);

    internal static bool mapping_exiting(address_space mapping) => TestBit(mapping, AS_EXITING);

    /// <summary>Set before the file is reachable by user space; there is no way back.</summary>
    internal static void mapping_set_no_direct_map(address_space mapping) => SetBit(mapping, AS_NO_DIRECT_MAP);

    internal static bool mapping_no_direct_map(address_space mapping) => TestBit(mapping, AS_NO_DIRECT_MAP);

    internal static bool vma_has_no_direct_map(vm_area_struct vma) => vma.vm_file is { } file && mapping_no_direct_map(file.f_mapping);

    internal static gfp_t mapping_gfp_mask(address_space mapping) => mapping.gfp_mask;

    internal static gfp_t mapping_gfp_constraint(address_space mapping, gfp_t gfp_mask) => mapping_gfp_mask(mapping) & gfp_mask;

    internal static void mapping_set_gfp_mask(address_space mapping, gfp_t mask) => mapping.gfp_mask = mask;

    /// <summary>The mapping in <c>folio->mapping</c>; null for anonymous, truncated and never-added folios.</summary>
    internal static address_space? folio_mapping(folio folio)
    {
        ulong word = Volatile.Read(ref folio.Frame->mapping);
        return word == 0 || (word & 3) != 0 ? null : folio_kernel(folio).mappings.TryGet((uint)(word >> 3));
    }

    /// <summary>Whether the folio is in the cache of this mapping, without looking the mapping up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool FolioIsIn(address_space mapping, folio folio) => Volatile.Read(ref folio.Frame->mapping) == (ulong)mapping.Id << 3;

    internal static void folio_set_mapping(folio folio, address_space? mapping) =>
        Volatile.Write(ref folio.Frame->mapping, mapping is null ? 0 : (ulong)mapping.Id << 3);

    internal static inode folio_inode([BorrowsReference] folio folio) => folio_mapping(folio)!.host;

    internal static long folio_pos([BorrowsReference] folio folio) => (long)folio.index << PAGE_SHIFT;

    internal static pgoff_t folio_next_index([BorrowsReference] folio folio) => folio.index + (ulong)folio_nr_pages(folio);

    internal static bool folio_contains([BorrowsReference] folio folio, pgoff_t index) => index - folio.index < (ulong)folio_nr_pages(folio);

    /// <summary>The page of the folio at an index of the file.</summary>
    internal static page folio_file_page([BorrowsReference] folio folio, pgoff_t index) => folio_page(folio, index & ((ulong)folio_nr_pages(folio) - 1));

    internal static pgoff_t linear_page_index(vm_area_struct vma, ulong address) => ((address - vma.vm_start) >> PAGE_SHIFT) + vma.vm_pgoff;

    // The folio lock.

    /// <summary>Takes the lock if it is free. Acquire.</summary>
    [CondAcquires(true, "folio")]
    [MustCheck]
    [ContextUnsafe("the lock is a bit")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool folio_trylock([BorrowsReference] folio folio)
    {
        SchedulingPoints.Hit(SchedulingPoint.Acquire);
        ref ulong flags = ref folio.Frame->flags;
        ulong seen = Volatile.Read(ref flags);
        while ((seen & (1UL << PG_locked)) == 0)
        {
            ulong found = Interlocked.CompareExchange(ref flags, seen | (1UL << PG_locked), seen);
            if (found == seen)
                return true;
            seen = found;
        }

        return false;
    }

    /// <summary>Waits for the lock, uninterruptibly. Who holds it may sleep.</summary>
    [Acquires("folio")]
    [MightSleep]
    [ContextUnsafe("the slow path returns with the lock held")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void folio_lock([BorrowsReference] folio folio)
    {
        might_sleep();
        if (!folio_trylock(folio))
            Filemap.__folio_lock(folio);
    }

    /// <summary>Waits for the lock; 0, or -EINTR when a fatal signal came first.</summary>
    [CondAcquires(true, "folio")]
    [MustCheck]
    [MightSleep]
    internal static int folio_lock_killable([BorrowsReference] folio folio)
    {
        might_sleep();
        return folio_trylock(folio) ? 0 : Filemap.__folio_lock_killable(folio);
    }

    /// <summary>For a folio that nobody else can find: sets the lock without an atomic operation.</summary>
    [Acquires("folio")]
    [ContextUnsafe("the lock is a bit")]
    internal static void __folio_set_locked([BorrowsReference] folio folio) => folio.Frame->flags |= 1UL << PG_locked;

    [Releases("folio")]
    [ContextUnsafe("the lock is a bit")]
    internal static void __folio_clear_locked([BorrowsReference] folio folio) => folio.Frame->flags &= ~(1UL << PG_locked);

    /// <summary>VM_BUG_ON_FOLIO(!folio_test_locked(folio)), for a folio whose lock somebody took whom the analysis cannot see: one of a batch.</summary>
    [AssertsHeld("folio")]
    [ContextUnsafe("the assertion itself")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AssertLocked([BorrowsReference] folio folio) => BUG_ON(!folio_test_locked(folio));

    /// <summary>Waits until nobody holds the lock, without taking it.</summary>
    [MightSleep]
    internal static void folio_wait_locked([BorrowsReference] folio folio)
    {
        if (folio_test_locked(folio))
            Filemap.folio_wait_bit(folio, PG_locked);
    }

    // Look-ups.

    internal const uint FGP_ACCESSED = 0x01;
    internal const uint FGP_LOCK = 0x02;
    internal const uint FGP_CREAT = 0x04;
    internal const uint FGP_WRITE = 0x08;
    internal const uint FGP_NOFS = 0x10;
    internal const uint FGP_NOWAIT = 0x20;
    internal const uint FGP_FOR_MMAP = 0x40;
    internal const uint FGP_STABLE = 0x80;

    internal static uint fgf_set_order(ulong size)
    {
        int shift = System.Numerics.BitOperations.Log2(size);
        return shift <= PAGE_SHIFT ? 0 : (uint)(shift - PAGE_SHIFT) << 26;
    }

    internal static int FGF_GET_ORDER(uint fgf) => (int)(fgf >> 26);

    /// <summary>The folio in the cache with a reference, or -ENOENT.</summary>
    [ErrorPointer]
    [ReturnsReference]
    internal static folio filemap_get_folio(address_space mapping, pgoff_t index) => Filemap.__filemap_get_folio(mapping, index, 0, 0);

    /// <summary>The folio in the cache, locked and with a reference, or -ENOENT.</summary>
    [ErrorPointer]
    [ReturnsReference]
    [Acquires("return")]
    [MightSleep]
    [ContextUnsafe("FGP_LOCK: the folio comes back locked")]
    internal static folio filemap_lock_folio(address_space mapping, pgoff_t index) => Filemap.__filemap_get_folio(mapping, index, FGP_LOCK, 0);

    /// <summary>The folio, made if it is not there, locked and with a reference; or -ENOMEM or what the mapping's owner says.</summary>
    [ErrorPointer]
    [ReturnsReference]
    [Acquires("return")]
    [MightSleep]
    [ContextUnsafe("FGP_LOCK: the folio comes back locked")]
    internal static folio filemap_grab_folio(address_space mapping, pgoff_t index) =>
        Filemap.__filemap_get_folio(mapping, index, FGP_LOCK | FGP_ACCESSED | FGP_CREAT, mapping_gfp_mask(mapping));

    [ReturnsReference]
    internal static folio filemap_alloc_folio(gfp_t gfp, int order) => Filemap.filemap_alloc_folio_noprof(gfp, order);

    private static void SetBit(address_space mapping, int bit) => Interlocked.Or(ref mapping.flags, 1UL << bit);

    private static bool TestBit(address_space mapping, int bit) => (mapping.flags & (1UL << bit)) != 0;
}
