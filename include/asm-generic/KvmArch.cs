// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>KVM's functions that every architecture provides; the names are those of <c>linux/kvm_host.h</c>.</summary>
internal abstract class KvmArch
{
    // VM.

    /// <returns>0 or -EINVAL for a type that this host does not offer.</returns>
    [MustCheck]
    internal abstract int kvm_arch_init_vm(kvm kvm, ulong type);

    internal abstract void kvm_arch_destroy_vm(kvm kvm);

    internal abstract int kvm_vm_ioctl_check_extension(Kernel kernel, kvm? kvm, long ext);

    internal abstract long kvm_arch_vm_ioctl(@file filp, uint ioctl, ulong arg);

    internal abstract int kvm_vm_ioctl_enable_cap(kvm kvm, ref kvm_enable_cap cap);

    internal abstract int kvm_arch_nr_memslot_as_ids(kvm kvm);

    internal abstract bool kvm_arch_has_readonly_mem(kvm kvm);

    internal abstract bool kvm_arch_has_private_mem(kvm kvm);

    /// <summary>Number of slots user space may use per address space.</summary>
    internal abstract int KVM_USER_MEM_SLOTS { get; }

    internal abstract int KVM_MAX_VCPU_IDS { get; }

    internal abstract int KVM_MAX_VCPUS { get; }

    /// <summary>Error of an ioctl number that no handler knows: -ENOTTY on x86, -EINVAL on arm64.</summary>
    internal abstract int UnknownVmIoctl { get; }

    /// <summary>Whether per-VM attributes are compiled in.</summary>
    internal abstract bool CONFIG_KVM_GENERIC_MEMORY_ATTRIBUTES { get; }

    /// <summary>Whether pre-faulting is compiled in.</summary>
    internal virtual bool CONFIG_KVM_GENERIC_PRE_FAULT_MEMORY => false;

    // Memslots. Under kvm->slots_lock.

    [MustCheck]
    [MustHold("kvm.slots_lock")]
    internal abstract int kvm_arch_prepare_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change);

    [MustHold("kvm.slots_lock")]
    internal abstract void kvm_arch_commit_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change);

    internal abstract void kvm_arch_free_memslot(kvm kvm, kvm_memory_slot slot);

    [MustHold("kvm.slots_lock")]
    internal abstract void kvm_arch_memslots_updated(kvm kvm, ulong gen);

    internal abstract void kvm_arch_flush_shadow_all(kvm kvm);

    [MustHold("kvm.slots_lock")]
    internal abstract void kvm_arch_flush_shadow_memslot(kvm kvm, kvm_memory_slot slot);

    internal abstract void kvm_arch_flush_remote_tlbs(kvm kvm);

    /// <summary>A request was made to every vCPU: gets those that are in the guest out of it, and waits until they are. Legal under mmu_lock.</summary>
    internal abstract void KickAllCpus(kvm kvm, int req);

    internal abstract void kvm_arch_sync_dirty_log(kvm kvm, kvm_memory_slot memslot);

    /// <summary>Write-protects the pages of <paramref name="mask"/>, bit n being page gfn_offset + n. Under mmu_lock held for writing.</summary>
    [MustHold("kvm.mmu_lock")]
    internal abstract void kvm_arch_mmu_enable_log_dirty_pt_masked(kvm kvm, kvm_memory_slot slot, ulong gfn_offset, ulong mask);

    // MMU. Under mmu_lock held for writing.

    [MustHold("kvm.mmu_lock")]
    internal abstract bool kvm_unmap_gfn_range(kvm kvm, in kvm_gfn_range range);

    [MustHold("kvm.mmu_lock")]
    internal abstract bool kvm_age_gfn(kvm kvm, in kvm_gfn_range range);

    [MustHold("kvm.mmu_lock")]
    internal abstract bool kvm_test_age_gfn(kvm kvm, in kvm_gfn_range range);

    [MustHold("kvm.mmu_lock")]
    internal virtual bool kvm_arch_pre_set_memory_attributes(kvm kvm, in kvm_gfn_range range) => false;

    [MustHold("kvm.mmu_lock")]
    internal virtual bool kvm_arch_post_set_memory_attributes(kvm kvm, in kvm_gfn_range range) => false;

    // guest_memfd.

    internal virtual bool kvm_arch_supports_gmem_init_shared(kvm kvm) => true;

    /// <summary>Whether guest_memfd of this VM may leave the direct map. Asked at creation, never on a fault path.</summary>
    internal virtual bool kvm_arch_gmem_supports_no_direct_map(kvm kvm) => false;

    [MustCheck]
    internal virtual int kvm_arch_gmem_prepare(kvm kvm, gfn_t gfn, kvm_pfn_t pfn, int max_order) => 0;

    internal virtual void kvm_arch_gmem_invalidate(Kernel kernel, kvm_pfn_t start, kvm_pfn_t end)
    {
    }

    // vCPU. Under vcpu->mutex.

    [MustHold("kvm.lock")]
    internal virtual int kvm_arch_vcpu_precreate(kvm kvm, uint id) => 0;

    [MustCheck]
    internal abstract int kvm_arch_vcpu_create(kvm_vcpu vcpu);

    internal abstract void kvm_arch_vcpu_destroy(kvm_vcpu vcpu);

    [MustHold("vcpu.mutex")]
    internal abstract int kvm_arch_vcpu_ioctl_run(kvm_vcpu vcpu);

    internal abstract long kvm_arch_vcpu_ioctl(@file filp, uint ioctl, ulong arg);

    internal virtual long kvm_arch_vcpu_pre_fault_memory(kvm_vcpu vcpu, ref kvm_pre_fault_memory range) => -EOPNOTSUPP;

    internal abstract bool kvm_arch_vcpu_runnable(kvm_vcpu vcpu);
}
