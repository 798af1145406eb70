// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/kvm/arm.c, Linux 6.18.
namespace Linux;

internal static unsafe class Arm
{
    /// <summary>Accesses between two looks at signals and requests.</summary>
    private const int Slice = 4096;

    private static readonly IpiFunction s_nothing = static (_, _, _, _, _) => { };

    // VMs.

    /// <returns>0; -EINVAL for an address size that the host does not offer or unknown bits; -ENOMEM.</returns>
    [MustCheck]
    [MightSleep]
    internal static int kvm_arch_init_vm(Arm64Kvm module, kvm kvm, ulong type)
    {
        if ((type & ~KVM_VM_TYPE_ARM_IPA_SIZE_MASK) != 0)
            return -EINVAL;
        int phys_shift = (int)(type & KVM_VM_TYPE_ARM_IPA_SIZE_MASK);
        int limit = module.host.options.IpaLimit;
        if (phys_shift == 0)
            phys_shift = KVM_PHYS_SHIFT;
        else if (phys_shift < ARM64_MIN_PARANGE_BITS)
            return -EINVAL;
        if (phys_shift > limit)
            return -EINVAL;

        uint vmid = module.AllocateVmid();
        if (vmid == 0)
            return -ENOMEM;
        var mmu = new kvm_s2_mmu { kvm = kvm, module = module, vmid = vmid, phys_size = 1UL << phys_shift };
        mmu.pgt = Arm64KvmPgtable.kvm_pgtable_stage2_init(module.host, mmu, phys_shift);
        if (mmu.pgt is null)
        {
            module.FreeVmid(vmid);
            return -ENOMEM;
        }

        kvm.arch = new arm64_kvm_arch { mmu = mmu };
        kvm.max_vcpus = KVM_MAX_VCPUS;
        return 0;
    }

    [MightSleep]
    internal static void kvm_arch_destroy_vm(kvm kvm)
    {
        kvm_s2_mmu mmu = arch_of(kvm).mmu;

        // A VM that was never complete still has its tables.
        Arm64KvmMmu.kvm_arch_flush_shadow_all(kvm);
        mmu.module.FreeVmid(mmu.vmid);
    }

    internal static int kvm_vm_ioctl_check_extension(Arm64Kvm module, Kernel kernel, kvm? kvm, long ext)
    {
        switch (ext)
        {
            case KVM_CAP_ONE_REG:
            case KVM_CAP_ARM_PSCI:
            case KVM_CAP_ARM_PSCI_0_2:
            case KVM_CAP_READONLY_MEM:
            case KVM_CAP_IMMEDIATE_EXIT:
            case KVM_CAP_MEMORY_FAULT_INFO:
                return 1;
            case KVM_CAP_NR_VCPUS:
                return Math.Min(kernel.nr_cpu_ids, KVM_MAX_VCPUS);
            case KVM_CAP_MAX_VCPUS:
            case KVM_CAP_MAX_VCPU_ID:
                return KVM_MAX_VCPUS;
            case KVM_CAP_ARM_VM_IPA_SIZE:
                return module.host.options.IpaLimit;
            case KVM_CAP_ARM_MTE:
                return module.host.options.Mte ? 1 : 0;

            // Nothing of attributes and pre-faulting is compiled in.
            default:
                return 0;
        }
    }

    internal static int kvm_vm_ioctl_enable_cap(kvm kvm, ref kvm_enable_cap cap)
    {
        if (cap.flags != 0)
            return -EINVAL;
        if (cap.cap != KVM_CAP_ARM_MTE)
            return -EINVAL;
        mutex_lock(kvm.@lock);
        int r = -EINVAL;
        if (arch_of(kvm).mmu.module.host.options.Mte && kvm.created_vcpus == 0)
        {
            arch_of(kvm).mte_enabled = true;
            r = 0;
        }

        mutex_unlock(kvm.@lock);
        return r;
    }

    internal static long kvm_arch_vm_ioctl(uint ioctl, ulong arg)
    {
        if (ioctl != KVM_ARM_PREFERRED_TARGET)
            return -EINVAL;
        kvm_vcpu_init init = new() { target = KVM_ARM_TARGET_GENERIC_V8 };
        return UaccessH.copy_to_user(arg, &init, (ulong)sizeof(kvm_vcpu_init)) != 0 ? -EFAULT : 0;
    }

    // vCPUs.

    [MustCheck]
    internal static int kvm_arch_vcpu_create(kvm_vcpu vcpu)
    {
        kvm_s2_mmu mmu = arch_of(vcpu.kvm).mmu;
        vcpu.arch = new arm64_kvm_vcpu_arch
        {
            guest = new GuestAddressSpace(mmu.vmid, mmu.module.host.machine.Stage2) { Stage2Root = mmu.pgt?.pgd ?? 0 },
            script = new Arm64ScriptCpu(),
        };
        return 0;
    }

    internal static void kvm_arch_vcpu_destroy(kvm_vcpu vcpu) => Arm64KvmMmu.kvm_mmu_free_memory_cache(arch_of(vcpu).mmu_page_cache);

    [MightSleep]
    internal static int kvm_arch_vcpu_ioctl_run(kvm_vcpu vcpu)
    {
        arm64_kvm_vcpu_arch arch = arch_of(vcpu);
        kvm_run* run = vcpu.run;
        if (!arch.initialized)
            return -ENOEXEC;
        if (run->exit_reason == KVM_EXIT_MMIO)
            _ = Mmio.kvm_handle_mmio_return(vcpu);
        else if (run->exit_reason == KVM_EXIT_HYPERCALL)
            arch.regs[0] = run->hypercall_ret;
        if (Volatile.Read(ref run->immediate_exit) != 0)
        {
            run->exit_reason = KVM_EXIT_UNKNOWN;
            return -EINTR;
        }

        int ret = 1;
        run->exit_reason = KVM_EXIT_UNKNOWN;
        run->flags = 0;
        while (ret > 0)
        {
            if (Signal.signal_pending(current))
            {
                run->exit_reason = KVM_EXIT_INTR;
                return -EINTR;
            }

            if (KvmMain.kvm_check_request(KVM_REQ_VM_DEAD, vcpu))
                return -EIO;
            Tree.rcu_virt_note_context_switch(current);
            Tracepoints points = current.kernel.Tracepoints;
            points.kvm_entry.Trace((ulong)vcpu.vcpu_id);
            Arm64Exit exit = kvm_arm_vcpu_enter_exit(vcpu, arch);
            points.kvm_exit.Trace((ulong)vcpu.vcpu_id, (ulong)exit);
            ret = handle_exit(vcpu, exit);
            cond_resched();
        }

        return ret;
    }

    internal static long kvm_arch_vcpu_ioctl(kvm_vcpu vcpu, uint ioctl, ulong arg)
    {
        switch (ioctl)
        {
            case KVM_ARM_VCPU_INIT:
            {
                kvm_vcpu_init init;
                if (UaccessH.copy_from_user(&init, arg, (ulong)sizeof(kvm_vcpu_init)) != 0)
                    return -EFAULT;
                return kvm_arch_vcpu_ioctl_vcpu_init(vcpu, in init);
            }

            case KVM_SET_ONE_REG:
            case KVM_GET_ONE_REG:
            {
                if (!arch_of(vcpu).initialized)
                    return -ENOEXEC;
                kvm_one_reg reg;
                if (UaccessH.copy_from_user(&reg, arg, (ulong)sizeof(kvm_one_reg)) != 0)
                    return -EFAULT;
                return OneReg(arch_of(vcpu), in reg, ioctl == KVM_SET_ONE_REG);
            }

            default:
                return -EINVAL;
        }
    }

    /// <summary>An external abort for the guest. One without a vector would run in circles for ever, which is reported instead.</summary>
    /// <returns>1: back to the guest; 0: exit.</returns>
    internal static int kvm_inject_sea(kvm_vcpu vcpu, ulong far)
    {
        arm64_kvm_vcpu_arch arch = arch_of(vcpu);
        if (arch.vbar == 0)
            return kvm_prepare_emulation_failure(vcpu);
        arch.script.TakeException(arch, far);
        return 1;
    }

    /// <summary>Every CPU has taken an interrupt when it returns, and a vCPU looks for requests before each step.</summary>
    internal static void KickAllCpus(Kernel kernel)
    {
        CpuSet others = kernel.machine.AllCpus;
        others.Remove(current.Cpu.Id);
        kernel.machine.CallFunction(current.Cpu, others, s_nothing);
    }

    private static Arm64Exit kvm_arm_vcpu_enter_exit(kvm_vcpu vcpu, arm64_kvm_vcpu_arch arch)
    {
        Cpu cpu = current.Cpu;
        cpu.Count(HwEvent.VmEntry);
        Arm64Exit exit = arch.script.Run(vcpu, arch, cpu, Slice);
        cpu.Count(HwEvent.VmExit);
        return exit;
    }

    [MightSleep]
    private static int handle_exit(kvm_vcpu vcpu, Arm64Exit exit)
    {
        switch (exit)
        {
            case Arm64Exit.Abort:
                return Arm64KvmMmu.kvm_handle_guest_abort(vcpu);
            case Arm64Exit.Hvc:
                return kvm_smccc_call_handler(vcpu);
            case Arm64Exit.Wfi:
                return kvm_handle_wfx(vcpu);
            case Arm64Exit.Undefined:
                return kvm_prepare_emulation_failure(vcpu);
            default:
                return 1;
        }
    }

    /// <summary>WFI: the vCPU waits for an interrupt. Nothing here raises any, so a signal to its thread is what ends the wait.</summary>
    [MightSleep]
    private static int kvm_handle_wfx(kvm_vcpu vcpu)
    {
        KvmMain.kvm_vcpu_block(vcpu);
        return 1;
    }

    private static int kvm_prepare_emulation_failure(kvm_vcpu vcpu)
    {
        kvm_run* run = vcpu.run;
        run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
        run->internal_suberror = KVM_INTERNAL_ERROR_EMULATION;
        run->internal_ndata = 0;
        return 0;
    }

    private static int kvm_smccc_call_handler(kvm_vcpu vcpu)
    {
        arm64_kvm_vcpu_arch arch = arch_of(vcpu);
        kvm_run* run = vcpu.run;
        switch (arch.regs[0])
        {
            case PSCI_0_2_FN_PSCI_VERSION:
                arch.regs[0] = KVM_ARM_PSCI_1_3;
                return 1;
            case PSCI_0_2_FN_SYSTEM_OFF:
                run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
                run->internal_suberror = KVM_SYSTEM_EVENT_SHUTDOWN;
                run->internal_ndata = 0;
                return 0;
            default:
                run->exit_reason = KVM_EXIT_HYPERCALL;
                run->hypercall_nr = arch.regs[0];
                run->hypercall_ret = ulong.MaxValue;
                for (int i = 0; i < 6; i++)
                    run->hypercall_args[i] = arch.regs[i + 1];
                return 0;
        }
    }

    private static int kvm_arch_vcpu_ioctl_vcpu_init(kvm_vcpu vcpu, in kvm_vcpu_init init)
    {
        if (init.target != KVM_ARM_TARGET_GENERIC_V8)
            return -EINVAL;
        for (int i = 0; i < 7; i++)
        {
            if (init.features[i] != 0)
                return -ENOENT;
        }

        arm64_kvm_vcpu_arch arch = arch_of(vcpu);
        Array.Clear(arch.regs);
        arch.pc = 0;
        arch.vbar = 0;
        arch.initialized = true;
        return 0;
    }

    private static long OneReg(arm64_kvm_vcpu_arch arch, in kvm_one_reg reg, bool set)
    {
        const ulong Core = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE;
        ulong index = reg.id - Core;
        if (reg.id < Core || (index & 1) != 0 || (index > 60 && index != KVM_REG_ARM_CORE_PC))
            return -ENOENT;
        ref ulong value = ref arch.pc;
        if (index != KVM_REG_ARM_CORE_PC)
            value = ref arch.regs[index / 2];
        ulong copy = value;
        if (!set)
            return UaccessH.copy_to_user(reg.addr, &copy, 8) != 0 ? -EFAULT : 0;
        if (UaccessH.copy_from_user(&copy, reg.addr, 8) != 0)
            return -EFAULT;
        value = copy;
        return 0;
    }
}
