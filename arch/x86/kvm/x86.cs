// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/kvm/x86.c, Linux 6.18.
using KvmSharp.Arch.X86;

namespace Linux;

// Requests and the guest mode of a vCPU:
//
//   set the request bit   -> full barrier -> read vcpu->mode     kvm_make_all_cpus_request()
//   set vcpu->mode        -> full barrier -> read the requests   VcpuBus.EnterGuest()
//
// So a vCPU either sees the request before it enters, or is interrupted and leaves. The interrupt is waited for: after that no CPU uses a translation
// from before the request.
internal static unsafe class X86
{
    private const long InstructionsPerSlice = 4096;
    private const int MAX_IO_MSRS = 256;
    private const uint PioDataOffset = 3072;

    private const int KVM_COALESCED_MMIO_PAGE_OFFSET = 2;
    private const int KVM_MAX_IRQ_ROUTES = 4096;
    private const int KVM_MAX_MCE_BANKS = 32;
    private const int KVM_CLOCK_VALID_FLAGS = 14;
    private const int KVM_SYNC_X86_VALID_FIELDS = 7;
    private const int KVM_GUESTDBG_VALID_MASK = 0x1f0003;
    private const int SizeOfXsave = 4096;
    private const ulong KVM_X2APIC_API_VALID_FLAGS = 15;
    private const ulong KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST = 4;
    private const ulong KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST = 8;
    private const ulong KVM_MSR_EXIT_REASON_VALID_MASK = 7;
    private const ulong KVM_BUS_LOCK_DETECTION_EXIT = 2;

    /// <summary>HLT, PAUSE and C-states; not MWAIT, which needs it on the host.</summary>
    private const ulong KVM_X86_DISABLE_EXITS_ALLOWED = 14;

    private const ulong KVM_MEMSLOT_PAGES_TO_MMU_PAGES_RATIO = 50;
    private const ulong KVM_MIN_ALLOC_MMU_PAGES = 64;

    private const uint KVM_SET_NR_MMU_PAGES = 0xAE44;
    private const uint KVM_SET_TSS_ADDR = 0xAE47;
    private const uint KVM_CREATE_IRQCHIP = 0xAE60;
    private const uint KVM_CREATE_PIT = 0xAE64;
    private const uint KVM_REINJECT_CONTROL = 0xAE71;
    private const uint KVM_SET_BOOT_CPU_ID = 0xAE78;
    private const uint KVM_NMI = 0xAE9A;
    private const uint KVM_SMI = 0xAEB7;
    private const ulong LastTssAddress = 0xffff_d000;

    private static readonly IpiFunction s_kick = kvm_kick;

    // VMs.

    internal static bool kvm_is_vm_type_supported(X86Kvm module, ulong type) =>
        type == KVM_X86_DEFAULT_VM || (type == KVM_X86_SW_PROTECTED_VM && module.options is { SwProtectedVm: true, Tdp: true });

    [MustCheck]
    internal static int kvm_arch_init_vm(X86Kvm module, kvm kvm, ulong type)
    {
        if (!kvm_is_vm_type_supported(module, type))
            return -EINVAL;
        uint group = module.AllocateGroup();
        if (group == 0)
            return -ENOMEM;
        kvm.arch = new kvm_arch(kvm, module)
        {
            vm_type = type,
            has_private_mem = type == KVM_X86_SW_PROTECTED_VM,
            pre_fault_allowed = type is KVM_X86_DEFAULT_VM or KVM_X86_SW_PROTECTED_VM,
            vpid_group = group,
        };
        return 0;
    }

    [MightSleep]
    internal static void kvm_arch_destroy_vm(kvm kvm)
    {
        kvm_arch arch = arch_of(kvm);

        // vCPUs are gone; the VM's own references to roots are left.
        write_lock(kvm.mmu_lock);
        TdpMmu.kvm_tdp_mmu_invalidate_all_roots(kvm);
        write_unlock(kvm.mmu_lock);
        read_lock(kvm.mmu_lock);
        TdpMmu.kvm_tdp_mmu_zap_invalidated_roots(kvm);
        read_unlock(kvm.mmu_lock);
        arch.module.WaitForFrees();
        WARN_ON_ONCE(arch.tdp_mmu_pages != 0);

        // The number goes to another VM, whose guests must find nothing under it.
        X86Arch host = arch.module.host;
        host.machine.ShootDown(host.this_cpu(), host.machine.AllCpus, ShootdownKind.Guest, asid: arch.vpid_group);
        arch.module.FreeGroup(arch.vpid_group);
    }

    internal static int kvm_vm_ioctl_check_extension(X86Kvm module, Kernel kernel, kvm? kvm, long ext)
    {
        switch (ext)
        {
            case KVM_CAP_IRQCHIP:
            case KVM_CAP_HLT:
            case KVM_CAP_EXT_CPUID:
            case KVM_CAP_IMMEDIATE_EXIT:
            case KVM_CAP_DISABLE_QUIRKS:
            case KVM_CAP_MEMORY_FAULT_INFO:
            case KVM_CAP_VM_DISABLE_NX_HUGE_PAGES:
                return 1;

            // Parts that user space may ask for although nothing modelled here makes use of them: devices, interrupts, clocks, registers.
            case KVM_CAP_MMU_SHADOW_CACHE_CONTROL:
            case KVM_CAP_SET_TSS_ADDR:
            case KVM_CAP_VAPIC:
            case KVM_CAP_CLOCKSOURCE:
            case KVM_CAP_PIT:
            case KVM_CAP_NOP_IO_DELAY:
            case KVM_CAP_MP_STATE:
            case KVM_CAP_USER_NMI:
            case KVM_CAP_SET_GUEST_DEBUG:
            case KVM_CAP_REINJECT_CONTROL:
            case KVM_CAP_IRQ_INJECT_STATUS:
            case KVM_CAP_IRQFD:
            case KVM_CAP_PIT2:
            case KVM_CAP_SET_BOOT_CPU_ID:
            case KVM_CAP_PIT_STATE2:
            case KVM_CAP_IOEVENTFD:
            case KVM_CAP_SET_IDENTITY_MAP_ADDR:
            case KVM_CAP_VCPU_EVENTS:
            case KVM_CAP_INTR_SHADOW:
            case KVM_CAP_DEBUGREGS:
            case KVM_CAP_X86_ROBUST_SINGLESTEP:
            case KVM_CAP_ENABLE_CAP:
            case KVM_CAP_XSAVE:
            case KVM_CAP_XCRS:
            case KVM_CAP_ASYNC_PF:
            case KVM_CAP_GET_TSC_KHZ:
            case KVM_CAP_ONE_REG:
            case KVM_CAP_TSC_DEADLINE_TIMER:
            case KVM_CAP_KVMCLOCK_CTRL:
            case KVM_CAP_SIGNAL_MSI:
            case KVM_CAP_IRQFD_RESAMPLE:
            case KVM_CAP_DEVICE_CTRL:
            case KVM_CAP_EXT_EMUL_CPUID:
            case KVM_CAP_IOAPIC_POLARITY_IGNORED:
            case KVM_CAP_IOEVENTFD_NO_LENGTH:
            case KVM_CAP_SPLIT_IRQCHIP:
            case KVM_CAP_IOEVENTFD_ANY_LENGTH:
            case KVM_CAP_VCPU_ATTRIBUTES:
            case KVM_CAP_GET_MSR_FEATURES:
            case KVM_CAP_MSR_PLATFORM_INFO:
            case KVM_CAP_COALESCED_PIO:
            case KVM_CAP_EXCEPTION_PAYLOAD:
            case KVM_CAP_PMU_EVENT_FILTER:
            case KVM_CAP_ASYNC_PF_INT:
            case KVM_CAP_LAST_CPU:
            case KVM_CAP_SMALLER_MAXPHYADDR:
            case KVM_CAP_STEAL_TIME:
            case KVM_CAP_X86_USER_SPACE_MSR:
            case KVM_CAP_X86_MSR_FILTER:
            case KVM_CAP_ENFORCE_PV_FEATURE_CPUID:
            case KVM_CAP_VM_COPY_ENC_CONTEXT_FROM:
            case KVM_CAP_SREGS2:
            case KVM_CAP_BINARY_STATS_FD:
            case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
            case KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM:
            case KVM_CAP_SYS_ATTRIBUTES:
            case KVM_CAP_SYSTEM_EVENT_DATA:
            case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
            case KVM_CAP_PMU_EVENT_MASKED_EVENTS:
            case KVM_CAP_X86_APIC_BUS_CYCLES_NS:
            case KVM_CAP_X86_GUEST_MODE:
                return 1;
            case KVM_CAP_COALESCED_MMIO:
                return KVM_COALESCED_MMIO_PAGE_OFFSET;
            case KVM_CAP_IRQ_ROUTING:
                return KVM_MAX_IRQ_ROUTES;
            case KVM_CAP_MCE:
                return KVM_MAX_MCE_BANKS;
            case KVM_CAP_ADJUST_CLOCK:
                return KVM_CLOCK_VALID_FLAGS;
            case KVM_CAP_SYNC_REGS:
                return KVM_SYNC_X86_VALID_FIELDS;
            case KVM_CAP_SET_GUEST_DEBUG2:
                return KVM_GUESTDBG_VALID_MASK;
            case KVM_CAP_XSAVE2:
                return SizeOfXsave;
            case KVM_CAP_X86_DISABLE_EXITS:
                return (int)KVM_X86_DISABLE_EXITS_ALLOWED;
            case KVM_CAP_X2APIC_API:
                return (int)(kvm is null || arch_of(kvm).irqchip_split ? KVM_X2APIC_API_VALID_FLAGS : KVM_X2APIC_API_VALID_FLAGS & ~KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST);
            case KVM_CAP_DISABLE_QUIRKS2:
                return (int)KVM_X86_VALID_QUIRKS;
            case KVM_CAP_EXIT_HYPERCALL:
                return 1 << (int)KVM_HC_MAP_GPA_RANGE;
            case KVM_CAP_NR_VCPUS:
                return Math.Min(kernel.nr_cpu_ids, module.KVM_MAX_VCPUS);
            case KVM_CAP_MAX_VCPUS:
                return module.KVM_MAX_VCPUS;
            case KVM_CAP_MAX_VCPU_ID:
                return module.KVM_MAX_VCPU_IDS;
            case KVM_CAP_READONLY_MEM:
                return kvm is null || kvm_arch_has_readonly_mem(kvm) ? 1 : 0;
            case KVM_CAP_MULTI_ADDRESS_SPACE:
                return !module.options.Smm ? 0 : kvm is null ? KVM_MAX_NR_ADDRESS_SPACES : kvm_arch_nr_memslot_as_ids(kvm);
            case KVM_CAP_DIRTY_LOG_RING:
            case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
                return 65536 * 16;
            case KVM_CAP_VM_TYPES:
            {
                int types = 0;
                for (int type = 0; type <= (int)KVM_X86_TDX_VM; type++)
                    types |= kvm_is_vm_type_supported(module, (ulong)type) ? 1 << type : 0;
                return types;
            }

            case KVM_CAP_PRE_FAULT_MEMORY:
                return module.options.Tdp ? 1 : 0;
            default:
                return 0;
        }
    }

    internal static int kvm_vm_ioctl_enable_cap(kvm kvm, ref kvm_enable_cap cap)
    {
        if (cap.flags != 0)
            return -EINVAL;
        switch (cap.cap)
        {
            case KVM_CAP_DISABLE_QUIRKS2:
                if ((cap.args[0] & ~KVM_X86_VALID_QUIRKS) != 0)
                    return -EINVAL;
                arch_of(kvm).disabled_quirks |= cap.args[0];
                return 0;
            case KVM_CAP_DISABLE_QUIRKS:
                arch_of(kvm).disabled_quirks |= cap.args[0] & KVM_X86_VALID_QUIRKS;
                return 0;
            case KVM_CAP_EXIT_HYPERCALL:
                if ((cap.args[0] & ~(1UL << (int)KVM_HC_MAP_GPA_RANGE)) != 0)
                    return -EINVAL;
                arch_of(kvm).hypercall_exit_enabled = cap.args[0];
                return 0;
            case KVM_CAP_MAX_VCPU_ID:
                return kvm_vm_set_max_vcpu_ids(kvm, cap.args[0]);
            case KVM_CAP_SPLIT_IRQCHIP:
                return cap.args[0] > KVM_MAX_IRQ_ROUTES ? -EINVAL : kvm_vm_split_irqchip(kvm);
            case KVM_CAP_X2APIC_API:
            {
                const ulong suppress = KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST | KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST;
                if ((cap.args[0] & ~KVM_X2APIC_API_VALID_FLAGS) != 0 || (cap.args[0] & suppress) == suppress)
                    return -EINVAL;
                return (cap.args[0] & KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST) != 0 && !arch_of(kvm).irqchip_split ? -EINVAL : 0;
            }

            case KVM_CAP_X86_DISABLE_EXITS:
                return (cap.args[0] & ~KVM_X86_DISABLE_EXITS_ALLOWED) != 0 ? -EINVAL : before_vcpus(kvm);
            case KVM_CAP_VM_DISABLE_NX_HUGE_PAGES:
                if (cap.args[0] != 0)
                    return -EINVAL;
                return !Capability.capable(Capability.CAP_SYS_BOOT) ? -EPERM : before_vcpus(kvm);
            case KVM_CAP_X86_APIC_BUS_CYCLES_NS:
                return kvm_vm_set_apic_bus_cycle(kvm, cap.args[0]);

            // What follows tells KVM how to run vCPUs in ways that are not modelled: no more than valid or not.
            case KVM_CAP_MSR_PLATFORM_INFO:
            case KVM_CAP_EXCEPTION_PAYLOAD:
            case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
                return 0;
            case KVM_CAP_X86_USER_SPACE_MSR:
                return (cap.args[0] & ~KVM_MSR_EXIT_REASON_VALID_MASK) != 0 ? -EINVAL : 0;
            case KVM_CAP_X86_BUS_LOCK_EXIT:
                return cap.args[0] > KVM_BUS_LOCK_DETECTION_EXIT ? -EINVAL : 0;
            case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
                return cap.args[0] > 1 ? -EINVAL : 0;
            default:
                return -EINVAL;
        }
    }

    private static int kvm_vm_set_max_vcpu_ids(kvm kvm, ulong ids)
    {
        kvm_arch arch = arch_of(kvm);
        if (ids > (ulong)arch.module.KVM_MAX_VCPU_IDS)
            return -EINVAL;
        int r = -EINVAL;
        mutex_lock(kvm.@lock);
        if (arch.max_vcpu_ids == ids || arch.max_vcpu_ids == 0)
        {
            arch.max_vcpu_ids = (uint)ids;
            r = 0;
        }

        mutex_unlock(kvm.@lock);
        return r;
    }

    private static int kvm_vm_split_irqchip(kvm kvm)
    {
        int r = 0;
        mutex_lock(kvm.@lock);
        if (arch_of(kvm).irqchip_in_kernel)
            r = -EEXIST;
        else if (kvm.created_vcpus != 0)
            r = -EINVAL;
        else
            arch_of(kvm).irqchip_split = true;
        mutex_unlock(kvm.@lock);
        return r;
    }

    private static int kvm_vm_set_apic_bus_cycle(kvm kvm, ulong bus_cycle_ns)
    {
        const ulong LargestCount = (ulong)uint.MaxValue * 128;
        if (bus_cycle_ns == 0 || bus_cycle_ns > ulong.MaxValue / LargestCount)
            return -EINVAL;
        int r = 0;
        mutex_lock(kvm.@lock);
        if (!arch_of(kvm).irqchip_in_kernel)
            r = -ENXIO;
        else if (kvm.created_vcpus != 0)
            r = -EINVAL;
        else
            arch_of(kvm).apic_bus_cycle_ns = bus_cycle_ns;
        mutex_unlock(kvm.@lock);
        return r;
    }

    private static int before_vcpus(kvm kvm)
    {
        mutex_lock(kvm.@lock);
        int r = kvm.created_vcpus != 0 ? -EINVAL : 0;
        mutex_unlock(kvm.@lock);
        return r;
    }

    /// <summary>The first vCPU fixes the bound of their numbers.</summary>
    [MustCheck]
    [MustHold("kvm.lock")]
    internal static int kvm_arch_vcpu_precreate(kvm kvm, uint id)
    {
        kvm_arch arch = arch_of(kvm);
        if (arch.max_vcpu_ids == 0)
            arch.max_vcpu_ids = (uint)arch.module.KVM_MAX_VCPU_IDS;
        return id >= arch.max_vcpu_ids ? -EINVAL : 0;
    }

    /// <summary>
    /// Requests on a VM that no other place answers: those about devices of which nothing is modelled but whether they may be made, and the limit
    /// of shadow pages.
    /// </summary>
    [MightSleep]
    internal static long kvm_arch_vm_ioctl(@file filp, uint ioctl, ulong arg)
    {
        var kvm = (kvm)filp.private_data!;
        kvm_arch arch = arch_of(kvm);
        long r = 0;
        switch (ioctl)
        {
            case KVM_SET_TSS_ADDR:
                return arg > LastTssAddress ? -EINVAL : 0;
            case KVM_SET_NR_MMU_PAGES:
                if ((uint)arg < KVM_MIN_ALLOC_MMU_PAGES)
                    return -EINVAL;
                mutex_lock(kvm.slots_lock);
                arch.n_requested_mmu_pages = (uint)arg;
                arch.n_max_mmu_pages = (uint)arg;
                mutex_unlock(kvm.slots_lock);
                return 0;
            case KVM_CREATE_IRQCHIP:
                mutex_lock(kvm.@lock);
                if (arch.irqchip_in_kernel)
                    r = -EEXIST;
                else if (kvm.created_vcpus != 0)
                    r = -EINVAL;
                else
                    arch.irqchip_kernel = true;
                mutex_unlock(kvm.@lock);
                return r;
            case KVM_CREATE_PIT:
                mutex_lock(kvm.@lock);
                if (arch.vpit)
                    r = -EEXIST;
                else if (!arch.irqchip_kernel)
                    r = -ENOENT;
                else
                    arch.vpit = true;
                mutex_unlock(kvm.@lock);
                return r;
            case KVM_REINJECT_CONTROL:
                return arch.vpit ? 0 : -ENXIO;
            case KVM_SET_BOOT_CPU_ID:
                mutex_lock(kvm.@lock);
                if (kvm.created_vcpus != 0)
                    r = -EBUSY;
                else if (arg > (ulong)arch.module.KVM_MAX_VCPU_IDS || (arch.max_vcpu_ids != 0 && arg > arch.max_vcpu_ids))
                    r = -EINVAL;
                mutex_unlock(kvm.@lock);
                return r;
            default:
                return arch.module.UnknownVmIoctl;
        }
    }

    // Memslots.

    [MustCheck]
    [MustHold("kvm.slots_lock")]
    internal static int kvm_arch_prepare_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change)
    {
        if (change is kvm_mr_change.KVM_MR_CREATE or kvm_mr_change.KVM_MR_MOVE)
        {
            if (@new!.base_gfn.Value + @new.npages - 1 > X86Mmu.kvm_mmu_max_gfn(kvm))
                return -EINVAL;
            return kvm_alloc_memslot_metadata(kvm, @new);
        }

        if (change == kvm_mr_change.KVM_MR_FLAGS_ONLY)
            @new!.arch = old!.arch;
        else if (WARN_ON_ONCE(change != kvm_mr_change.KVM_MR_DELETE))
            return -EIO;
        return 0;
    }

    [MustHold("kvm.slots_lock")]
    internal static void kvm_arch_commit_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change)
    {
        if (arch_of(kvm).n_requested_mmu_pages == 0 && (change is kvm_mr_change.KVM_MR_CREATE or kvm_mr_change.KVM_MR_DELETE))
            arch_of(kvm).n_max_mmu_pages = Math.Max(kvm.nr_memslot_pages / KVM_MEMSLOT_PAGES_TO_MMU_PAGES_RATIO, KVM_MIN_ALLOC_MMU_PAGES);
        kvm_mmu_slot_apply_flags(kvm, old, @new, change);

        // The metadata of a slot that only changed flags lives on in the new one.
        if (change == kvm_mr_change.KVM_MR_MOVE)
            kvm_arch_free_memslot(kvm, old!);
    }

    internal static void kvm_arch_free_memslot(kvm kvm, kvm_memory_slot slot) => slot.arch = null;

    [MustCheck]
    internal static int kvm_alloc_memslot_metadata(kvm kvm, kvm_memory_slot slot)
    {
        if (FaultInject.should_fail(kvm.kernel, "kvm_memslot_metadata"))
            return -ENOMEM;
        var arch = new kvm_arch_memory_slot();
        ulong base_gfn = slot.base_gfn.Value;
        ulong npages = slot.npages;
        ulong ugfn = slot.userspace_addr >> PAGE_SHIFT;
        for (pg_level level = pg_level.PG_LEVEL_2M; level <= KVM_MAX_HUGEPAGE_LEVEL; level++)
        {
            ulong mask = KVM_PAGES_PER_HPAGE(level) - 1;
            ulong lpages = X86Mmu.gfn_to_index(new gfn_t(base_gfn + npages - 1), slot.base_gfn, level) + 1;
            uint[] linfo = new uint[lpages];
            arch.lpage_info[(int)level - 2] = linfo;

            // A block that reaches beyond the slot, or whose user address has another place in its page, can never be one leaf.
            if ((base_gfn & mask) != 0)
                linfo[0] = 1;
            if (((base_gfn + npages) & mask) != 0)
                linfo[lpages - 1] = 1;
            if (((base_gfn ^ ugfn) & mask) != 0)
                Array.Fill(linfo, 1u);
        }

        slot.arch = arch;
        X86Mmu.kvm_mmu_init_memslot_memory_attributes(kvm, slot);
        return 0;
    }

    /// <summary>Entries for emulation carry the generation. When its bits begin again from 0, entries from long ago would look fresh.</summary>
    [MustHold("kvm.slots_lock")]
    internal static void kvm_arch_memslots_updated(kvm kvm, ulong gen)
    {
        if ((gen & MMIO_SPTE_GEN_MASK & ~1UL) == 0)
            X86Mmu.kvm_mmu_zap_all_fast(kvm);
    }

    internal static void kvm_arch_flush_shadow_all(kvm kvm) => X86Mmu.kvm_mmu_zap_all(kvm);

    [MustHold("kvm.slots_lock")]
    internal static void kvm_arch_flush_shadow_memslot(kvm kvm, kvm_memory_slot slot)
    {
        if (kvm_memslot_flush_zap_all(kvm))
            X86Mmu.kvm_mmu_zap_all_fast(kvm);
        else
            X86Mmu.kvm_mmu_zap_memslot(kvm, slot);
    }

    /// <summary>The host took back memory that only a vendor's firmware would still hold on to. Nothing to do for these types.</summary>
    internal static void kvm_arch_guest_memory_reclaimed(kvm kvm)
    {
        _ = kvm;
    }

    // guest_memfd.

    internal static bool kvm_arch_supports_gmem_init_shared(kvm kvm) => !kvm_arch_has_private_mem(kvm);

    [MustCheck]
    internal static int kvm_arch_gmem_prepare(kvm kvm, gfn_t gfn, kvm_pfn_t pfn, int max_order) =>
        arch_of(kvm).module.ops.gmem_prepare?.Invoke(kvm, pfn, gfn, max_order) ?? 0;

    internal static void kvm_arch_gmem_invalidate(X86Kvm module, Kernel kernel, kvm_pfn_t start, kvm_pfn_t end) =>
        module.ops.gmem_invalidate?.Invoke(kernel, start, end);

    // Requests.

    /// <summary>Makes a request to every vCPU, and waits until those in the guest have taken an interrupt.</summary>
    internal static void kvm_make_all_cpus_request(kvm kvm, int req)
    {
        int online = Volatile.Read(ref kvm.online_vcpus);
        CpuSet targets = default;
        bool any = false;
        for (int i = 0; i < online; i++)
        {
            kvm_vcpu vcpu = kvm.vcpu_array[i];
            KvmMain.kvm_make_request(req, vcpu);
            kvm_vcpu_arch va = arch_of(vcpu);
            if (Volatile.Read(ref va.mode) != IN_GUEST_MODE)
                continue;
            va.bus.Raise(X86Attention.Poll);
            targets.Add(Volatile.Read(ref va.cpu));
            any = true;
        }

        if (!any)
            return;
        kvm_arch arch = arch_of(kvm);
        Cpu cpu = arch.module.host.this_cpu();
        if (req == KVM_REQ_TLB_FLUSH)
            cpu.Count(HwEvent.TlbShootdownGuest);
        arch.module.host.machine.CallFunction(cpu, targets, s_kick, arch);
    }

    // On a CPU in the guest: whatever the rest of this instruction looks up, it finds by a walk, and before a walk come the requests.
    private static void kvm_kick(Cpu cpu, object? argument, ulong a, ulong b, ulong c)
    {
        var arch = (kvm_arch)argument!;
        cpu.GuestTlb.InvalidateGroup(arch.vpid_group);
        if (arch.module.kvm_running_vcpu[cpu.Id] is { } vcpu)
            arch_of(vcpu).bus.Raise(X86Attention.Poll | X86Attention.StaleFetch);
    }

    internal static void kvm_send_hwpoison_signal(kvm_memory_slot slot, gfn_t gfn) =>
        force_sig_mceerr(BUS_MCEERR_AR, KvmMain.gfn_to_hva_memslot(slot, gfn).Value, PAGE_SHIFT);

    // vCPUs.

    [MustCheck]
    internal static int kvm_arch_vcpu_create(kvm_vcpu vcpu)
    {
        // Its page for port I/O, its machine-check banks, its emulator and its FPU.
        if (FaultInject.should_fail(vcpu.kvm.kernel, "kvm_vcpu_arch"))
            return -ENOMEM;
        vcpu.arch = new kvm_vcpu_arch(vcpu);
        kvm_vcpu_reset(vcpu);
        return 0;
    }

    /// <summary>
    /// State after creation. Silicon starts in real mode, which the interpreter does not have: a vCPU starts in 64-bit mode without paging,
    /// and user space sets what it wants by KVM_SET_SREGS.
    /// </summary>
    internal static void kvm_vcpu_reset(kvm_vcpu vcpu) => arch_of(vcpu).state.ResetToLongMode(0xfff0, null);

    internal static void kvm_arch_vcpu_destroy(kvm_vcpu vcpu)
    {
        X86Mmu.kvm_mmu_free_roots(vcpu);
        X86Mmu.mmu_free_memory_caches(vcpu);
    }

    [MightSleep]
    internal static int kvm_arch_vcpu_ioctl_run(kvm_vcpu vcpu)
    {
        kvm_run* run = vcpu.run;
        KvmMain.kvm_vcpu_srcu_read_lock(vcpu);
        int r = complete_userspace_io(vcpu);
        if (r > 0)
        {
            if (Volatile.Read(ref run->immediate_exit) != 0)
                r = -EINTR;
            else
                r = vcpu_run(vcpu);
        }

        X86VcpuState state = arch_of(vcpu).state;
        run->if_flag = (state.Rflags & X86Flags.If) != 0 ? (byte)1 : (byte)0;
        run->cr8 = state.Cr8;
        run->apic_base = arch_of(vcpu).apic_base;
        KvmMain.kvm_vcpu_srcu_read_unlock(vcpu);
        return r;
    }

    [MightSleep]
    private static int vcpu_run(kvm_vcpu vcpu)
    {
        vcpu.run->exit_reason = KVM_EXIT_UNKNOWN;
        arch_of(vcpu).state.Halted = false;
        while (true)
        {
            if (signal_pending(current))
            {
                vcpu.run->exit_reason = KVM_EXIT_INTR;
                return -EINTR;
            }

            rcu_virt_note_context_switch(current);
            int r = vcpu_enter_guest(vcpu);
            if (r <= 0)
                return r;
            cond_resched();
        }
    }

    /// <summary>Runs the guest until something needs the host.</summary>
    /// <returns>1: go on; 0: exit to user space with kvm_run filled; negative: error.</returns>
    [MightSleep]
    private static int vcpu_enter_guest(kvm_vcpu vcpu)
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        VcpuBus bus = va.bus;
        bus.ClearExit();
        if (!bus.EnterGuest())
            return bus.Error;
        Tracepoints points = current.kernel.Tracepoints;
        points.kvm_entry.Trace((ulong)vcpu.vcpu_id);
        X86ExitKind kind;
        do
        {
            kind = va.interpreter.Run(va.state, bus, InstructionsPerSlice);
            bus.CountInstructions(va.interpreter.Executed);
        }
        while (kind == X86ExitKind.Budget && !bus.ShouldLeave());
        if (bus.InGuest)
            bus.LeaveGuest();
        points.kvm_exit.Trace((ulong)vcpu.vcpu_id, (ulong)kind);
        return handle_exit(vcpu, kind, va.interpreter, bus.Exit, bus.Error);
    }

    private static int handle_exit(kvm_vcpu vcpu, X86ExitKind kind, X86Interpreter interpreter, VcpuExit exit, int error)
    {
        switch (kind)
        {
            case X86ExitKind.Budget:
            case X86ExitKind.None:
                return 1;
            case X86ExitKind.Bus:
                switch (exit)
                {
                    case VcpuExit.Error:
                        return error;
                    case VcpuExit.Emulate:
                        return x86_emulate_instruction(vcpu);
                    case VcpuExit.Pio:
                        return 0;
                    default:
                        return 1;
                }

            case X86ExitKind.Halt:
                // Interrupts are user space's business here, so waking up is too.
                vcpu.run->exit_reason = KVM_EXIT_HLT;
                return 0;
            case X86ExitKind.Hypercall:
                return kvm_emulate_hypercall(vcpu);
            case X86ExitKind.Shutdown:
                vcpu.run->exit_reason = KVM_EXIT_SHUTDOWN;
                return 0;
            case X86ExitKind.InternalError:
                return prepare_emulation_failure_exit(vcpu, interpreter.ErrorBytes);
            default:
                return 1;
        }
    }

    /// <summary>Executes the instruction at RIP for the guest, with KVM's eyes.</summary>
    [MightSleep]
    private static int x86_emulate_instruction(kvm_vcpu vcpu)
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        EmulatorBus bus = va.emulator;
        bus.Begin();
        X86ExitKind kind = va.interpreter.ExecuteOne(va.state, bus);
        if (kind is not (X86ExitKind.Bus or X86ExitKind.Budget))
            return handle_exit(vcpu, kind, va.interpreter, VcpuExit.None, 0);
        if (va.bus.Exit == VcpuExit.Pio)
            return 0;
        if (bus.Exit != VcpuExit.Mmio)
            return 1;

        // A write is done as far as the guest is concerned; a read needs its data first.
        va.complete_userspace_io = bus.NextWrite() ? complete_userspace_io_t.MMIO_WRITE : complete_userspace_io_t.MMIO_READ;
        return 0;
    }

    /// <summary>Takes user space's answer to the last exit.</summary>
    /// <returns>1: run on; 0: another exit follows; negative: error.</returns>
    [MightSleep]
    private static int complete_userspace_io(kvm_vcpu vcpu)
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        kvm_run* run = vcpu.run;
        complete_userspace_io_t pending = va.complete_userspace_io;
        va.complete_userspace_io = complete_userspace_io_t.NONE;
        switch (pending)
        {
            case complete_userspace_io_t.PIO_IN:
            {
                byte* data = (byte*)run + PioDataOffset;
                va.bus.CompletePortRead(run->io_size switch
                {
                    1 => *data,
                    2 => *(ushort*)data,
                    _ => *(uint*)data,
                });
                return 1;
            }

            case complete_userspace_io_t.MMIO_READ:
                vcpu.mmio_needed = false;
                va.emulator.CompleteRead(*(ulong*)run->mmio_data);
                return x86_emulate_instruction(vcpu);
            case complete_userspace_io_t.MMIO_WRITE:
                vcpu.mmio_needed = false;
                if (!va.emulator.NextWrite())
                    return 1;
                va.complete_userspace_io = complete_userspace_io_t.MMIO_WRITE;
                return 0;
            case complete_userspace_io_t.HYPERCALL:
                va.state.Rax = run->hypercall_ret;
                return 1;
            default:
                return 1;
        }
    }

    private static int kvm_emulate_hypercall(kvm_vcpu vcpu)
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        X86VcpuState state = va.state;
        ulong nr = state.Rax;
        if (nr != KVM_HC_MAP_GPA_RANGE || (arch_of(vcpu.kvm).hypercall_exit_enabled & (1UL << (int)nr)) == 0)
        {
            state.Rax = unchecked((ulong)-(long)KVM_ENOSYS);
            return 1;
        }

        if ((state.Rbx & ~PAGE_MASK) != 0 || state.Rcx == 0 || state.Rbx + (state.Rcx << PAGE_SHIFT) <= state.Rbx)
        {
            state.Rax = unchecked((ulong)-EINVAL);
            return 1;
        }

        kvm_run* run = vcpu.run;
        run->exit_reason = KVM_EXIT_HYPERCALL;
        run->hypercall_nr = nr;
        run->hypercall_ret = 0;
        run->hypercall_args[0] = state.Rbx;
        run->hypercall_args[1] = state.Rcx;
        run->hypercall_args[2] = state.Rdx;
        va.complete_userspace_io = complete_userspace_io_t.HYPERCALL;
        return 0;
    }

    private static int prepare_emulation_failure_exit(kvm_vcpu vcpu, ReadOnlySpan<byte> bytes)
    {
        kvm_run* run = vcpu.run;
        run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
        run->internal_suberror = KVM_INTERNAL_ERROR_EMULATION;
        run->internal_ndata = 4;
        run->internal_flags = 1;
        run->internal_insn_size = (byte)bytes.Length;
        bytes.CopyTo(new Span<byte>(run->internal_insn_bytes, 15));
        return 0;
    }

    internal static void PreparePortExit(kvm_vcpu vcpu, ushort port, int size, uint* data)
    {
        kvm_run* run = vcpu.run;
        run->exit_reason = KVM_EXIT_IO;
        run->io_direction = data == null ? (byte)0 : (byte)1;
        run->io_size = (byte)size;
        run->io_port = port;
        run->io_count = 1;
        run->io_data_offset = PioDataOffset;
        *(uint*)((byte*)run + PioDataOffset) = data == null ? 0 : *data;
    }

    internal static void PrepareMmioExit(kvm_vcpu vcpu, ulong gpa, int size, bool write, ulong data)
    {
        kvm_run* run = vcpu.run;
        run->exit_reason = KVM_EXIT_MMIO;
        run->mmio_phys_addr = gpa;
        run->mmio_len = (uint)size;
        run->mmio_is_write = write ? (byte)1 : (byte)0;
        *(ulong*)run->mmio_data = data;
        vcpu.mmio_needed = true;
    }

    // ioctls of a vCPU.

    [MightSleep]
    internal static long kvm_arch_vcpu_ioctl(@file filp, uint ioctl, ulong arg)
    {
        var vcpu = (kvm_vcpu)filp.private_data!;
        switch (ioctl)
        {
            // Interrupts that nobody ever takes, and a mode that is not compiled in.
            case KVM_NMI:
                return 0;
            case KVM_SMI:
                return -ENOTTY;
            case KVM_GET_REGS:
            {
                kvm_regs regs = get_regs(arch_of(vcpu).state);
                return copy_to_user(arg, &regs, (ulong)sizeof(kvm_regs)) != 0 ? -EFAULT : 0;
            }

            case KVM_SET_REGS:
            {
                kvm_regs regs;
                if (copy_from_user(&regs, arg, (ulong)sizeof(kvm_regs)) != 0)
                    return -EFAULT;
                set_regs(arch_of(vcpu).state, in regs);
                return 0;
            }

            case KVM_GET_SREGS:
            {
                kvm_sregs sregs = get_sregs(vcpu);
                return copy_to_user(arg, &sregs, (ulong)sizeof(kvm_sregs)) != 0 ? -EFAULT : 0;
            }

            case KVM_SET_SREGS:
            {
                kvm_sregs sregs;
                if (copy_from_user(&sregs, arg, (ulong)sizeof(kvm_sregs)) != 0)
                    return -EFAULT;
                return set_sregs(vcpu, in sregs);
            }

            case KVM_GET_MSRS:
                return msr_io(vcpu, arg, write: false);
            case KVM_SET_MSRS:
                return msr_io(vcpu, arg, write: true);
            default:
                return -EINVAL;
        }
    }

    internal static int kvm_get_msr(kvm_vcpu vcpu, uint index, out ulong data)
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        X86VcpuState s = va.state;
        ulong? value = index switch
        {
            X86Control.MsrTsc => GuestTsc(arch_of(vcpu.kvm).module.host.this_cpu()),
            X86Control.MsrApicBase => va.apic_base,
            X86Control.MsrSysenterCs => s.SysenterCs,
            X86Control.MsrSysenterEsp => s.SysenterEsp,
            X86Control.MsrSysenterEip => s.SysenterEip,
            X86Control.MsrMiscEnable => s.MiscEnable,
            X86Control.MsrPat => s.Pat,
            X86Control.MsrEfer => s.Efer,
            X86Control.MsrStar => s.Star,
            X86Control.MsrLstar => s.Lstar,
            X86Control.MsrCstar => s.Cstar,
            X86Control.MsrFmask => s.Fmask,
            X86Control.MsrFsBase => s.FsBase,
            X86Control.MsrGsBase => s.GsBase,
            X86Control.MsrKernelGsBase => s.KernelGsBase,
            X86Control.MsrTscAux => s.TscAux,
            MSR_KVM_WALL_CLOCK_NEW => va.wall_clock_msr,
            MSR_KVM_SYSTEM_TIME_NEW => va.system_time_msr,
            _ => null,
        };
        data = value ?? 0;
        return value is null ? 1 : 0;
    }

    /// <returns>0, or 1 for an MSR or a value that does not exist.</returns>
    [MightSleep]
    internal static int kvm_set_msr(kvm_vcpu vcpu, uint index, ulong data)
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        X86VcpuState s = va.state;
        switch (index)
        {
            case X86Control.MsrTsc:
                break;
            case X86Control.MsrApicBase:
                va.apic_base = data;
                break;
            case X86Control.MsrSysenterCs:
                s.SysenterCs = data;
                break;
            case X86Control.MsrSysenterEsp:
                s.SysenterEsp = data;
                break;
            case X86Control.MsrSysenterEip:
                s.SysenterEip = data;
                break;
            case X86Control.MsrMiscEnable:
                s.MiscEnable = data;
                break;
            case X86Control.MsrPat:
                s.Pat = data;
                break;
            case X86Control.MsrEfer:
                if ((data & ~X86Control.EferKnown) != 0)
                    return 1;
                s.Efer = data;
                KvmMain.kvm_make_request(KVM_REQ_TLB_FLUSH, vcpu);
                break;
            case X86Control.MsrStar:
                s.Star = data;
                break;
            case X86Control.MsrLstar:
                s.Lstar = data;
                break;
            case X86Control.MsrCstar:
                s.Cstar = data;
                break;
            case X86Control.MsrFmask:
                s.Fmask = data;
                break;
            case X86Control.MsrFsBase:
                s.FsBase = data;
                break;
            case X86Control.MsrGsBase:
                s.GsBase = data;
                break;
            case X86Control.MsrKernelGsBase:
                s.KernelGsBase = data;
                break;
            case X86Control.MsrTscAux:
                s.TscAux = data;
                break;
            case MSR_KVM_WALL_CLOCK_NEW:
                va.wall_clock_msr = data;
                kvm_write_wall_clock(vcpu.kvm, new gpa_t(data));
                break;
            case MSR_KVM_SYSTEM_TIME_NEW:
                va.system_time_msr = data;
                break;
            default:
                return 1;
        }

        return 0;
    }

    /// <summary>
    /// Writes the time of boot, as version, seconds, nanoseconds, for a guest that reads the version before and after: odd while the rest
    /// changes. By way of the user mapping; a failure is nobody's business.
    /// </summary>
    [MightSleep]
    private static void kvm_write_wall_clock(kvm kvm, gpa_t wall_clock)
    {
        if (wall_clock.Value == 0)
            return;
        uint version;
        if (KvmMain.kvm_read_guest(kvm, wall_clock, &version, sizeof(uint)) != 0)
            return;

        // Odd from the start is rubbish that happened to lie there.
        if ((version & 1) != 0)
            version++;
        version++;
        if (KvmMain.kvm_write_guest(kvm, wall_clock, &version, sizeof(uint)) != 0)
            return;
        ulong wall_nsec = (ulong)kvm.kernel.SimulatedNanoseconds;
        uint* wc = stackalloc uint[3] { version, (uint)(wall_nsec / 1_000_000_000), (uint)(wall_nsec % 1_000_000_000) };
        _ = KvmMain.kvm_write_guest(kvm, wall_clock, wc, 3 * sizeof(uint));
        version++;
        _ = KvmMain.kvm_write_guest(kvm, wall_clock, &version, sizeof(uint));
    }

    internal static ulong GuestTsc(Cpu cpu) => (ulong)cpu.Clock / 1000 * 3;

    /// <summary>A small 64-bit CPU with KVM's signature.</summary>
    internal static void kvm_cpuid(kvm_vcpu vcpu, uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx)
    {
        eax = ebx = ecx = edx = 0;
        switch (leaf)
        {
            case 0:
                (eax, ebx, edx, ecx) = (7, 0x756e6547, 0x49656e69, 0x6c65746e);
                break;
            case 1:
                // Family 6; the index of the vCPU; CMPXCHG16B, POPCNT, hypervisor; TSC, MSR, PAE, CX8, SEP, PGE, CMOV, PAT, CLFSH.
                eax = 0x000906e0;
                ebx = (vcpu.vcpu_id << 24) | (8u << 8);
                ecx = (1u << 13) | (1u << 23) | (1u << 31);
                edx = (1u << 4) | (1u << 5) | (1u << 6) | (1u << 8) | (1u << 11) | (1u << 13) | (1u << 15) | (1u << 16) | (1u << 19);
                break;
            case 7 when subleaf == 0:
                // FSGSBASE, SMEP, SMAP.
                ebx = 1u | (1u << 7) | (1u << 20);
                break;
            case 0x40000000:
                (eax, ebx, ecx, edx) = (0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d);
                break;
            case 0x40000001:
                // CLOCKSOURCE2.
                eax = 1u << 3;
                break;
            case 0x80000000:
                eax = 0x80000008;
                break;
            case 0x80000001:
                // LAHF; SYSCALL, NX, 1G pages, RDTSCP, long mode.
                ecx = 1;
                edx = (1u << 11) | (1u << 20) | (1u << 26) | (1u << 27) | (1u << 29);
                break;
            case 0x80000008:
                eax = (48u << 8) | X86GuestWalker.PhysicalAddressBits;
                break;
        }
    }

    [MightSleep]
    private static long msr_io(kvm_vcpu vcpu, ulong user_msrs, bool write)
    {
        kvm_msrs msrs;
        if (copy_from_user(&msrs, user_msrs, (ulong)sizeof(kvm_msrs)) != 0)
            return -EFAULT;
        if (msrs.nmsrs >= MAX_IO_MSRS)
            return -E2BIG;
        if (FaultInject.should_fail(vcpu.kvm.kernel, "memdup_user"))
            return -ENOMEM;
        kvm_msr_entry* entries = stackalloc kvm_msr_entry[MAX_IO_MSRS];
        ulong size = msrs.nmsrs * (ulong)sizeof(kvm_msr_entry);
        ulong from = user_msrs + (ulong)sizeof(kvm_msrs);
        if (copy_from_user(entries, from, size) != 0)
            return -EFAULT;

        // The answer is how far it got.
        int idx = srcu_read_lock(vcpu.kvm.srcu);
        uint n;
        for (n = 0; n < msrs.nmsrs; n++)
        {
            if (write ? kvm_set_msr(vcpu, entries[n].index, entries[n].data) != 0 : kvm_get_msr(vcpu, entries[n].index, out entries[n].data) != 0)
                break;
        }

        srcu_read_unlock(vcpu.kvm.srcu, idx);
        if (!write && copy_to_user(from, entries, size) != 0)
            return -EFAULT;
        return n;
    }

    private static kvm_regs get_regs(X86VcpuState s) => new()
    {
        rax = s[0],
        rcx = s[1],
        rdx = s[2],
        rbx = s[3],
        rsp = s[4],
        rbp = s[5],
        rsi = s[6],
        rdi = s[7],
        r8 = s[8],
        r9 = s[9],
        r10 = s[10],
        r11 = s[11],
        r12 = s[12],
        r13 = s[13],
        r14 = s[14],
        r15 = s[15],
        rip = s.Rip,
        rflags = s.Rflags,
    };

    private static void set_regs(X86VcpuState s, in kvm_regs regs)
    {
        s[0] = regs.rax;
        s[1] = regs.rcx;
        s[2] = regs.rdx;
        s[3] = regs.rbx;
        s[4] = regs.rsp;
        s[5] = regs.rbp;
        s[6] = regs.rsi;
        s[7] = regs.rdi;
        s[8] = regs.r8;
        s[9] = regs.r9;
        s[10] = regs.r10;
        s[11] = regs.r11;
        s[12] = regs.r12;
        s[13] = regs.r13;
        s[14] = regs.r14;
        s[15] = regs.r15;
        s.Rip = regs.rip;
        s.Rflags = regs.rflags | X86Flags.Fixed;
    }

    private static kvm_sregs get_sregs(kvm_vcpu vcpu)
    {
        X86VcpuState s = arch_of(vcpu).state;
        kvm_sregs sregs = new()
        {
            cs = get_segment(in s.Cs, s.Cs.Base),
            ds = get_segment(in s.Ds, s.Ds.Base),
            es = get_segment(in s.Es, s.Es.Base),
            fs = get_segment(in s.Fs, s.FsBase),
            gs = get_segment(in s.Gs, s.GsBase),
            ss = get_segment(in s.Ss, s.Ss.Base),
            tr = get_segment(in s.Tr, s.Tr.Base),
            ldt = get_segment(in s.Ldtr, s.Ldtr.Base),
            cr0 = s.Cr0,
            cr2 = s.Cr2,
            cr3 = s.Cr3,
            cr4 = s.Cr4,
            cr8 = s.Cr8,
            efer = s.Efer,
            apic_base = arch_of(vcpu).apic_base,
        };
        sregs.gdt = new kvm_dtable { @base = s.Gdtr.Base, limit = s.Gdtr.Limit };
        sregs.idt = new kvm_dtable { @base = s.Idtr.Base, limit = s.Idtr.Limit };
        return sregs;
    }

    private static int set_sregs(kvm_vcpu vcpu, in kvm_sregs sregs)
    {
        if (!kvm_is_valid_sregs(in sregs))
            return -EINVAL;
        X86VcpuState s = arch_of(vcpu).state;
        s.Cs = set_segment(in sregs.cs);
        s.Ds = set_segment(in sregs.ds);
        s.Es = set_segment(in sregs.es);
        s.Fs = set_segment(in sregs.fs);
        s.Gs = set_segment(in sregs.gs);
        s.Ss = set_segment(in sregs.ss);
        s.Tr = set_segment(in sregs.tr);
        s.Ldtr = set_segment(in sregs.ldt);
        s.FsBase = sregs.fs.@base;
        s.GsBase = sregs.gs.@base;
        s.Gdtr = new X86TableRegister { Base = sregs.gdt.@base, Limit = sregs.gdt.limit };
        s.Idtr = new X86TableRegister { Base = sregs.idt.@base, Limit = sregs.idt.limit };
        s.Cr0 = sregs.cr0;
        s.Cr2 = sregs.cr2;
        s.Cr3 = sregs.cr3;
        s.Cr4 = sregs.cr4;
        s.Cr8 = sregs.cr8;
        s.Efer = sregs.efer;
        arch_of(vcpu).apic_base = sregs.apic_base;
        KvmMain.kvm_make_request(KVM_REQ_TLB_FLUSH, vcpu);
        return 0;
    }

    private static bool kvm_is_valid_sregs(in kvm_sregs sregs)
    {
        if ((sregs.efer & X86Control.EferLme) != 0 && (sregs.cr0 & X86Control.Cr0Pg) != 0)
        {
            // With paging, LME means long mode: PAE on, LMA set, the root within the physical width.
            if ((sregs.cr4 & X86Control.Cr4Pae) == 0 || (sregs.efer & X86Control.EferLma) == 0)
                return false;
            if (sregs.cr3 >> X86GuestWalker.PhysicalAddressBits != 0)
                return false;
        }

        return (sregs.cr4 & ~X86Control.Cr4Known) == 0 && (sregs.cr0 & ~X86Control.Cr0Known) == 0 && (sregs.efer & ~X86Control.EferKnown) == 0;
    }

    private static kvm_segment get_segment(in X86Segment s, ulong @base) => new()
    {
        @base = @base,
        limit = s.Limit,
        selector = s.Selector,
        type = (byte)(s.Attributes & X86Segment.TypeMask),
        s = (byte)((s.Attributes >> 4) & 1),
        dpl = (byte)s.Dpl,
        present = (byte)((s.Attributes >> 7) & 1),
        avl = (byte)((s.Attributes >> 12) & 1),
        l = (byte)((s.Attributes >> 13) & 1),
        db = (byte)((s.Attributes >> 14) & 1),
        g = (byte)((s.Attributes >> 15) & 1),
        unusable = (s.Attributes & X86Segment.Present) == 0 ? (byte)1 : (byte)0,
    };

    private static X86Segment set_segment(in kvm_segment s) => new()
    {
        Base = s.@base,
        Limit = s.limit,
        Selector = s.selector,
        Attributes = (ushort)((s.type & 0xf) | ((s.s & 1) << 4) | ((s.dpl & 3) << 5) | ((s.present & 1 & ~s.unusable) << 7) |
            ((s.avl & 1) << 12) | ((s.l & 1) << 13) | ((s.db & 1) << 14) | ((s.g & 1) << 15)),
    };

    private static bool kvm_memslot_flush_zap_all(kvm kvm) =>
        arch_of(kvm).vm_type == KVM_X86_DEFAULT_VM && kvm_check_has_quirk(kvm, KVM_X86_QUIRK_SLOT_ZAP_ALL);

    private static void kvm_mmu_slot_apply_flags(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change)
    {
        uint old_flags = old?.flags ?? 0;
        uint new_flags = @new?.flags ?? 0;
        bool log_dirty_pages = (new_flags & KVM_MEM_LOG_DIRTY_PAGES) != 0;

        // A slot that is created, moved or deleted has no entries; one that is read-only has none that can be written.
        if (change != kvm_mr_change.KVM_MR_FLAGS_ONLY || (new_flags & KVM_MEM_READONLY) != 0)
            return;
        if (WARN_ON_ONCE(((old_flags ^ new_flags) & KVM_MEM_LOG_DIRTY_PAGES) == 0))
            return;
        if (!log_dirty_pages)
        {
            X86Mmu.kvm_mmu_recover_huge_pages(kvm, @new!);
            return;
        }

        // With everything dirty from the start there is nothing to see before the first clear.
        if ((kvm.manual_dirty_log_protect_flags & 2) != 0)
            return;
        X86Mmu.kvm_mmu_slot_remove_write_access(kvm, @new!, pg_level.PG_LEVEL_4K);

        // Even if nothing was writable now: it may have been when a CPU cached it.
        KvmMain.kvm_flush_remote_tlbs(kvm);
    }
}
