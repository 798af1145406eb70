// SPDX-License-Identifier: GPL-2.0-only
// Mirrors virt/kvm/kvm_main.c, Linux 6.18.
namespace Linux;

/// <summary>Per-VM memory attributes, kept by guest frame and independent of memslots.</summary>
internal static partial class KvmMain
{
    private static ulong kvm_supported_mem_attributes(Kernel kernel, kvm? kvm)
    {
        if (!kernel.arch.Kvm.CONFIG_KVM_GENERIC_MEMORY_ATTRIBUTES)
            return 0;
        return kvm is null || kernel.arch.Kvm.kvm_arch_has_private_mem(kvm) ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0;
    }

    internal static ulong kvm_get_memory_attributes(kvm kvm, gfn_t gfn) => xa_to_value(xa_load(kvm.mem_attr_array, gfn.Value));

    internal static bool kvm_mem_is_private(kvm kvm, gfn_t gfn) =>
        kvm.arch_ops.kvm_arch_has_private_mem(kvm) && (kvm_get_memory_attributes(kvm, gfn) & KVM_MEMORY_ATTRIBUTE_PRIVATE) != 0;

    /// <summary>Whether every frame of [start, end) has exactly the attributes, of those in <paramref name="mask"/>.</summary>
    internal static bool kvm_range_has_memory_attributes(kvm kvm, gfn_t start, gfn_t end, ulong mask, ulong attrs)
    {
        mask &= kvm_supported_mem_attributes(kvm.kernel, kvm);
        if ((attrs & ~mask) != 0)
            return false;
        if (end == start + 1)
            return (kvm_get_memory_attributes(kvm, start) & mask) == attrs;

        ulong index = start.Value;
        if (attrs == 0)
        {
            // An absent entry is 0, so any entry with a bit of the mask decides.
            for (nuint entry = xa_find(kvm.mem_attr_array, ref index, end.Value - 1); entry != 0; entry = xa_find_after(kvm.mem_attr_array, ref index, end.Value - 1))
            {
                if ((xa_to_value(entry) & mask) != 0)
                    return false;
            }

            return true;
        }

        for (ulong gfn = start.Value; gfn < end.Value; gfn++)
        {
            nuint entry = xa_load(kvm.mem_attr_array, gfn);
            if (entry == 0 || (xa_to_value(entry) & mask) != attrs)
                return false;
        }

        return true;
    }

    private static void kvm_handle_gfn_range(
        kvm kvm, gfn_t start, gfn_t end, ulong attributes, kvm_gfn_range_filter filter, gfn_handler_t handler, on_lock_fn_t on_lock, bool flush_on_ret)
    {
        bool found_memslot = false;
        bool ret = false;
        for (int i = 0; i < kvm.arch_ops.kvm_arch_nr_memslot_as_ids(kvm); i++)
        {
            kvm_memslots slots = __kvm_memslots(kvm, i);
            for (int at = kvm_memslot_iter_start(slots, start); at < slots.gfn_tree.Count && slots.gfn_tree[at].base_gfn < end; at++)
            {
                kvm_memory_slot slot = slots.gfn_tree[at];
                var gfn_range = new kvm_gfn_range
                {
                    slot = slot,
                    start = start > slot.base_gfn ? start : slot.base_gfn,
                    end = end < slot.base_gfn + slot.npages ? end : slot.base_gfn + slot.npages,
                    attributes = attributes,
                    attr_filter = filter,
                    may_block = true,
                };
                if (gfn_range.start >= gfn_range.end)
                    continue;
                if (!found_memslot)
                {
                    found_memslot = true;
                    KVM_MMU_LOCK(kvm);
                    on_lock(kvm);
                }

                ret |= handler(kvm, in gfn_range);
            }
        }

        if (flush_on_ret && ret)
            kvm_flush_remote_tlbs(kvm);
        if (found_memslot)
            KVM_MMU_UNLOCK(kvm);
    }

    [MustHold("kvm.mmu_lock")]
    private static bool kvm_pre_set_memory_attributes(kvm kvm, in kvm_gfn_range range)
    {
        // Unconditionally: the architecture unmaps with attributes in mind, and a fault must retry even where nothing was mapped.
        kvm_mmu_invalidate_range_add(kvm, range.start, range.end);
        return kvm.arch_ops.kvm_arch_pre_set_memory_attributes(kvm, in range);
    }

    [MustHold("kvm.mmu_lock")]
    private static bool kvm_post_set_memory_attributes(kvm kvm, in kvm_gfn_range range) => kvm.arch_ops.kvm_arch_post_set_memory_attributes(kvm, in range);

    /// <summary>Sets the attributes of [start, end): all of them, or, on -ENOMEM, none.</summary>
    [MustCheck]
    [MightSleep]
    private static int kvm_vm_set_mem_attributes(kvm kvm, gfn_t start, gfn_t end, ulong attributes)
    {
        nuint entry = attributes != 0 ? xa_mk_value(attributes) : 0;
        kvm_gfn_range_filter filter = (attributes & KVM_MEMORY_ATTRIBUTE_PRIVATE) != 0 ? kvm_gfn_range_filter.KVM_FILTER_SHARED : kvm_gfn_range_filter.KVM_FILTER_PRIVATE;
        int r = 0;
        mutex_lock(kvm.slots_lock);
        if (kvm_range_has_memory_attributes(kvm, start, end, ulong.MaxValue, attributes))
            goto out_unlock;

        // Reserve first: from the first zap on there is no way back.
        for (gfn_t i = start; i < end; i++)
        {
            r = xa_reserve(kvm.mem_attr_array, i.Value, GFP_KERNEL_ACCOUNT);
            if (r != 0)
                goto out_unlock;
            cond_resched();
        }

        kvm_handle_gfn_range(kvm, start, end, attributes, filter, kvm_pre_set_memory_attributes, kvm_mmu_invalidate_begin, flush_on_ret: true);
        for (gfn_t i = start; i < end; i++)
        {
            r = xa_err(xa_store(kvm.mem_attr_array, i.Value, entry, GFP_KERNEL_ACCOUNT));
            KVM_BUG_ON(r != 0, kvm);
            cond_resched();
        }

        kvm_handle_gfn_range(kvm, start, end, attributes, filter, kvm_post_set_memory_attributes, kvm_mmu_invalidate_end, flush_on_ret: false);

    out_unlock:
        mutex_unlock(kvm.slots_lock);
        return r;
    }

    [MustCheck]
    [MightSleep]
    private static int kvm_vm_ioctl_set_mem_attributes(kvm kvm, in kvm_memory_attributes attrs)
    {
        if (attrs.flags != 0)
            return -EINVAL;
        if ((attrs.attributes & ~kvm_supported_mem_attributes(kvm.kernel, kvm)) != 0)
            return -EINVAL;
        if (attrs.size == 0 || unchecked(attrs.address + attrs.size) < attrs.address)
            return -EINVAL;
        if (!PAGE_ALIGNED(attrs.address) || !PAGE_ALIGNED(attrs.size))
            return -EINVAL;
        return kvm_vm_set_mem_attributes(kvm, new gfn_t(attrs.address >> PAGE_SHIFT), new gfn_t((attrs.address + attrs.size) >> PAGE_SHIFT), attrs.attributes);
    }
}
