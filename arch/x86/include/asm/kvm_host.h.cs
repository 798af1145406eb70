// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/include/asm/kvm_host.h, Linux 6.18; kvm_arch_gmem_supports_no_direct_map follows the direct-map series v12.
using System.Runtime.CompilerServices;
using KvmSharp.Arch.X86;

namespace Linux;

internal static class X86KvmHostH
{
    internal const int KVM_NR_PAGE_SIZES = 3;
    internal const pg_level KVM_MAX_HUGEPAGE_LEVEL = pg_level.PG_LEVEL_1G;

    internal const ulong PFERR_PRESENT_MASK = 1 << 0;
    internal const ulong PFERR_WRITE_MASK = 1 << 1;
    internal const ulong PFERR_USER_MASK = 1 << 2;
    internal const ulong PFERR_RSVD_MASK = 1 << 3;
    internal const ulong PFERR_FETCH_MASK = 1 << 4;
    internal const ulong PFERR_GUEST_FINAL_MASK = 1UL << 32;

    /// <summary>Synthetic: the access is to private memory.</summary>
    internal const ulong PFERR_PRIVATE_ACCESS = 1UL << 49;

    internal const int OUTSIDE_GUEST_MODE = 0;
    internal const int IN_GUEST_MODE = 1;

    internal const int KVM_REQ_MMU_FREE_OBSOLETE_ROOTS = 31;

    /// <summary>Frames in one leaf of a level.</summary>
    internal static ulong KVM_PAGES_PER_HPAGE(pg_level level) => 1UL << (((int)level - 1) * 9);

    internal static gfn_t gfn_round_for_level(gfn_t gfn, pg_level level) => new(gfn.Value & ~(KVM_PAGES_PER_HPAGE(level) - 1));

    internal static kvm_arch arch_of(kvm kvm) => Unsafe.As<kvm_arch>(kvm.arch!);

    internal static kvm_vcpu_arch arch_of(kvm_vcpu vcpu) => Unsafe.As<kvm_vcpu_arch>(vcpu.arch!);

    internal static kvm_arch_memory_slot arch_of(kvm_memory_slot slot) => Unsafe.As<kvm_arch_memory_slot>(slot.arch!);

    internal static bool kvm_arch_has_private_mem(kvm kvm) => arch_of(kvm).has_private_mem;

    internal static bool kvm_arch_has_readonly_mem(kvm kvm) => !arch_of(kvm).has_protected_state;

    /// <summary>With SMM there is a second address space, except where private memory has attributes by guest address.</summary>
    internal static int kvm_arch_nr_memslot_as_ids(kvm kvm) => arch_of(kvm).module.options.Smm && !kvm_arch_has_private_mem(kvm) ? 2 : 1;

    /// <summary>
    /// KVM reaches memory of such a VM by way of the user mapping. Machines with confidential computing of their own are refused: their
    /// firmware and reverse map want to reach pages by other ways.
    /// </summary>
    internal static bool kvm_arch_gmem_supports_no_direct_map(kvm kvm) =>
        arch_of(kvm).vm_type is not (X86UapiKvm.KVM_X86_TDX_VM or X86UapiKvm.KVM_X86_SNP_VM);

    internal static bool kvm_check_has_quirk(kvm kvm, ulong quirk) => (arch_of(kvm).disabled_quirks & quirk) == 0;
}

/// <summary>Vendor half of KVM. A null entry is what the vendor does not need.</summary>
internal sealed class kvm_x86_ops
{
    internal Func<kvm, kvm_pfn_t, gfn_t, int, int>? gmem_prepare { get; init; }

    internal Action<Kernel, kvm_pfn_t, kvm_pfn_t>? gmem_invalidate { get; init; }

    /// <summary>Largest level for a frame of guest_memfd; 0 is no limit.</summary>
    internal Func<kvm, kvm_pfn_t, bool, int>? gmem_max_mapping_level { get; init; }
}

/// <summary>What x86 keeps for a memslot: for each level above 4K and each aligned block why it cannot be one leaf.</summary>
internal sealed class kvm_arch_memory_slot
{
    /// <summary>kvm_lpage_info.disallow_lpage by level minus two: a count, and bit 31 for mixed attributes. Changed under mmu_lock for writing.</summary>
    internal readonly uint[][] lpage_info = new uint[X86KvmHostH.KVM_NR_PAGE_SIZES - 1][];
}

/// <summary>Root of second-stage tables. Tables below it are known by their page frames only.</summary>
internal sealed class kvm_mmu_page
{
    internal required page page { get; init; }

    /// <summary>Physical address of the table.</summary>
    internal ulong spt;

    /// <summary>vCPUs that have it loaded, walkers, and one for the VM until it is invalidated.</summary>
    internal int tdp_mmu_root_count = 1;

    /// <summary>No vCPU may load it any more. Written under mmu_lock held for writing.</summary>
    internal bool invalid;
    internal bool tdp_mmu_scheduled_root_to_zap;
    internal int level = 4;
}

/// <summary>x86's part of a VM.</summary>
internal sealed class kvm_arch
{
    internal kvm_arch(kvm kvm, X86Kvm module)
    {
        this.kvm = kvm;
        this.module = module;
        tdp_mmu_pages_lock = new spinlock_t("&kvm->arch.tdp_mmu_pages_lock");
    }

    internal readonly kvm kvm;
    internal readonly X86Kvm module;
    internal ulong vm_type;
    internal bool has_private_mem;
    internal bool has_protected_state;
    internal bool pre_fault_allowed;
    internal ulong disabled_quirks;
    internal ulong hypercall_exit_enabled;

    /// <summary>Bound of vCPU numbers; 0 until user space or the first vCPU fixes it. Under kvm.lock.</summary>
    internal uint max_vcpu_ids;

    /// <summary>Whether local APICs are KVM's and the rest of the interrupt controller user space's. Under kvm.lock.</summary>
    internal bool irqchip_split;

    /// <summary>Whether KVM has the whole interrupt controller, and with it the timer. Under kvm.lock.</summary>
    internal bool irqchip_kernel;
    internal bool vpit;

    internal bool irqchip_in_kernel => irqchip_split || irqchip_kernel;
    internal ulong apic_bus_cycle_ns = 1;

    /// <summary>Shadow pages that may be used; 0 until there is a memslot.</summary>
    internal ulong n_max_mmu_pages;

    /// <summary>What user space has set, which the number of memslots then does not change; 0 if it has not.</summary>
    internal ulong n_requested_mmu_pages;

    /// <summary>Tags the VM's translations in the guest TLBs.</summary>
    internal uint vpid_group;

    /// <summary>The list of roots; inside mmu_lock.</summary>
    internal readonly spinlock_t tdp_mmu_pages_lock;

    /// <summary>Replaced as a whole under tdp_mmu_pages_lock; readers take what they see. A root in it may be dying: see kvm_tdp_mmu_get_root().</summary>
    [GuardedBy(nameof(tdp_mmu_pages_lock))]
    internal kvm_mmu_page[] tdp_mmu_roots = [];

    /// <summary>Page-table pages in use. Interlocked.</summary>
    internal long tdp_mmu_pages;

    /// <summary>16-byte compare-and-exchange of all vCPUs.</summary>
    internal readonly Lock WideAtomic = new();
}

/// <summary>x86's part of a vCPU. Belongs to the task that holds vcpu->mutex, but for what says otherwise.</summary>
internal sealed class kvm_vcpu_arch
{
    internal kvm_vcpu_arch(kvm_vcpu vcpu)
    {
        state = new X86VcpuState();
        interpreter = new X86Interpreter();
        bus = new VcpuBus(vcpu, state, vcpu.vcpu_id);
        emulator = new EmulatorBus(vcpu, state, bus);
    }

    internal readonly X86VcpuState state;
    internal readonly X86Interpreter interpreter;
    internal readonly VcpuBus bus;
    internal readonly EmulatorBus emulator;

    /// <summary>OUTSIDE_GUEST_MODE or IN_GUEST_MODE. Written by the vCPU with a full barrier, read by those who kick it.</summary>
    internal int mode;

    /// <summary>CPU whose guest TLB may hold this vCPU's translations; -1 before the first run.</summary>
    internal int cpu = -1;

    /// <summary>Loaded root, with a reference.</summary>
    internal kvm_mmu_page? root;
    internal kvm_mmu_memory_cache mmu_page_cache;

    /// <summary>Frame of the last access to no memory, and the slots' generation it was found in.</summary>
    internal gfn_t mmio_gfn;
    internal ulong mmio_gen = ulong.MaxValue;

    /// <summary>What the run after the exit must do with user space's answer.</summary>
    internal complete_userspace_io_t complete_userspace_io;

    /// <summary>The instruction at RIP must be emulated before the guest goes on.</summary>
    internal bool emulation_pending;
    internal ulong system_time_msr;
    internal ulong wall_clock_msr;
    internal ulong apic_base = 0xfee00900;
    internal long pf_taken;
    internal long pf_fixed;
    internal long pf_spurious;
    internal long pf_emulate;
    internal long exits;
}

internal enum complete_userspace_io_t
{
    NONE,

    /// <summary>A port was read: the data is in the shared page.</summary>
    PIO_IN,

    /// <summary>Device memory was read: the data is in kvm_run.</summary>
    MMIO_READ,
    MMIO_WRITE,
    HYPERCALL,
}

/// <summary>Page-table pages taken before mmu_lock, so that nothing is allocated under it.</summary>
internal struct kvm_mmu_memory_cache
{
    internal int nobjs;
    internal objects_t objects;

    [InlineArray(8)]
    internal struct objects_t
    {
        private page _first;
    }
}
