// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/include/asm/kvm_host.h, Linux 6.18; kvm_arch_gmem_supports_no_direct_map follows the direct-map series v12.
namespace Linux;

/// <summary>A second stage and the number that its translations are tagged with.</summary>
internal sealed class kvm_s2_mmu
{
    internal required kvm kvm { get; init; }
    internal required Arm64Kvm module { get; init; }

    /// <summary>Tag of translations, 1 to 65535.</summary>
    internal required uint vmid { get; init; }

    /// <summary>Bytes of the guest's physical address space.</summary>
    internal required ulong phys_size { get; init; }

    /// <summary>The tables; null once the VM is being destroyed. Under kvm->mmu_lock.</summary>
    internal kvm_pgtable? pgt;
}

/// <summary>What arm64 keeps for a VM.</summary>
internal sealed class arm64_kvm_arch
{
    internal required kvm_s2_mmu mmu { get; init; }
    internal bool mte_enabled;
}

/// <summary>Why the guest was left, as ESR_EL2, HPFAR_EL2 and FAR_EL2 tell it.</summary>
internal struct kvm_vcpu_fault_info
{
    /// <summary>The fault of the second stage: not mapped, rights, access flag.</summary>
    internal FaultCause cause;
    internal bool is_iabt;
    internal bool is_write;

    /// <summary>Intermediate physical address of the page, and the byte address of the access.</summary>
    internal ulong fault_ipa;
    internal ulong far;

    /// <summary>Syndrome of a load or store: size, register that takes or has the data, and the data to store.</summary>
    internal int size;
    internal int srt;
    internal ulong data;
}

/// <summary>What arm64 keeps for a vCPU.</summary>
internal sealed class arm64_kvm_vcpu_arch
{
    internal readonly ulong[] regs = new ulong[KvmSharp.Arch.Arm64.Arm64Script.Registers];
    internal ulong pc;
    internal ulong vbar;
    internal kvm_vcpu_fault_info fault;

    /// <summary>Tables that a fault may need, allocated while it may still sleep.</summary>
    internal readonly arm64_mmu_memory_cache mmu_page_cache = new();
    internal required GuestAddressSpace guest { get; init; }
    internal required Arm64ScriptCpu script { get; init; }

    /// <summary>KVM_ARM_VCPU_INIT has been called.</summary>
    internal bool initialized;
}

/// <summary>A few free pages for page tables.</summary>
internal sealed class arm64_mmu_memory_cache
{
    internal const int Capacity = 8;
    internal readonly page[] objects = new page[Capacity];
    internal int nobjs;
}

internal static class Arm64KvmHostH
{
    internal const int KVM_USER_MEM_SLOTS = short.MaxValue;
    internal const int KVM_MAX_VCPUS = 512;
    internal const int KVM_PHYS_SHIFT = 40;
    internal const int ARM64_MIN_PARANGE_BITS = 32;

    internal static arm64_kvm_arch arch_of(kvm kvm) => (arm64_kvm_arch)kvm.arch!;

    internal static arm64_kvm_vcpu_arch arch_of(kvm_vcpu vcpu) => (arm64_kvm_vcpu_arch)vcpu.arch!;

    internal static bool kvm_has_mte(kvm kvm) => arch_of(kvm).mte_enabled;

    internal static ulong kvm_phys_size(kvm_s2_mmu mmu) => mmu.phys_size;

    internal static bool kvm_arch_has_private_mem(kvm kvm) => false;

    /// <summary>
    /// The linear map can lose single pages, and nobody needs them there: without forced write-back the cache is maintained by the linear
    /// address of every page that a guest is given.
    /// </summary>
    internal static bool kvm_arch_gmem_supports_no_direct_map(kvm kvm)
    {
        Arm64Arch host = arch_of(kvm).mmu.module.host;
        return Pageattr.can_set_direct_map(host) && Arm64KvmPgtable.HasStage2Fwb(host);
    }
}
