// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

internal sealed partial class X86Arch
{
    partial void LoadKvm() => kvm_x86 = new X86Kvm(this);
}

/// <summary>kvm.ko on x86: delegates to the mirrored translation units and holds what they share.</summary>
internal sealed unsafe class X86Kvm : KvmArch
{
    internal readonly X86Arch host;
    internal readonly X86KvmOptions options;
    internal readonly kvm_x86_ops ops;

    /// <summary>The vCPU in guest mode on each CPU. Written by the task that owns the CPU.</summary>
    internal readonly kvm_vcpu?[] kvm_running_vcpu;

    private readonly Lock groupGate = new();
    private readonly Stack<uint> freeGroups = new();
    private readonly spinlock_t freeLock;
    private uint nextGroup = 1;

    // Tables of which a grace period has begun, and those that came later. Linked by their frames.
    private PageFrame* freeing;
    private PageFrame* waiting;
    private bool armed;

    internal X86Kvm(X86Arch host, kvm_x86_ops? ops = null)
    {
        this.host = host;
        options = host.options.Kvm;
        this.ops = ops ?? new kvm_x86_ops();
        kvm_running_vcpu = new kvm_vcpu?[host.machine.CpuCount];
        freeLock = new spinlock_t("kvm_tdp_free_lock");
    }

    internal override int KVM_USER_MEM_SLOTS => short.MaxValue - 3;

    internal override int KVM_MAX_VCPU_IDS => 4096;

    internal override int KVM_MAX_VCPUS => 1024;

    internal override int UnknownVmIoctl => -ENOTTY;

    internal override bool CONFIG_KVM_GENERIC_PRE_FAULT_MEMORY => true;

    internal override bool CONFIG_KVM_GENERIC_MEMORY_ATTRIBUTES => options.SwProtectedVm;

    internal override int kvm_arch_init_vm(kvm kvm, ulong type) => X86.kvm_arch_init_vm(this, kvm, type);

    internal override void kvm_arch_destroy_vm(kvm kvm) => X86.kvm_arch_destroy_vm(kvm);

    internal override int kvm_vm_ioctl_check_extension(Kernel kernel, kvm? kvm, long ext) => X86.kvm_vm_ioctl_check_extension(this, kernel, kvm, ext);

    internal override long kvm_arch_vm_ioctl(@file filp, uint ioctl, ulong arg) => X86.kvm_arch_vm_ioctl(filp, ioctl, arg);

    internal override int kvm_vm_ioctl_enable_cap(kvm kvm, ref kvm_enable_cap cap) => X86.kvm_vm_ioctl_enable_cap(kvm, ref cap);

    internal override int kvm_arch_nr_memslot_as_ids(kvm kvm) => X86KvmHostH.kvm_arch_nr_memslot_as_ids(kvm);

    internal override bool kvm_arch_has_readonly_mem(kvm kvm) => X86KvmHostH.kvm_arch_has_readonly_mem(kvm);

    internal override bool kvm_arch_has_private_mem(kvm kvm) => X86KvmHostH.kvm_arch_has_private_mem(kvm);

    internal override int kvm_arch_prepare_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change) =>
        X86.kvm_arch_prepare_memory_region(kvm, old, @new, change);

    internal override void kvm_arch_commit_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change) =>
        X86.kvm_arch_commit_memory_region(kvm, old, @new, change);

    internal override void kvm_arch_free_memslot(kvm kvm, kvm_memory_slot slot) => X86.kvm_arch_free_memslot(kvm, slot);

    internal override void kvm_arch_memslots_updated(kvm kvm, ulong gen) => X86.kvm_arch_memslots_updated(kvm, gen);

    internal override void kvm_arch_flush_shadow_all(kvm kvm) => X86.kvm_arch_flush_shadow_all(kvm);

    internal override void kvm_arch_flush_shadow_memslot(kvm kvm, kvm_memory_slot slot) => X86.kvm_arch_flush_shadow_memslot(kvm, slot);

    internal override void kvm_arch_flush_remote_tlbs(kvm kvm) => X86.kvm_make_all_cpus_request(kvm, KVM_REQ_TLB_FLUSH);

    /// <summary>Hardware keeps no log of its own.</summary>
    internal override void kvm_arch_sync_dirty_log(kvm kvm, kvm_memory_slot memslot)
    {
    }

    internal override void kvm_arch_mmu_enable_log_dirty_pt_masked(kvm kvm, kvm_memory_slot slot, ulong gfn_offset, ulong mask) =>
        X86Mmu.kvm_arch_mmu_enable_log_dirty_pt_masked(kvm, slot, gfn_offset, mask);

    internal override bool kvm_unmap_gfn_range(kvm kvm, in kvm_gfn_range range) => X86Mmu.kvm_unmap_gfn_range(kvm, in range);

    internal override bool kvm_age_gfn(kvm kvm, in kvm_gfn_range range) => X86Mmu.kvm_age_gfn(kvm, in range);

    internal override bool kvm_test_age_gfn(kvm kvm, in kvm_gfn_range range) => X86Mmu.kvm_test_age_gfn(kvm, in range);

    internal override bool kvm_arch_pre_set_memory_attributes(kvm kvm, in kvm_gfn_range range) =>
        X86Mmu.kvm_arch_pre_set_memory_attributes(kvm, in range);

    internal override bool kvm_arch_post_set_memory_attributes(kvm kvm, in kvm_gfn_range range) =>
        X86Mmu.kvm_arch_post_set_memory_attributes(kvm, in range);

    internal override bool kvm_arch_supports_gmem_init_shared(kvm kvm) => X86.kvm_arch_supports_gmem_init_shared(kvm);

    internal override bool kvm_arch_gmem_supports_no_direct_map(kvm kvm) => X86KvmHostH.kvm_arch_gmem_supports_no_direct_map(kvm);

    internal override int kvm_arch_gmem_prepare(kvm kvm, gfn_t gfn, kvm_pfn_t pfn, int max_order) =>
        X86.kvm_arch_gmem_prepare(kvm, gfn, pfn, max_order);

    internal override void kvm_arch_gmem_invalidate(Kernel kernel, kvm_pfn_t start, kvm_pfn_t end) =>
        X86.kvm_arch_gmem_invalidate(this, kernel, start, end);

    [MustHold("kvm.lock")]
    internal override int kvm_arch_vcpu_precreate(kvm kvm, uint id) => X86.kvm_arch_vcpu_precreate(kvm, id);

    internal override int kvm_arch_vcpu_create(kvm_vcpu vcpu) => X86.kvm_arch_vcpu_create(vcpu);

    internal override void kvm_arch_vcpu_destroy(kvm_vcpu vcpu) => X86.kvm_arch_vcpu_destroy(vcpu);

    internal override int kvm_arch_vcpu_ioctl_run(kvm_vcpu vcpu) => X86.kvm_arch_vcpu_ioctl_run(vcpu);

    internal override long kvm_arch_vcpu_ioctl(@file filp, uint ioctl, ulong arg) => X86.kvm_arch_vcpu_ioctl(filp, ioctl, arg);

    internal override long kvm_arch_vcpu_pre_fault_memory(kvm_vcpu vcpu, ref kvm_pre_fault_memory range) =>
        X86Mmu.kvm_arch_vcpu_pre_fault_memory(vcpu, ref range);

    internal override void KickAllCpus(kvm kvm, int req) => X86.kvm_make_all_cpus_request(kvm, req);

    internal override bool kvm_arch_vcpu_runnable(kvm_vcpu vcpu) => !arch_of(vcpu).state.Halted;

    /// <summary>A number that tags a VM's translations. 0 without one left.</summary>
    internal uint AllocateGroup()
    {
        lock (groupGate)
        {
            if (freeGroups.Count != 0)
                return freeGroups.Pop();
            return nextGroup <= 0xffff ? nextGroup++ : 0;
        }
    }

    internal void FreeGroup(uint group)
    {
        lock (groupGate)
            freeGroups.Push(group);
    }

    /// <summary>Frees a table when nobody can be walking it any more. Any context.</summary>
    internal void free_after_grace_period(page page)
    {
        spin_lock(freeLock);
        page.Frame->next = waiting;
        waiting = page.Frame;
        if (!armed)
        {
            armed = true;
            freeing = waiting;
            waiting = null;
            call_rcu(new callback_head { data = this }, static head => ((X86Kvm)head.data!).FreeTables());
        }

        spin_unlock(freeLock);
    }

    /// <summary>Waits until all that was handed in before is free.</summary>
    [MightSleep]
    internal void WaitForFrees()
    {
        while (Volatile.Read(ref armed))
            rcu_barrier();
    }

    private void FreeTables()
    {
        spin_lock(freeLock);
        PageFrame* list = freeing;
        freeing = waiting;
        waiting = null;
        if (freeing != null)
            call_rcu(new callback_head { data = this }, static head => ((X86Kvm)head.data!).FreeTables());
        else
            armed = false;
        spin_unlock(freeLock);
        while (list != null)
        {
            PageFrame* next = list->next;
            list->next = null;
            __free_page(new page(list));
            list = next;
        }
    }
}
