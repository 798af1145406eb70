// SPDX-License-Identifier: GPL-2.0-only
// Mirrors virt/kvm/kvm_main.c, Linux 6.18.
namespace Linux;

// Lock order:
//
//   kvm->lock                                vCPU creation, VM-wide capabilities
//     vcpu->mutex                            ioctls on one vCPU
//     kvm->slots_lock                        memslots, attributes, release of guest_memfd
//       kvm->slots_arch_lock                 publication of a set of slots; dropped before synchronize_srcu()
//       invalidate_lock of a guest_memfd     see guest_memfd.cs
//         kvm->mmu_lock                      stage 2 and mmu_invalidate_*; never sleep under it
//   kvm->mn_invalidate_lock                  leaf; not under mmu_lock
//
// SRCU (kvm->srcu) is held by readers around everything above but the mutexes' owners' synchronize_srcu().

internal sealed partial class kvm
{
    /// <summary>The one task that waits for notifiers before it swaps memslots.</summary>
    internal readonly rcuwait mn_memslots_update_rcuwait = new();
}

internal sealed partial class Kernel
{
    private LiveKind? _liveVms;

    internal LiveKind LiveVms => _liveVms ??= LiveKind("kvm");
}

internal static unsafe partial class KvmMain
{
    private static readonly file_operations kvm_vcpu_fops = new()
    {
        owner = "kvm",
        release = kvm_vcpu_release,
        unlocked_ioctl = kvm_vcpu_ioctl,
        mmap = kvm_vcpu_mmap,
        llseek = noop_llseek,
    };

    private static readonly file_operations kvm_vm_fops = new()
    {
        owner = "kvm",
        release = kvm_vm_release,
        unlocked_ioctl = kvm_vm_ioctl,
        llseek = noop_llseek,
    };

    /// <summary>Functions of /dev/kvm.</summary>
    internal static readonly file_operations kvm_chardev_ops = new()
    {
        owner = "kvm",
        unlocked_ioctl = kvm_dev_ioctl,
        llseek = noop_llseek,
    };

    private static readonly vm_operations_struct kvm_vcpu_vm_ops = new() { fault = kvm_vcpu_fault };

    private static readonly mmu_notifier_ops kvm_mmu_notifier_ops = new()
    {
        invalidate_range_start = kvm_mmu_notifier_invalidate_range_start,
        invalidate_range_end = kvm_mmu_notifier_invalidate_range_end,
        clear_flush_young = kvm_mmu_notifier_clear_flush_young,
        clear_young = kvm_mmu_notifier_clear_young,
        test_young = kvm_mmu_notifier_test_young,
        release = kvm_mmu_notifier_release,
    };

    internal static int KVM_MEM_SLOTS_NUM => short.MaxValue;

    private static int memslot_user_limit(kvm_memory_slot slot) => short.MaxValue - 3;

    /// <summary>Registers /dev/kvm. Called once at boot.</summary>
    internal static int kvm_init(Kernel kernel)
    {
        kernel.KvmCharDevice = kvm_chardev_ops;
        return 0;
    }

    // Lifetime.

    internal static void kvm_get_kvm([AcquiresReference] kvm kvm) => WARN_ON_ONCE(Interlocked.Increment(ref kvm.users_count) <= 1);

    internal static bool kvm_get_kvm_safe(kvm kvm)
    {
        int count = Volatile.Read(ref kvm.users_count);
        while (count > 0)
        {
            int seen = Interlocked.CompareExchange(ref kvm.users_count, count + 1, count);
            if (seen == count)
                return true;
            count = seen;
        }

        return false;
    }

    [MightSleep]
    internal static void kvm_put_kvm([DropsReference] kvm kvm)
    {
        int count = Interlocked.Decrement(ref kvm.users_count);
        BUG_ON(count < 0);
        if (count == 0)
            kvm_destroy_vm(kvm);
    }

    internal static void kvm_put_kvm_no_destroy([DropsReference] kvm kvm) => WARN_ON(Interlocked.Decrement(ref kvm.users_count) <= 0);

    [ErrorPointer]
    [return: ReturnsReference]
    [MightSleep]
    private static ErrPtr<kvm> kvm_create_vm(Kernel kernel, ulong type)
    {
        if (should_fail(kernel, "kvm"))
            return ERR_PTR<kvm>(-ENOMEM);

        mm_struct mm = current.mm!;
        mmgrab(mm);
        KvmArch arch_ops = kernel.arch.Kvm;
        var kvm = new kvm(kernel, arch_ops) { mm = mm, max_vcpus = arch_ops.KVM_MAX_VCPUS };
        for (int i = 0; i < KVM_MAX_NR_ADDRESS_SPACES; i++)
        {
            for (int j = 0; j < 2; j++)
                kvm.__memslots[i, j] = new kvm_memslots { generation = (ulong)i, node_idx = j };
            kvm.memslots[i] = kvm.__memslots[i, 0];
        }

        int r = init_srcu_struct(kvm.srcu);
        if (r != 0)
        {
            mmdrop(mm);
            HandOver(kvm, to: "the garbage collector");
            return ERR_PTR<kvm>(r);
        }

        // The buses for devices in the kernel: none has any, all must be there.
        if (should_fail(kernel, "kvm_io_bus"))
        {
            r = -ENOMEM;
            goto out_err_no_arch;
        }

        r = arch_ops.kvm_arch_init_vm(kvm, type);
        if (r != 0)
            goto out_err_no_arch;
        r = kvm_init_mmu_notifier(kvm);
        if (r != 0)
            goto out_err_no_mmu_notifier;
        kvm.coalesced_mmio_ring = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
        if (kvm.coalesced_mmio_ring.IS_NULL)
        {
            r = -ENOMEM;
            goto out_no_coalesced_mmio;
        }

        kernel.LiveVms.Born(kvm, "kvm-vm");
        HandOver(kvm, to: "the caller, in the error pointer");
        return kvm;

    out_no_coalesced_mmio:
        mmu_notifier_unregister(kvm.mmu_notifier!, kvm.mm);
    out_err_no_mmu_notifier:
        arch_ops.kvm_arch_destroy_vm(kvm);
    out_err_no_arch:
        kvm_free_vm_structures(kvm);
        HandOver(kvm, to: "the garbage collector");
        return ERR_PTR<kvm>(r);
    }

    private static void kvm_free_vm_structures(kvm kvm)
    {
        xa_destroy(kvm.mem_attr_array);
        cleanup_srcu_struct(kvm.srcu);
        mmdrop(kvm.mm);
    }

    [MightSleep]
    private static void kvm_destroy_vm(kvm kvm)
    {
        // No guest_memfd file is left: each held a reference. So no unbind below can race with a release.
        put_page(kvm.coalesced_mmio_ring);
        mmu_notifier_unregister(kvm.mmu_notifier!, kvm.mm);

        // A notifier that began before and whose end will never be called leaves no trace: nobody can run the VM any more.
        WARN_ON(rcuwait_active(kvm.mn_memslots_update_rcuwait));
        spin_lock(kvm.mn_invalidate_lock);
        kvm.mn_active_invalidate_count = 0;
        spin_unlock(kvm.mn_invalidate_lock);

        kvm.arch_ops.kvm_arch_flush_shadow_all(kvm);
        kvm_destroy_vcpus(kvm);
        kvm.arch_ops.kvm_arch_destroy_vm(kvm);
        for (int i = 0; i < KVM_MAX_NR_ADDRESS_SPACES; i++)
            kvm_free_memslots(kvm, kvm.memslots[i]);
        kvm.kernel.LiveVms.Died(kvm);
        kvm_free_vm_structures(kvm);
    }

    [MightSleep]
    private static int kvm_vm_release(inode inode, @file filp)
    {
        kvm_put_kvm((kvm)filp.private_data!);
        return 0;
    }

    internal static void kvm_vm_dead(kvm kvm)
    {
        kvm.vm_dead = true;
        kvm_make_all_cpus_request(kvm, KVM_REQ_VM_DEAD);
    }

    internal static void kvm_vm_bugged(kvm kvm)
    {
        kvm.vm_bugged = true;
        kvm_vm_dead(kvm);
    }

    internal static bool KVM_BUG_ON(bool condition, kvm kvm, [CallerArgumentExpression(nameof(condition))] string expression = "")
    {
        if (WARN_ON_ONCE(condition && !kvm.vm_bugged, expression))
            kvm_vm_bugged(kvm);
        return condition;
    }

    // Requests and TLB flushes.

    internal static void kvm_make_request(int req, kvm_vcpu vcpu) => Interlocked.Or(ref vcpu.requests, 1UL << req);

    internal static bool kvm_check_request(int req, kvm_vcpu vcpu)
    {
        ulong bit = 1UL << req;
        return (Volatile.Read(ref vcpu.requests) & bit) != 0 && (Interlocked.And(ref vcpu.requests, ~bit) & bit) != 0;
    }

    internal static bool kvm_request_pending(kvm_vcpu vcpu) => Volatile.Read(ref vcpu.requests) != 0;

    /// <summary>Makes a request to every vCPU; when it returns, those that were in the guest have left it.</summary>
    internal static void kvm_make_all_cpus_request(kvm kvm, int req)
    {
        int online = Volatile.Read(ref kvm.online_vcpus);
        for (int i = 0; i < online; i++)
            kvm_make_request(req, kvm.vcpu_array[i]);
        kvm.arch_ops.KickAllCpus(kvm, req);
    }

    /// <summary>When it returns no CPU translates a guest address by an entry that was removed before the call. Legal under mmu_lock.</summary>
    internal static void kvm_flush_remote_tlbs(kvm kvm) => kvm.arch_ops.kvm_arch_flush_remote_tlbs(kvm);

    // Invalidation protocol. A fault snapshots mmu_invalidate_seq before it looks anything up and checks under mmu_lock; see kvm_host.h.

    [MustHold("kvm.mmu_lock")]
    internal static void kvm_mmu_invalidate_begin(kvm kvm)
    {
        lockdep_assert_held_write(kvm.mmu_lock);

        // The count makes faults in the range wait for the end; the sequence makes those that raced with all of it start over.
        kvm.mmu_invalidate_in_progress++;
        if (kvm.mmu_invalidate_in_progress != 1)
            return;
        kvm.mmu_invalidate_range_start = new gfn_t(ulong.MaxValue);
        kvm.mmu_invalidate_range_end = new gfn_t(ulong.MaxValue);
    }

    [MustHold("kvm.mmu_lock")]
    internal static void kvm_mmu_invalidate_range_add(kvm kvm, gfn_t start, gfn_t end)
    {
        lockdep_assert_held_write(kvm.mmu_lock);
        WARN_ON_ONCE(kvm.mmu_invalidate_in_progress == 0);
        if (kvm.mmu_invalidate_range_start.Value == ulong.MaxValue)
        {
            kvm.mmu_invalidate_range_start = start;
            kvm.mmu_invalidate_range_end = end;
            return;
        }

        // Several ranges become their hull. Shrinking it again is not worth the bookkeeping: the next lone begin resets it.
        if (start < kvm.mmu_invalidate_range_start)
            kvm.mmu_invalidate_range_start = start;
        if (end > kvm.mmu_invalidate_range_end)
            kvm.mmu_invalidate_range_end = end;
    }

    [MustHold("kvm.mmu_lock")]
    internal static bool kvm_mmu_unmap_gfn_range(kvm kvm, in kvm_gfn_range range)
    {
        kvm_mmu_invalidate_range_add(kvm, range.start, range.end);
        current.kernel.Tracepoints.GuestUnmap.Trace(range.start.Value, range.end.Value);
        return kvm.arch_ops.kvm_unmap_gfn_range(kvm, in range);
    }

    [MustHold("kvm.mmu_lock")]
    internal static void kvm_mmu_invalidate_end(kvm kvm)
    {
        lockdep_assert_held_write(kvm.mmu_lock);

        // The sequence is visible before the count goes down: a fault that sees the count at zero must see the sequence changed.
        Volatile.Write(ref kvm.mmu_invalidate_seq, kvm.mmu_invalidate_seq + 1);
        Volatile.Write(ref kvm.mmu_invalidate_in_progress, kvm.mmu_invalidate_in_progress - 1);
        KVM_BUG_ON(kvm.mmu_invalidate_in_progress < 0, kvm);
        WARN_ON_ONCE(kvm.mmu_invalidate_range_start.Value == ulong.MaxValue);
    }

    // MMU notifier: the host's page tables changed.

    private static kvm mmu_notifier_to_kvm(mmu_notifier mn) => (kvm)mn.Owner!;

    [MustHold("kvm.mmu_lock")]
    private delegate bool gfn_handler_t(kvm kvm, in kvm_gfn_range range);

    [MustHold("kvm.mmu_lock")]
    private delegate void on_lock_fn_t(kvm kvm);

    /// <summary>Calls the handler for the part of every slot that the range of user addresses covers, taking mmu_lock on the first.</summary>
    private static bool kvm_handle_hva_range(
        kvm kvm, ulong start, ulong end, gfn_handler_t? handler, on_lock_fn_t? on_lock, bool flush_on_ret, bool may_block, out bool found_memslot)
    {
        found_memslot = false;
        bool ret = false;
        if (WARN_ON_ONCE(end <= start))
            return false;
        int idx = srcu_read_lock(kvm.srcu);
        for (int i = 0; i < kvm.arch_ops.kvm_arch_nr_memslot_as_ids(kvm); i++)
        {
            foreach (kvm_memory_slot slot in __kvm_memslots(kvm, i).hva_tree)
            {
                ulong hva_start = Math.Max(start, slot.userspace_addr);
                ulong hva_end = Math.Min(end, slot.userspace_addr + (slot.npages << PAGE_SHIFT));
                if (hva_start >= hva_end)
                    continue;

                // Every frame that overlaps the range by a byte.
                var gfn_range = new kvm_gfn_range
                {
                    start = hva_to_gfn_memslot(hva_start, slot),
                    end = hva_to_gfn_memslot(hva_end + PAGE_SIZE - 1, slot),
                    slot = slot,
                    may_block = may_block,
                    attr_filter = kvm_gfn_range_filter.KVM_FILTER_SHARED,
                };
                if (!found_memslot)
                {
                    found_memslot = true;
                    KVM_MMU_LOCK(kvm);
                    on_lock?.Invoke(kvm);
                    if (handler is null)
                        goto mmu_unlock;
                }

                ret |= handler!(kvm, in gfn_range);
            }
        }

    mmu_unlock:
        if (flush_on_ret && ret)
            kvm_flush_remote_tlbs(kvm);
        if (found_memslot)
            KVM_MMU_UNLOCK(kvm);
        srcu_read_unlock(kvm.srcu, idx);
        return ret;
    }

    private static int kvm_mmu_notifier_invalidate_range_start(mmu_notifier mn, ref mmu_notifier_range range)
    {
        kvm kvm = mmu_notifier_to_kvm(mn);
        current.kernel.Tracepoints.kvm_unmap_hva_range.Trace(range.start, range.end);

        // Before the lookup: memslots must not be swapped between this begin and its end, or the two would count different slots.
        spin_lock(kvm.mn_invalidate_lock);
        kvm.mn_active_invalidate_count++;
        spin_unlock(kvm.mn_invalidate_lock);

        kvm_handle_hva_range(kvm, range.start, range.end, kvm_mmu_unmap_gfn_range, kvm_mmu_invalidate_begin, flush_on_ret: true, may_block: true, out _);
        return 0;
    }

    private static void kvm_mmu_notifier_invalidate_range_end(mmu_notifier mn, ref mmu_notifier_range range)
    {
        kvm kvm = mmu_notifier_to_kvm(mn);
        kvm_handle_hva_range(kvm, range.start, range.end, null, kvm_mmu_invalidate_end, flush_on_ret: false, may_block: true, out _);

        spin_lock(kvm.mn_invalidate_lock);
        if (!WARN_ON_ONCE(kvm.mn_active_invalidate_count == 0))
            kvm.mn_active_invalidate_count--;
        bool wake = kvm.mn_active_invalidate_count == 0;
        spin_unlock(kvm.mn_invalidate_lock);
        if (wake)
            rcuwait_wake_up(kvm.mn_memslots_update_rcuwait);
    }

    private static bool kvm_mmu_notifier_clear_flush_young(mmu_notifier mn, mm_struct mm, ulong start, ulong end) =>
        kvm_handle_hva_range(mmu_notifier_to_kvm(mn), start, end, kvm_age_gfn, null, flush_on_ret: true, may_block: false, out _);

    private static bool kvm_mmu_notifier_clear_young(mmu_notifier mn, mm_struct mm, ulong start, ulong end) =>
        kvm_handle_hva_range(mmu_notifier_to_kvm(mn), start, end, kvm_age_gfn, null, flush_on_ret: false, may_block: false, out _);

    private static bool kvm_mmu_notifier_test_young(mmu_notifier mn, mm_struct mm, ulong start, ulong end) =>
        kvm_handle_hva_range(mmu_notifier_to_kvm(mn), start, end, kvm_test_age_gfn, null, flush_on_ret: false, may_block: false, out _);

    [MustHold("kvm.mmu_lock")]
    private static bool kvm_age_gfn(kvm kvm, in kvm_gfn_range range) => kvm.arch_ops.kvm_age_gfn(kvm, in range);

    [MustHold("kvm.mmu_lock")]
    private static bool kvm_test_age_gfn(kvm kvm, in kvm_gfn_range range) => kvm.arch_ops.kvm_test_age_gfn(kvm, in range);

    /// <summary>The address space dies: the guest must lose everything before its pages are freed.</summary>
    private static void kvm_mmu_notifier_release(mmu_notifier mn, mm_struct mm)
    {
        kvm kvm = mmu_notifier_to_kvm(mn);
        int idx = srcu_read_lock(kvm.srcu);
        kvm.arch_ops.kvm_arch_flush_shadow_all(kvm);
        srcu_read_unlock(kvm.srcu, idx);
    }

    [MustCheck]
    private static int kvm_init_mmu_notifier(kvm kvm)
    {
        kvm.mmu_notifier = new mmu_notifier { ops = kvm_mmu_notifier_ops, Owner = kvm };
        return mmu_notifier_register(kvm.mmu_notifier, kvm.mm);
    }

    // /dev/kvm.

    [MightSleep]
    private static int kvm_dev_ioctl_create_vm(Kernel kernel, ulong type)
    {
        int fd = get_unused_fd_flags(O_CLOEXEC);
        if (fd < 0)
            return fd;

        int r;
        ErrPtr<kvm> made = kvm_create_vm(kernel, type);
        if (IS_ERR(made))
        {
            r = PTR_ERR(made);
            goto put_fd;
        }

        kvm kvm = made.Value;
        ErrPtr<@file> file = anon_inode_getfile(kernel, "kvm-vm", kvm_vm_fops, kvm, O_RDWR);
        if (IS_ERR(@file))
        {
            r = PTR_ERR(@file);
            kvm_put_kvm(kvm);
            goto put_fd;
        }

        fd_install(fd, file.Value);
        return fd;

    put_fd:
        put_unused_fd(fd);
        return r;
    }

    [MightSleep]
    private static long kvm_dev_ioctl(@file filp, uint ioctl, ulong arg)
    {
        switch (ioctl)
        {
            case KVM_GET_API_VERSION:
                return arg != 0 ? -EINVAL : KVM_API_VERSION;
            case KVM_CREATE_VM:
                return kvm_dev_ioctl_create_vm(filp.kernel, arg);
            case KVM_CHECK_EXTENSION:
                return kvm_vm_ioctl_check_extension_generic(filp.kernel, null, (long)arg);
            case KVM_GET_VCPU_MMAP_SIZE:
                return arg != 0 ? -EINVAL : 3 * (long)PAGE_SIZE;
            default:
                return -EINVAL;
        }
    }

    private static int kvm_vm_ioctl_check_extension_generic(Kernel kernel, kvm? kvm, long arg)
    {
        switch (arg)
        {
            case KVM_CAP_USER_MEMORY:
            case KVM_CAP_USER_MEMORY2:
            case KVM_CAP_DESTROY_MEMORY_REGION_WORKS:
            case KVM_CAP_JOIN_MEMORY_REGIONS_WORKS:
            case KVM_CAP_INTERNAL_ERROR_DATA:
            case KVM_CAP_CHECK_EXTENSION_VM:
            case KVM_CAP_ENABLE_CAP_VM:
            case KVM_CAP_HALT_POLL:
            case KVM_CAP_SYNC_MMU:
                return 1;
            case KVM_CAP_NR_MEMSLOTS:
                return kernel.arch.Kvm.KVM_USER_MEM_SLOTS;
            case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
                return (int)KVM_DIRTY_LOG_MANUAL_CAPS;
            case KVM_CAP_MEMORY_ATTRIBUTES:
                return (int)kvm_supported_mem_attributes(kernel, kvm);
            case KVM_CAP_GUEST_MEMFD:
                return 1;
            case KVM_CAP_GUEST_MEMFD_FLAGS:
                return (int)kvm_gmem_get_supported_flags(kernel, kvm);
            default:
                return kernel.arch.Kvm.kvm_vm_ioctl_check_extension(kernel, kvm, arg);
        }
    }

    // The VM's descriptor.

    [MightSleep]
    private static long kvm_vm_ioctl(@file filp, uint ioctl, ulong arg)
    {
        var kvm = (kvm)filp.private_data!;
        if (kvm.mm != current.mm || kvm.vm_dead)
            return -EIO;
        switch (ioctl)
        {
            case KVM_CREATE_VCPU:
                return kvm_vm_ioctl_create_vcpu(kvm, arg);
            case KVM_ENABLE_CAP:
            {
                kvm_enable_cap cap;
                return copy_from_user(&cap, arg, (ulong)sizeof(kvm_enable_cap)) != 0 ? -EFAULT : kvm_vm_ioctl_enable_cap_generic(kvm, ref cap);
            }

            case KVM_SET_USER_MEMORY_REGION:
            {
                kvm_userspace_memory_region2 mem = default;
                if (copy_from_user(&mem, arg, KVM_USERSPACE_MEMORY_REGION_SIZE) != 0)
                    return -EFAULT;
                return (mem.flags & ~KVM_SET_USER_MEMORY_REGION_V1_FLAGS) != 0 ? -EINVAL : kvm_vm_ioctl_set_memory_region(kvm, in mem);
            }

            case KVM_SET_USER_MEMORY_REGION2:
            {
                kvm_userspace_memory_region2 mem;
                return copy_from_user(&mem, arg, (ulong)sizeof(kvm_userspace_memory_region2)) != 0 ? -EFAULT : kvm_vm_ioctl_set_memory_region(kvm, in mem);
            }

            case KVM_GET_DIRTY_LOG:
            {
                kvm_dirty_log log;
                return copy_from_user(&log, arg, (ulong)sizeof(kvm_dirty_log)) != 0 ? -EFAULT : kvm_vm_ioctl_get_dirty_log(kvm, ref log);
            }

            case KVM_CLEAR_DIRTY_LOG:
            {
                kvm_clear_dirty_log log;
                return copy_from_user(&log, arg, (ulong)sizeof(kvm_clear_dirty_log)) != 0 ? -EFAULT : kvm_vm_ioctl_clear_dirty_log(kvm, ref log);
            }

            case KVM_CHECK_EXTENSION:
                return kvm_vm_ioctl_check_extension_generic(kvm.kernel, kvm, (long)arg);

            case KVM_SET_MEMORY_ATTRIBUTES when kvm.arch_ops.CONFIG_KVM_GENERIC_MEMORY_ATTRIBUTES:
            {
                kvm_memory_attributes attrs;
                return copy_from_user(&attrs, arg, (ulong)sizeof(kvm_memory_attributes)) != 0 ? -EFAULT : kvm_vm_ioctl_set_mem_attributes(kvm, in attrs);
            }

            case KVM_CREATE_GUEST_MEMFD:
            {
                kvm_create_guest_memfd guest_memfd;
                return copy_from_user(&guest_memfd, arg, (ulong)sizeof(kvm_create_guest_memfd)) != 0 ? -EFAULT : kvm_gmem_create(kvm, ref guest_memfd);
            }

            case KVM_RESET_DIRTY_RINGS:
                return kvm.dirty_ring_size == 0 ? -EINVAL : 0;

            default:
                return kvm.arch_ops.kvm_arch_vm_ioctl(filp, ioctl, arg);
        }
    }

    private const uint KVM_RESET_DIRTY_RINGS = 0xAEC7;
    private const ulong KVM_USERSPACE_MEMORY_REGION_SIZE = 32;
    private const ulong KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE = 1;
    private const ulong KVM_DIRTY_LOG_INITIALLY_SET = 2;
    private const ulong KVM_DIRTY_LOG_MANUAL_CAPS = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET;

    internal static bool kvm_dirty_log_manual_protect_and_init_set(kvm kvm) => (kvm.manual_dirty_log_protect_flags & KVM_DIRTY_LOG_INITIALLY_SET) != 0;

    [MightSleep]
    private static int kvm_vm_ioctl_enable_cap_generic(kvm kvm, ref kvm_enable_cap cap)
    {
        switch (cap.cap)
        {
            case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
            {
                ulong allowed_options = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
                if ((cap.args[0] & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE) != 0)
                    allowed_options = KVM_DIRTY_LOG_MANUAL_CAPS;
                if (cap.flags != 0 || (cap.args[0] & ~allowed_options) != 0)
                    return -EINVAL;
                kvm.manual_dirty_log_protect_flags = cap.args[0];
                return 0;
            }

            case KVM_CAP_DIRTY_LOG_RING:
            case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
                return kvm_vm_ioctl_enable_dirty_log_ring(kvm, (uint)cap.args[0]);
            case KVM_CAP_HALT_POLL:
                return cap.flags != 0 || cap.args[0] != (uint)cap.args[0] ? -EINVAL : 0;

            default:
                return kvm.arch_ops.kvm_vm_ioctl_enable_cap(kvm, ref cap);
        }
    }
}
