// SPDX-License-Identifier: GPL-2.0-only
// Mirrors virt/kvm/kvm_main.c, Linux 6.18.
namespace Linux;

internal sealed partial class task_struct
{
    /// <summary>The vCPU that is loaded while the task carries out a request on it.</summary>
    internal kvm_vcpu? kvm_running_vcpu;
}

internal sealed unsafe partial class kvm_vcpu
{
    /// <summary>The shared area through its direct-map page, which is never zapped. Written by the task that holds vcpu->mutex.</summary>
    internal kvm_run* run => (kvm_run*)kvm.kernel.machine.Memory.Host(MemoryModelH.page_to_pfn(run_page) << MmH.PAGE_SHIFT);
}

/// <summary>vCPUs.</summary>
internal static unsafe partial class KvmMain
{
    private const ulong KVM_PIO_PAGE_OFFSET = 1;
    private const ulong KVM_COALESCED_MMIO_PAGE_OFFSET = 2;
    private const ulong KVM_DIRTY_LOG_PAGE_OFFSET = 64;

    internal static void kvm_vcpu_srcu_read_lock(kvm_vcpu vcpu) => vcpu.srcu_idx = srcu_read_lock(vcpu.kvm.srcu);

    internal static void kvm_vcpu_srcu_read_unlock(kvm_vcpu vcpu) => srcu_read_unlock(vcpu.kvm.srcu, vcpu.srcu_idx);

    private static vm_fault_t kvm_vcpu_fault(ref vm_fault vmf)
    {
        var vcpu = (kvm_vcpu)vmf.vma.vm_file!.private_data!;
        page page;
        if (vmf.pgoff == 0)
            page = vcpu.run_page;
        else if (vmf.pgoff == KVM_PIO_PAGE_OFFSET)
            page = vcpu.pio_page;
        else if (vmf.pgoff == KVM_COALESCED_MMIO_PAGE_OFFSET)
            page = vcpu.kvm.coalesced_mmio_ring;
        else if (kvm_page_in_dirty_ring(vcpu.kvm, vmf.pgoff))
            page = DirtyRing.kvm_dirty_ring_get_page(vcpu.dirty_ring!, vmf.pgoff - KVM_DIRTY_LOG_PAGE_OFFSET);
        else
            return vm_fault_t.VM_FAULT_SIGBUS;
        get_page(page);
        vmf.page = page;
        return vm_fault_t.NONE;
    }

    private static bool kvm_page_in_dirty_ring(kvm kvm, ulong pgoff) =>
        pgoff >= KVM_DIRTY_LOG_PAGE_OFFSET && pgoff < KVM_DIRTY_LOG_PAGE_OFFSET + (kvm.dirty_ring_size / PAGE_SIZE);

    private static int kvm_vcpu_mmap(@file file, vm_area_struct vma)
    {
        var vcpu = (kvm_vcpu)file.private_data!;
        ulong pages = vma_pages(vma);
        bool ring = kvm_page_in_dirty_ring(vcpu.kvm, vma.vm_pgoff) || kvm_page_in_dirty_ring(vcpu.kvm, vma.vm_pgoff + pages - 1);
        if (ring && ((vma.vm_flags & VM_EXEC) != 0 || (vma.vm_flags & VM_SHARED) == 0))
            return -EINVAL;
        vma.vm_ops = kvm_vcpu_vm_ops;
        return 0;
    }

    [MightSleep]
    private static int kvm_vcpu_release(inode inode, @file filp)
    {
        kvm_put_kvm(((kvm_vcpu)filp.private_data!).kvm);
        return 0;
    }

    [ContextUnsafe("the last reference to the VM is gone: nobody else reaches it")]
    private static void kvm_destroy_vcpus(kvm kvm)
    {
        foreach (kvm_vcpu vcpu in kvm.vcpu_array)
            kvm_vcpu_destroy(vcpu);
        kvm.vcpu_array.Clear();
        kvm.online_vcpus = 0;
    }

    private static void kvm_vcpu_destroy(kvm_vcpu vcpu)
    {
        vcpu.kvm.arch_ops.kvm_arch_vcpu_destroy(vcpu);
        if (vcpu.dirty_ring is { } ring)
            DirtyRing.kvm_dirty_ring_free(ring);
        put_page(vcpu.pio_page);
        put_page(vcpu.run_page);
    }

    /// <returns>A descriptor; -EINVAL for an id or a number of vCPUs beyond the limit, -EEXIST for a taken id, -ENOMEM.</returns>
    [MightSleep]
    private static int kvm_vm_ioctl_create_vcpu(kvm kvm, ulong id)
    {
        KvmArch arch = kvm.arch_ops;

        // The id is an int in the interface but unsigned in its range; nothing above it is accepted.
        if (id >= (ulong)arch.KVM_MAX_VCPU_IDS)
            return -EINVAL;

        mutex_lock(kvm.@lock);
        if (kvm.created_vcpus >= kvm.max_vcpus)
        {
            mutex_unlock(kvm.@lock);
            return -EINVAL;
        }

        int r = arch.kvm_arch_vcpu_precreate(kvm, (uint)id);
        if (r != 0)
        {
            mutex_unlock(kvm.@lock);
            return r;
        }

        kvm.created_vcpus++;
        mutex_unlock(kvm.@lock);

        page run_page = should_fail(kvm.kernel, "kvm_vcpu") ? default : alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
        if (run_page.IS_NULL)
        {
            r = -ENOMEM;
            goto vcpu_decrement;
        }

        page pio_page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
        if (pio_page.IS_NULL)
        {
            r = -ENOMEM;
            goto vcpu_free_run_page;
        }

        var vcpu = new kvm_vcpu(kvm, (uint)id) { run_page = run_page, pio_page = pio_page };
        r = arch.kvm_arch_vcpu_create(vcpu);
        if (r != 0)
            goto vcpu_free_pio_page;
        if (kvm.dirty_ring_size != 0)
        {
            r = DirtyRing.kvm_dirty_ring_alloc(kvm, out vcpu.dirty_ring, kvm.dirty_ring_size);
            if (r != 0)
                goto arch_vcpu_destroy;
        }

        mutex_lock(kvm.@lock);
        foreach (kvm_vcpu other in kvm.vcpu_array)
        {
            if (other.vcpu_id != (uint)id)
                continue;
            r = -EEXIST;
            goto unlock_vcpu_destroy;
        }

        vcpu.vcpu_idx = kvm.online_vcpus;

        // The descriptor pins the VM from the moment user space can see it.
        kvm_get_kvm(kvm);
        r = create_vcpu_fd(vcpu);
        if (r < 0)
        {
            kvm_put_kvm_no_destroy(kvm);
            goto unlock_vcpu_destroy;
        }

        HandOver(kvm, to: "the descriptor");
        kvm.vcpu_array.Add(vcpu);

        // Release: whoever reads the number finds the vCPUs below it.
        Volatile.Write(ref kvm.online_vcpus, kvm.online_vcpus + 1);
        mutex_unlock(kvm.@lock);
        return r;

    unlock_vcpu_destroy:
        mutex_unlock(kvm.@lock);
        if (vcpu.dirty_ring is { } ring)
            DirtyRing.kvm_dirty_ring_free(ring);
    arch_vcpu_destroy:
        arch.kvm_arch_vcpu_destroy(vcpu);
    vcpu_free_pio_page:
        put_page(pio_page);
    vcpu_free_run_page:
        put_page(run_page);
    vcpu_decrement:
        mutex_lock(kvm.@lock);
        kvm.created_vcpus--;
        mutex_unlock(kvm.@lock);
        return r;
    }

    [MustCheck]
    private static int create_vcpu_fd(kvm_vcpu vcpu)
    {
        int fd = get_unused_fd_flags(O_CLOEXEC);
        if (fd < 0)
            return fd;
        ErrPtr<@file> file = anon_inode_getfile(vcpu.kvm.kernel, $"kvm-vcpu:{vcpu.vcpu_id}", kvm_vcpu_fops, vcpu, O_RDWR);
        if (IS_ERR(@file))
        {
            put_unused_fd(fd);
            return PTR_ERR(@file);
        }

        fd_install(fd, file.Value);
        return fd;
    }

    /// <returns>-EINTR when the vCPU need not wait any longer.</returns>
    private static int kvm_vcpu_check_block(kvm_vcpu vcpu)
    {
        if (vcpu.kvm.arch_ops.kvm_arch_vcpu_runnable(vcpu) || signal_pending(current) || kvm_check_request(KVM_REQ_UNBLOCK, vcpu))
            return -EINTR;
        return 0;
    }

    /// <summary>Sleeps until the guest has an interrupt to take, or the task a signal. A dead VM wakes nobody: its vCPUs are no use to wake.</summary>
    [MightSleep]
    internal static void kvm_vcpu_block(kvm_vcpu vcpu)
    {
        prepare_to_rcuwait(vcpu.wait);
        while (true)
        {
            set_current_state(TASK_INTERRUPTIBLE);
            if (kvm_vcpu_check_block(vcpu) < 0)
                break;
            schedule();
        }

        finish_rcuwait(vcpu.wait);
    }

    [MightSleep]
    private static long kvm_vcpu_ioctl(@file filp, uint ioctl, ulong arg)
    {
        var vcpu = (kvm_vcpu)filp.private_data!;
        if (vcpu.kvm.mm != current.mm || vcpu.kvm.vm_dead)
            return -EIO;

        // Numbers of other subsystems are no business of a vCPU.
        if (((ioctl >> 8) & 0xff) != 0xAE)
            return -EINVAL;
        if (mutex_lock_killable(vcpu.mutex) != 0)
            return -EINTR;

        long r;
        current.kvm_running_vcpu = vcpu;
        switch (ioctl)
        {
            case KVM_RUN:
                r = arg != 0 ? -EINVAL : vcpu.kvm.arch_ops.kvm_arch_vcpu_ioctl_run(vcpu);
                break;
            case KVM_PRE_FAULT_MEMORY:
            {
                kvm_pre_fault_memory range;
                if (copy_from_user(&range, arg, (ulong)sizeof(kvm_pre_fault_memory)) != 0)
                {
                    r = -EFAULT;
                    break;
                }

                r = kvm_vcpu_pre_fault_memory(vcpu, ref range);

                // Written back whatever the result, so that the caller can go on from where it stopped.
                if (copy_to_user(arg, &range, (ulong)sizeof(kvm_pre_fault_memory)) != 0)
                    r = -EFAULT;
                break;
            }

            default:
                r = vcpu.kvm.arch_ops.kvm_arch_vcpu_ioctl(filp, ioctl, arg);
                break;
        }

        current.kvm_running_vcpu = null;
        mutex_unlock(vcpu.mutex);
        return r;
    }

    [MightSleep]
    private static int kvm_vcpu_pre_fault_memory(kvm_vcpu vcpu, ref kvm_pre_fault_memory range)
    {
        if (!vcpu.kvm.arch_ops.CONFIG_KVM_GENERIC_PRE_FAULT_MEMORY)
            return -EINVAL;
        if (range.flags != 0)
            return -EINVAL;
        if (!PAGE_ALIGNED(range.gpa) || !PAGE_ALIGNED(range.size) || unchecked(range.gpa + range.size) <= range.gpa)
            return -EINVAL;

        kvm_vcpu_srcu_read_lock(vcpu);
        ulong full_size = range.size;
        long r;
        do
        {
            if (signal_pending(current))
            {
                r = -EINTR;
                break;
            }

            r = vcpu.kvm.arch_ops.kvm_arch_vcpu_pre_fault_memory(vcpu, ref range);
            if (WARN_ON_ONCE(r == 0 || r == -EIO))
                break;
            if (r < 0)
                break;
            range.size -= (ulong)r;
            range.gpa += (ulong)r;
            cond_resched();
        }
        while (range.size != 0);
        kvm_vcpu_srcu_read_unlock(vcpu);

        // Progress is success; the caller sees in the range how far it went.
        return full_size == range.size ? (int)r : 0;
    }
}
