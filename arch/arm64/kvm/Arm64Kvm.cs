// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>KVM on arm64 behind the seam: delegates to the mirrored translation units and holds what they share.</summary>
internal sealed class Arm64Kvm(Arm64Arch host) : KvmArch
{
    private const uint MaxVmid = 0xffff;

    internal readonly Arm64Arch host = host;

    private readonly Lock _vmidGate = new();
    private readonly Stack<uint> _freeVmids = new();
    private uint _nextVmid = 1;

    internal override int KVM_USER_MEM_SLOTS => Arm64KvmHostH.KVM_USER_MEM_SLOTS;

    internal override int KVM_MAX_VCPU_IDS => Arm64KvmHostH.KVM_MAX_VCPUS;

    internal override int KVM_MAX_VCPUS => Arm64KvmHostH.KVM_MAX_VCPUS;

    internal override int UnknownVmIoctl => -EINVAL;

    internal override bool CONFIG_KVM_GENERIC_MEMORY_ATTRIBUTES => false;

    internal override int kvm_arch_init_vm(kvm kvm, ulong type) => Arm.kvm_arch_init_vm(this, kvm, type);

    internal override void kvm_arch_destroy_vm(kvm kvm) => Arm.kvm_arch_destroy_vm(kvm);

    internal override int kvm_vm_ioctl_check_extension(Kernel kernel, kvm? kvm, long ext) => Arm.kvm_vm_ioctl_check_extension(this, kernel, kvm, ext);

    internal override long kvm_arch_vm_ioctl(@file filp, uint ioctl, ulong arg) => Arm.kvm_arch_vm_ioctl(ioctl, arg);

    internal override int kvm_vm_ioctl_enable_cap(kvm kvm, ref kvm_enable_cap cap) => Arm.kvm_vm_ioctl_enable_cap(kvm, ref cap);

    internal override int kvm_arch_nr_memslot_as_ids(kvm kvm) => 1;

    internal override bool kvm_arch_has_readonly_mem(kvm kvm) => true;

    internal override bool kvm_arch_has_private_mem(kvm kvm) => Arm64KvmHostH.kvm_arch_has_private_mem(kvm);

    internal override int kvm_arch_prepare_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change) =>
        Arm64KvmMmu.kvm_arch_prepare_memory_region(kvm, old, @new, change);

    internal override void kvm_arch_commit_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change) =>
        Arm64KvmMmu.kvm_arch_commit_memory_region(kvm, old, @new, change);

    internal override void kvm_arch_free_memslot(kvm kvm, kvm_memory_slot slot) => Arm64KvmMmu.kvm_arch_free_memslot(kvm, slot);

    internal override void kvm_arch_memslots_updated(kvm kvm, ulong gen) => Arm64KvmMmu.kvm_arch_memslots_updated(kvm, gen);

    internal override void kvm_arch_flush_shadow_all(kvm kvm) => Arm64KvmMmu.kvm_arch_flush_shadow_all(kvm);

    internal override void kvm_arch_flush_shadow_memslot(kvm kvm, kvm_memory_slot slot) => Arm64KvmMmu.kvm_arch_flush_shadow_memslot(kvm, slot);

    internal override void kvm_arch_flush_remote_tlbs(kvm kvm) => Arm64KvmMmu.kvm_arch_flush_remote_tlbs(kvm);

    /// <summary>Hardware keeps no log of its own.</summary>
    internal override void kvm_arch_sync_dirty_log(kvm kvm, kvm_memory_slot memslot)
    {
    }

    internal override void kvm_arch_mmu_enable_log_dirty_pt_masked(kvm kvm, kvm_memory_slot slot, ulong gfn_offset, ulong mask) =>
        Arm64KvmMmu.kvm_arch_mmu_enable_log_dirty_pt_masked(kvm, slot, gfn_offset, mask);

    internal override bool kvm_unmap_gfn_range(kvm kvm, in kvm_gfn_range range) => Arm64KvmMmu.kvm_unmap_gfn_range(kvm, in range);

    internal override bool kvm_age_gfn(kvm kvm, in kvm_gfn_range range) => Arm64KvmMmu.kvm_age_gfn(kvm, in range);

    internal override bool kvm_test_age_gfn(kvm kvm, in kvm_gfn_range range) => Arm64KvmMmu.kvm_test_age_gfn(kvm, in range);

    internal override bool kvm_arch_gmem_supports_no_direct_map(kvm kvm) => Arm64KvmHostH.kvm_arch_gmem_supports_no_direct_map(kvm);

    internal override int kvm_arch_vcpu_create(kvm_vcpu vcpu) => Arm.kvm_arch_vcpu_create(vcpu);

    internal override void kvm_arch_vcpu_destroy(kvm_vcpu vcpu) => Arm.kvm_arch_vcpu_destroy(vcpu);

    internal override int kvm_arch_vcpu_ioctl_run(kvm_vcpu vcpu) => Arm.kvm_arch_vcpu_ioctl_run(vcpu);

    internal override long kvm_arch_vcpu_ioctl(@file filp, uint ioctl, ulong arg) => Arm.kvm_arch_vcpu_ioctl((kvm_vcpu)filp.private_data!, ioctl, arg);

    internal override void KickAllCpus(kvm kvm, int req) => Arm.KickAllCpus(kvm.kernel);

    /// <summary>Without an interrupt controller no interrupt is ever pending.</summary>
    internal override bool kvm_arch_vcpu_runnable(kvm_vcpu vcpu) => false;

    /// <summary>A number that tags a VM's translations; 0 without one left. It comes back clean.</summary>
    internal uint AllocateVmid()
    {
        lock (_vmidGate)
        {
            if (_freeVmids.Count != 0)
                return _freeVmids.Pop();
            return _nextVmid <= MaxVmid ? _nextVmid++ : 0;
        }
    }

    /// <summary>Gives a number back. No CPU has a translation with it when another VM gets it.</summary>
    internal void FreeVmid(uint vmid)
    {
        host.machine.BroadcastInvalidate(host.this_cpu(), ShootdownKind.Guest, asid: vmid);
        lock (_vmidGate)
            _freeVmids.Push(vmid);
    }
}
