// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/kvm_host.h, Linux 6.18.
namespace Linux;

internal enum kvm_mr_change
{
    KVM_MR_CREATE,
    KVM_MR_DELETE,
    KVM_MR_MOVE,
    KVM_MR_FLAGS_ONLY,
}

[Flags]
internal enum kvm_gfn_range_filter
{
    KVM_FILTER_SHARED = 1 << 0,
    KVM_FILTER_PRIVATE = 1 << 1,
}

/// <summary>Range of guest frames in one slot that a notifier wants changed.</summary>
internal ref struct kvm_gfn_range
{
    internal kvm_memory_slot slot;
    internal gfn_t start;
    internal gfn_t end;

    /// <summary>Argument of the operation: the attributes that are being set.</summary>
    internal ulong attributes;
    internal kvm_gfn_range_filter attr_filter;
    internal bool may_block;
    internal bool lockless;
}

/// <summary>
/// A range of guest frames and what backs it. Immutable once published in a set of memslots, but for gmem.file and the architecture's part.
/// </summary>
internal sealed class kvm_memory_slot
{
    internal gfn_t base_gfn;
    internal ulong npages;

    /// <summary>Bit n: page n was written since the log was read. Null without dirty logging. Changed by atomic operations.</summary>
    internal ulong[]? dirty_bitmap;
    internal object? arch;
    internal ulong userspace_addr;
    internal uint flags;
    internal short id;
    internal ushort as_id;

    /// <summary>
    /// The guest_memfd file. Not counted: release of the file clears it. Written under slots_lock and invalidate_lock; read under SRCU, with
    /// a conditional reference and a second look.
    /// </summary>
    [BorrowsReference]
    internal @file? gmem_file;
    internal pgoff_t gmem_pgoff;
}

/// <summary>One set of slots of an address space. Two per space: the published one and the one being prepared.</summary>
internal sealed class kvm_memslots
{
    internal ulong generation;

    /// <summary>Slot that the last lookup found; a hint, read and written without lock.</summary>
    internal kvm_memory_slot? last_used_slot;

    /// <summary>By base_gfn, ascending.</summary>
    internal readonly List<kvm_memory_slot> gfn_tree = [];

    /// <summary>By userspace_addr, for notifier ranges.</summary>
    internal readonly List<kvm_memory_slot> hva_tree = [];
    internal readonly Dictionary<short, kvm_memory_slot> id_hash = [];
    internal int node_idx;
}

/// <summary>A virtual machine. Counted: <c>kvm_get_kvm</c>/<c>kvm_put_kvm</c>.</summary>
[RefCounted("kvm_get_kvm", "kvm_put_kvm")]
internal sealed partial class kvm
{
    internal kvm(Kernel kernel, KvmArch arch_ops)
    {
        this.kernel = kernel;
        this.arch_ops = arch_ops;
        mmu_lock = new rwlock_t("&kvm->mmu_lock");
        slots_lock = new mutex("&kvm->slots_lock");
        slots_arch_lock = new mutex("&kvm->slots_arch_lock");
        @lock = new mutex("&kvm->lock");
        mn_invalidate_lock = new spinlock_t("&kvm->mn_invalidate_lock");
        gpc_lock = new spinlock_t("&kvm->gpc_lock");
        srcu = new srcu_struct(kernel, "&kvm->srcu");
        mem_attr_array = new xarray(kernel, "&kvm->mem_attr_array");
    }

    internal readonly Kernel kernel;
    internal readonly KvmArch arch_ops;

    /// <summary>Stage-2 or TDP tables and the mmu_invalidate_* fields. Never sleep under it; taken from the MMU notifier.</summary>
    internal readonly rwlock_t mmu_lock;

    /// <summary>Memslot updates, per-VM attributes, release of guest_memfd files.</summary>
    [AcquiredBefore(nameof(slots_arch_lock))]
    internal readonly mutex slots_lock;

    /// <summary>Publication of a set of memslots against the architecture's own metadata.</summary>
    internal readonly mutex slots_arch_lock;

    /// <summary>vCPU creation and VM-wide capabilities.</summary>
    [AcquiredBefore(nameof(slots_lock))]
    internal readonly mutex @lock;

    /// <summary>Counts notifier invalidations in flight, which the memslot swap waits for.</summary>
    internal readonly spinlock_t mn_invalidate_lock;
    internal readonly spinlock_t gpc_lock;
    internal readonly srcu_struct srcu;

    /// <summary>The address space that created the VM, pinned by mm_count.</summary>
    internal required mm_struct mm { get; init; }
    [GuardedBy(nameof(slots_lock))]
    internal ulong nr_memslot_pages;

    /// <summary>Published sets, by address space. Written under slots_lock; read under SRCU.</summary>
    internal readonly kvm_memslots[] memslots = new kvm_memslots[KvmHostH.KVM_MAX_NR_ADDRESS_SPACES];
    internal readonly kvm_memslots[,] __memslots = new kvm_memslots[KvmHostH.KVM_MAX_NR_ADDRESS_SPACES, 2];

    /// <summary>vCPUs by index. Written under lock; read by anyone up to online_vcpus.</summary>
    internal readonly List<kvm_vcpu> vcpu_array = [];
    [GuardedBy(nameof(@lock))]
    internal int online_vcpus;
    [GuardedBy(nameof(@lock))]
    internal int created_vcpus;

    /// <summary>Bytes of each vCPU's ring of dirty pages, which then is in place of the bitmaps; 0 without rings. Written under lock.</summary>
    internal uint dirty_ring_size;

    /// <summary>Where coalesced writes of devices are kept for user space.</summary>
    internal page coalesced_mmio_ring;
    internal int max_vcpus;

    /// <summary>References: VM descriptor, vCPU descriptors, guest_memfd files.</summary>
    internal int users_count = 1;

    internal mmu_notifier? mmu_notifier;

    /// <summary>Bumped by every invalidation; a fault that saw another value must look again. Written under mmu_lock.</summary>
    [GuardedBy(nameof(mmu_lock))]
    internal ulong mmu_invalidate_seq;

    /// <summary>Invalidations between begin and end. Under mmu_lock held for writing.</summary>
    [GuardedBy(nameof(mmu_lock))]
    internal long mmu_invalidate_in_progress;

    [GuardedBy(nameof(mmu_lock))]
    internal gfn_t mmu_invalidate_range_start;

    [GuardedBy(nameof(mmu_lock))]
    internal gfn_t mmu_invalidate_range_end;

    [GuardedBy(nameof(mn_invalidate_lock))]
    internal long mn_active_invalidate_count;

    /// <summary>Attributes by gfn; an absent entry is 0. Written under slots_lock; read locklessly.</summary>
    internal readonly xarray mem_attr_array;
    internal bool vm_bugged;
    internal bool vm_dead;
    internal bool manual_dirty_log_protect;
    internal ulong manual_dirty_log_protect_flags;

    /// <summary>The architecture's part.</summary>
    internal object? arch;
}

/// <summary>A virtual CPU.</summary>
internal sealed partial class kvm_vcpu
{
    internal kvm_vcpu(kvm kvm, uint id)
    {
        this.kvm = kvm;
        vcpu_id = id;
        mutex = new mutex("&vcpu->mutex");
    }

    internal readonly kvm kvm;
    internal readonly uint vcpu_id;
    internal int vcpu_idx;

    /// <summary>Serialises ioctls on the vCPU.</summary>
    internal readonly mutex mutex;
    internal int srcu_idx;
    internal ulong requests;

    /// <summary>Where the vCPU's task sleeps while the guest has nothing to do.</summary>
    internal readonly rcuwait wait = new();

    /// <summary>Page frame of the kvm_run area that user space maps.</summary>
    internal page run_page;

    /// <summary>Data of a port I/O exit, and coalesced writes: further pages of the area. Those of coalesced writes are the VM's.</summary>
    internal page pio_page;
    internal kvm_dirty_ring? dirty_ring;

    /// <summary>Whether the pending MMIO or I/O exit needs user space's answer before the guest goes on.</summary>
    internal bool mmio_needed;

    /// <summary>The architecture's part.</summary>
    internal object? arch;
}

internal static partial class KvmHostH
{
    internal const int KVM_MAX_NR_ADDRESS_SPACES = 2;
    internal const uint KVM_MEMSLOT_INVALID = 1U << 16;
    internal const uint KVM_MEMSLOT_GMEM_ONLY = 1U << 17;
    internal const ulong KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS = 1UL << 63;
    internal const ulong KVM_MEM_MAX_NR_PAGES = (1UL << 31) - 1;

    internal const ulong KVM_PFN_ERR_MASK = 0x7ffUL << 52;
    internal const ulong KVM_PFN_ERR_NOSLOT_MASK = 0xfffUL << 52;
    internal static readonly kvm_pfn_t KVM_PFN_NOSLOT = new(1UL << 63);
    internal static readonly kvm_pfn_t KVM_PFN_ERR_FAULT = new(KVM_PFN_ERR_MASK);
    internal static readonly kvm_pfn_t KVM_PFN_ERR_HWPOISON = new(KVM_PFN_ERR_MASK + 1);
    internal static readonly kvm_pfn_t KVM_PFN_ERR_RO_FAULT = new(KVM_PFN_ERR_MASK + 2);
    internal static readonly kvm_pfn_t KVM_PFN_ERR_SIGPENDING = new(KVM_PFN_ERR_MASK + 3);
    internal static readonly kvm_pfn_t KVM_PFN_ERR_NEEDS_IO = new(KVM_PFN_ERR_MASK + 4);

    internal const int KVM_REQ_TLB_FLUSH = 0;
    internal const int KVM_REQ_VM_DEAD = 1;
    internal const int KVM_REQ_UNBLOCK = 2;
    internal const int KVM_REQ_MMU_RELOAD = 8;

    internal static bool is_error_pfn(kvm_pfn_t pfn) => (pfn.Value & KVM_PFN_ERR_MASK) != 0;

    internal static bool is_sigpending_pfn(kvm_pfn_t pfn) => pfn == KVM_PFN_ERR_SIGPENDING;

    internal static bool is_error_noslot_pfn(kvm_pfn_t pfn) => (pfn.Value & KVM_PFN_ERR_NOSLOT_MASK) != 0;

    internal static bool is_noslot_pfn(kvm_pfn_t pfn) => pfn == KVM_PFN_NOSLOT;

    internal static bool kvm_slot_has_gmem(kvm_memory_slot? slot) => slot is not null && (slot.flags & UapiKvm.KVM_MEM_GUEST_MEMFD) != 0;

    internal static bool kvm_memslot_is_gmem_only(kvm_memory_slot slot) => (slot.flags & KVM_MEMSLOT_GMEM_ONLY) != 0;
}
