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

    /// <summary>0: the frame was never allocated, so its memory still reads as zero and the host has not committed it. Has no counterpart in Linux.</summary>
    [FieldOffset(58)]
    internal byte HandedOut;

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

/// <summary>Result of a fault handler, with Linux's bit values.</summary>
[Flags]
internal enum vm_fault_t : uint
{
    NONE = 0,
    VM_FAULT_OOM = 0x000001,
    VM_FAULT_SIGBUS = 0x000002,
    VM_FAULT_MAJOR = 0x000004,
    VM_FAULT_HWPOISON = 0x000010,
    VM_FAULT_HWPOISON_LARGE = 0x000020,
    VM_FAULT_SIGSEGV = 0x000040,
    VM_FAULT_NOPAGE = 0x000100,
    VM_FAULT_LOCKED = 0x000200,
    VM_FAULT_RETRY = 0x000400,
    VM_FAULT_FALLBACK = 0x000800,
    VM_FAULT_DONE_COW = 0x001000,
    VM_FAULT_COMPLETED = 0x004000,
    VM_FAULT_ERROR = VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE | VM_FAULT_FALLBACK,
}

[Flags]
internal enum fault_flag : uint
{
    NONE = 0,
    FAULT_FLAG_WRITE = 1 << 0,
    FAULT_FLAG_MKWRITE = 1 << 1,
    FAULT_FLAG_ALLOW_RETRY = 1 << 2,
    FAULT_FLAG_RETRY_NOWAIT = 1 << 3,
    FAULT_FLAG_KILLABLE = 1 << 4,
    FAULT_FLAG_TRIED = 1 << 5,
    FAULT_FLAG_USER = 1 << 6,
    FAULT_FLAG_REMOTE = 1 << 7,
    FAULT_FLAG_INSTRUCTION = 1 << 8,
    FAULT_FLAG_INTERRUPTIBLE = 1 << 9,
    FAULT_FLAG_UNSHARE = 1 << 10,
}

/// <summary>Which part of resident memory a page counts for.</summary>
internal enum rss_stat_item
{
    MM_FILEPAGES,
    MM_ANONPAGES,
    MM_SWAPENTS,
    MM_SHMEMPAGES,
}

[Flags]
internal enum foll_flag : uint
{
    NONE = 0,
    FOLL_WRITE = 1 << 0,
    FOLL_GET = 1 << 1,
    FOLL_DUMP = 1 << 2,
    FOLL_FORCE = 1 << 3,
    FOLL_NOWAIT = 1 << 4,
    FOLL_NOFAULT = 1 << 5,
    FOLL_HWPOISON = 1 << 6,
    FOLL_ANON = 1 << 7,
    FOLL_LONGTERM = 1 << 8,
    FOLL_SPLIT_PMD = 1 << 9,
    FOLL_PCI_P2PDMA = 1 << 10,
    FOLL_INTERRUPTIBLE = 1 << 11,
    FOLL_HONOR_NUMA_FAULT = 1 << 12,
    FOLL_TOUCH = 1 << 16,
    FOLL_TRIED = 1 << 17,
    FOLL_REMOTE = 1 << 18,
    FOLL_PIN = 1 << 19,
    FOLL_FAST_ONLY = 1 << 20,
    FOLL_UNLOCKABLE = 1 << 21,
    FOLL_MADV_POPULATE = 1 << 22,
}

/// <summary>What a mapping is going to be; a file's mmap_prepare may change the flags, the file and the operations.</summary>
internal sealed class vm_area_desc
{
    internal required mm_struct mm { get; init; }

    internal ulong start { get; init; }

    internal ulong end { get; init; }

    internal ulong pgoff;
    internal @file? vm_file;
    internal ulong vm_flags;
    internal pgprot_t page_prot;
    internal vm_operations_struct? vm_ops;
    internal object? private_data;
}

/// <summary>
/// One area of an address space: half-open byte range, flags, file and offset. Changed under mmap_lock held for writing, except
/// <see cref="anon_vma"/>, which a fault may set once under mmap_lock held for reading and page_table_lock.
/// </summary>
internal sealed partial class vm_area_struct
{
    internal vm_area_struct(mm_struct mm) => vm_mm = mm;

    internal readonly mm_struct vm_mm;
    internal ulong vm_start;
    internal ulong vm_end;

    /// <summary>VM_* bits. VM_MAYBE_GUARD alone may be set, atomically, under mmap_lock held for reading.</summary>
    internal ulong vm_flags;
    internal pgprot_t vm_page_prot;

    /// <summary>Page index in the file at vm_start; for anonymous areas the address it had when first mapped, in pages.</summary>
    internal pgoff_t vm_pgoff;
    internal @file? vm_file;

    /// <summary>Operations; null for anonymous memory.</summary>
    internal vm_operations_struct? vm_ops;

    /// <summary>The family of copies that this area's own anonymous pages belong to; null until the first one.</summary>
    internal anon_vma? anon_vma;

    /// <summary>Families whose pages this area may map: its own and, after fork, those of its ancestors.</summary>
    internal List<anon_vma>? anon_vma_chain;
    internal object? vm_private_data;
    internal mempolicy? vm_policy;

    /// <summary>VM_UFFD_* modes of the userfaultfd that watches the area; 0 without one.</summary>
    internal uint uffd_flags;
    internal string? anon_name;

    // Place in the mm's tree, see VmaTree.
    internal vm_area_struct? Left;
    internal vm_area_struct? Right;
    internal vm_area_struct? Previous;
    internal vm_area_struct? Next;
    internal ulong SubtreeGap;
    internal int Height;
    internal bool Attached;

    /// <summary>Next area of an unmapping in progress.</summary>
    internal vm_area_struct? DetachNext;

    public override string ToString() => $"vma {vm_start:x}-{vm_end:x} flags {vm_flags:x} pgoff {vm_pgoff:x}";
}

/// <summary>An address space. mm_users counts its users, mm_count the references to the structure; all users together hold one.</summary>
[RefCounted("mmget", "mmput")]
internal sealed partial class mm_struct
{
    internal mm_struct(Kernel kernel)
    {
        this.kernel = kernel;
        arch = kernel.arch;
        memory = kernel.machine.Memory;
        mmap_lock = new rw_semaphore("&mm->mmap_lock", "fork.c");
        page_table_lock = new spinlock_t("&mm->page_table_lock", "fork.c");
        task_size = kernel.arch.TASK_SIZE;
        mmap_base = kernel.arch.MmapBase;
    }

    internal readonly Kernel kernel;
    internal readonly Arch arch;
    internal readonly PhysicalMemory memory;

    /// <summary>Physical address of the top-level page table.</summary>
    internal ulong pgd;

    /// <summary>Areas, faults and everything about them.</summary>
    [AcquiredBefore(nameof(page_table_lock))]
    internal readonly rw_semaphore mmap_lock;

    /// <summary>Page tables and their entries, and the counters of resident pages.</summary>
    internal readonly spinlock_t page_table_lock;

    /// <summary>The areas, by address.</summary>
    [PtGuardedBy(nameof(mmap_lock))]
    internal readonly VmaTree mm_mt = new();
    internal int mm_users = 1;
    internal int mm_count = 1;

    internal readonly ulong task_size;
    internal ulong mmap_base;

    /// <summary>Pages in areas with VM_LOCKED, plus what io_uring and others charged. Under mmap_lock for writing.</summary>
    [GuardedBy(nameof(mmap_lock))]
    internal ulong locked_vm;
    [GuardedBy(nameof(mmap_lock))]
    internal ulong total_vm;
    [GuardedBy(nameof(mmap_lock))]
    internal ulong data_vm;
    [GuardedBy(nameof(mmap_lock))]
    internal ulong exec_vm;
    [GuardedBy(nameof(mmap_lock))]
    internal ulong stack_vm;

    /// <summary>Pages under long-term pins; changed by atomic operations.</summary>
    internal long pinned_vm;

    /// <summary>VM_* bits that every new area gets (mlockall).</summary>
    [GuardedBy(nameof(mmap_lock))]
    internal ulong def_flags;
    [GuardedBy(nameof(mmap_lock))]
    internal int map_count;
    internal ulong start_brk;
    [GuardedBy(nameof(mmap_lock))]
    internal ulong brk;
    internal ulong start_stack;

    /// <summary>Resident pages by <see cref="rss_stat_item"/>. Under page_table_lock.</summary>
    [GuardedBy(nameof(page_table_lock))]
    internal long rss_file;
    [GuardedBy(nameof(page_table_lock))]
    internal long rss_anon;
    [GuardedBy(nameof(page_table_lock))]
    internal long rss_shmem;

    /// <summary>Pages that hold page tables below the top one. Under page_table_lock.</summary>
    [GuardedBy(nameof(page_table_lock))]
    internal long pgtables_pages;

    internal mempolicy? mempolicy;

    /// <summary>MMU notifiers; null until the first one registers. Set once, under mmap_lock for writing.</summary>
    internal mmu_notifier_subscriptions? notifier_subscriptions;

    /// <summary>Between mmu_notifier_release() and the last put nothing notifies any more.</summary>
    internal bool notifiers_released;

    /// <summary>What the architecture keeps per address space (ASID, generation, CPUs).</summary>
    internal object? context;

    /// <summary>The area of the last fault; a hint, always in the tree. Written under mmap_lock held for reading.</summary>
    internal vm_area_struct? Hint;

    public override string ToString() => $"mm {pgd:x}";
}
