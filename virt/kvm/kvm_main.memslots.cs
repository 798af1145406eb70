// SPDX-License-Identifier: GPL-2.0-only
// Mirrors virt/kvm/kvm_main.c, Linux 6.18.
namespace Linux;

// Memslots. Each address space has two sets; readers see the published one under SRCU, an update works on the other one and swaps them.
//
//   create   other set: insert      swap, synchronize   old set: insert
//   delete   other set: mark INVALID  swap, synchronize, zap stage 2   other set: remove   swap, synchronize   remove
//
// Between the two swaps of a deletion a fault meets the INVALID slot and comes back later; after it no fault can install the old slot's
// pages, because every reader that saw the slot has left its SRCU section before the zap.
internal static partial class KvmMain
{
    internal const uint KVM_SET_USER_MEMORY_REGION_V1_FLAGS = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY;

    private static readonly Comparison<kvm_memory_slot> byGfn = static (a, b) => a.base_gfn.CompareTo(b.base_gfn);

    internal static kvm_memslots __kvm_memslots(kvm kvm, int as_id) => Volatile.Read(ref kvm.memslots[as_id]);

    internal static kvm_memslots kvm_memslots(kvm kvm) => __kvm_memslots(kvm, 0);

    internal static kvm_memory_slot? id_to_memslot(kvm_memslots slots, int id) => slots.id_hash.GetValueOrDefault((short)id);

    internal static bool kvm_memslots_empty(kvm_memslots slots) => slots.gfn_tree.Count == 0;

    internal static bool kvm_are_all_memslots_empty(kvm kvm)
    {
        for (int i = 0; i < kvm.arch_ops.kvm_arch_nr_memslot_as_ids(kvm); i++)
        {
            if (!kvm_memslots_empty(__kvm_memslots(kvm, i)))
                return false;
        }

        return true;
    }

    /// <summary>Index in gfn_tree of the first slot that ends above <paramref name="gfn"/>.</summary>
    internal static int kvm_memslot_iter_start(kvm_memslots slots, gfn_t gfn)
    {
        List<kvm_memory_slot> tree = slots.gfn_tree;
        int low = 0;
        int high = tree.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (tree[middle].base_gfn + tree[middle].npages > gfn)
                high = middle;
            else
                low = middle + 1;
        }

        return low;
    }

    internal static kvm_memory_slot? search_memslots(kvm_memslots slots, gfn_t gfn, bool approx)
    {
        int at = kvm_memslot_iter_start(slots, gfn);
        if (at < slots.gfn_tree.Count && slots.gfn_tree[at].base_gfn <= gfn)
            return slots.gfn_tree[at];
        return approx && at > 0 ? slots.gfn_tree[at - 1] : null;
    }

    internal static kvm_memory_slot? try_get_memslot(kvm_memory_slot? slot, gfn_t gfn) =>
        slot is not null && gfn >= slot.base_gfn && gfn < slot.base_gfn + slot.npages ? slot : null;

    internal static kvm_memory_slot? __gfn_to_memslot(kvm_memslots slots, gfn_t gfn)
    {
        kvm_memory_slot? slot = try_get_memslot(Volatile.Read(ref slots.last_used_slot), gfn);
        if (slot is not null)
            return slot;
        slot = search_memslots(slots, gfn, approx: false);
        if (slot is not null)
            Volatile.Write(ref slots.last_used_slot, slot);
        return slot;
    }

    internal static kvm_memory_slot? gfn_to_memslot(kvm kvm, gfn_t gfn) => __gfn_to_memslot(kvm_memslots(kvm), gfn);

    internal static kvm_memslots kvm_vcpu_memslots(kvm_vcpu vcpu) => __kvm_memslots(vcpu.kvm, 0);

    internal static kvm_memory_slot? kvm_vcpu_gfn_to_memslot(kvm_vcpu vcpu, gfn_t gfn) => __gfn_to_memslot(kvm_vcpu_memslots(vcpu), gfn);

    internal static bool kvm_is_visible_memslot(kvm_memory_slot? memslot) =>
        memslot is not null && memslot.id < memslot_user_limit(memslot) && (memslot.flags & KVM_MEMSLOT_INVALID) == 0;

    internal static bool kvm_is_visible_gfn(kvm kvm, gfn_t gfn) => kvm_is_visible_memslot(gfn_to_memslot(kvm, gfn));

    private static kvm_memslots kvm_get_inactive_memslots(kvm kvm, int as_id)
    {
        int node_idx_inactive = __kvm_memslots(kvm, as_id).node_idx ^ 1;
        return kvm.__memslots[as_id, node_idx_inactive];
    }

    private static int kvm_memslots_get_as_id(kvm_memory_slot? a, kvm_memory_slot? b)
    {
        BUG_ON(a is null && b is null);
        return a?.as_id ?? b!.as_id;
    }

    private static void kvm_insert_gfn_node(kvm_memslots slots, kvm_memory_slot slot)
    {
        int at = slots.gfn_tree.BinarySearch(slot, Comparer<kvm_memory_slot>.Create(byGfn));
        BUG_ON(at >= 0);
        slots.gfn_tree.Insert(~at, slot);
    }

    private static void kvm_erase_gfn_node(kvm_memslots slots, kvm_memory_slot slot)
    {
        int at = kvm_memslot_iter_start(slots, slot.base_gfn);
        BUG_ON(slots.gfn_tree[at] != slot);
        slots.gfn_tree.RemoveAt(at);
    }

    private static void kvm_replace_gfn_node(kvm_memslots slots, kvm_memory_slot old, kvm_memory_slot @new)
    {
        int at = kvm_memslot_iter_start(slots, old.base_gfn);
        WARN_ON_ONCE(old.base_gfn != @new.base_gfn);
        slots.gfn_tree[at] = @new;
    }

    /// <summary>Exchanges a slot in the set that is not published. Either may be null.</summary>
    [MustHold("kvm.slots_lock")]
    private static void kvm_replace_memslot(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new)
    {
        kvm_memslots slots = kvm_get_inactive_memslots(kvm, kvm_memslots_get_as_id(old, @new));
        if (old is not null)
        {
            slots.id_hash.Remove(old.id);
            slots.hva_tree.Remove(old);
            if (Volatile.Read(ref slots.last_used_slot) == old)
                Volatile.Write(ref slots.last_used_slot, @new);
            if (@new is null)
            {
                kvm_erase_gfn_node(slots, old);
                return;
            }
        }

        kvm_memory_slot slot = @new!;
        slots.hva_tree.Add(slot);
        slots.id_hash.Add(slot.id, slot);
        if (old is not null && old.base_gfn == slot.base_gfn)
        {
            kvm_replace_gfn_node(slots, old, slot);
            return;
        }

        if (old is not null)
            kvm_erase_gfn_node(slots, old);
        kvm_insert_gfn_node(slots, slot);
    }

    [MustCheck]
    private static int check_memory_region_flags(kvm kvm, in kvm_userspace_memory_region2 mem)
    {
        uint valid_flags = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_GUEST_MEMFD;

        // Private memory cannot be written by KVM, which dirty logging and the emulation of writes to read-only slots need.
        if ((mem.flags & KVM_MEM_GUEST_MEMFD) != 0)
            valid_flags &= ~KVM_MEM_LOG_DIRTY_PAGES;
        else if (kvm.arch_ops.kvm_arch_has_readonly_mem(kvm))
            valid_flags |= KVM_MEM_READONLY;
        return (mem.flags & ~valid_flags) != 0 ? -EINVAL : 0;
    }

    [MightSleep]
    [MustHold("kvm.slots_lock")]
    [Releases("kvm.slots_arch_lock")]
    private static void kvm_swap_active_memslots(kvm kvm, int as_id)
    {
        kvm_memslots slots = kvm_get_inactive_memslots(kvm, as_id);

        // Whoever caches by generation must not cache during the change.
        ulong gen = __kvm_memslots(kvm, as_id).generation;
        WARN_ON_ONCE((gen & KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS) != 0);
        slots.generation = gen | KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS;

        // A notifier's begin and end must see the same slots: wait until none is between the two.
        spin_lock(kvm.mn_invalidate_lock);
        prepare_to_rcuwait(kvm.mn_memslots_update_rcuwait);
        while (kvm.mn_active_invalidate_count != 0)
        {
            set_current_state(TASK_UNINTERRUPTIBLE);
            spin_unlock(kvm.mn_invalidate_lock);
            schedule();
            spin_lock(kvm.mn_invalidate_lock);
        }

        finish_rcuwait(kvm.mn_memslots_update_rcuwait);

        // Release: pairs with the reads in __kvm_memslots(); who sees the set sees its slots.
        Volatile.Write(ref kvm.memslots[as_id], slots);
        spin_unlock(kvm.mn_invalidate_lock);

        // Before the wait below: a vCPU that flushes its shadow needs the lock, and is inside SRCU.
        mutex_unlock(kvm.slots_arch_lock);
        synchronize_srcu_expedited(kvm.srcu);

        gen = slots.generation & ~KVM_MEMSLOT_GEN_UPDATE_IN_PROGRESS;
        gen += (ulong)kvm.arch_ops.kvm_arch_nr_memslot_as_ids(kvm);
        kvm.arch_ops.kvm_arch_memslots_updated(kvm, gen);
        slots.generation = gen;
    }

    [MustHold("kvm.slots_lock")]
    [MustCheck]
    [MightSleep]
    private static int kvm_prepare_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change)
    {
        // The bitmap is shared by an old and a new slot of which only one survives.
        if (change != kvm_mr_change.KVM_MR_DELETE)
        {
            if ((@new!.flags & KVM_MEM_LOG_DIRTY_PAGES) == 0)
            {
                @new.dirty_bitmap = null;
            }
            else if (old?.dirty_bitmap is not null)
            {
                @new.dirty_bitmap = old.dirty_bitmap;
            }
            else if (kvm_use_dirty_bitmap(kvm))
            {
                int err = kvm_alloc_dirty_bitmap(kvm, @new);
                if (err != 0)
                    return err;
                if (kvm_dirty_log_manual_protect_and_init_set(kvm))
                    bitmap_set(@new.dirty_bitmap!, @new.npages);
            }
        }

        int r = kvm.arch_ops.kvm_arch_prepare_memory_region(kvm, old, @new, change);
        if (r != 0 && @new is not null && @new.dirty_bitmap is not null && old?.dirty_bitmap is null)
            kvm_destroy_dirty_bitmap(@new);
        return r;
    }

    [MustHold("kvm.slots_lock")]
    private static void kvm_commit_memory_region(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change)
    {
        if (change == kvm_mr_change.KVM_MR_DELETE)
            kvm.nr_memslot_pages -= old!.npages;
        else if (change == kvm_mr_change.KVM_MR_CREATE)
            kvm.nr_memslot_pages += @new!.npages;

        kvm.arch_ops.kvm_arch_commit_memory_region(kvm, old, @new, change);

        switch (change)
        {
            case kvm_mr_change.KVM_MR_CREATE:
                break;
            case kvm_mr_change.KVM_MR_DELETE:
                kvm_free_memslot(kvm, old!);
                break;
            default:
                // What the old slot owned went to the new one, but for a bitmap that the new one does not want.
                if (old!.dirty_bitmap is not null && @new!.dirty_bitmap is null)
                    kvm_destroy_dirty_bitmap(old);
                break;
        }
    }

    /// <summary>Publishes the prepared set and brings the other one up to date.</summary>
    [MightSleep]
    [MustHold("kvm.slots_lock")]
    [Releases("kvm.slots_arch_lock")]
    private static void kvm_activate_memslot(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new)
    {
        int as_id = kvm_memslots_get_as_id(old, @new);
        kvm_swap_active_memslots(kvm, as_id);
        kvm_replace_memslot(kvm, old, @new);
    }

    private static void kvm_copy_memslot(kvm_memory_slot dest, kvm_memory_slot src)
    {
        dest.base_gfn = src.base_gfn;
        dest.npages = src.npages;
        dest.dirty_bitmap = src.dirty_bitmap;
        dest.arch = src.arch;
        dest.userspace_addr = src.userspace_addr;
        dest.flags = src.flags;
        dest.id = src.id;
        dest.as_id = src.as_id;
    }

    /// <summary>Puts an INVALID copy in the slot's place, waits for readers and zaps; slots_arch_lock is dropped and taken again.</summary>
    [MightSleep]
    [MustHold("kvm.slots_lock", "kvm.slots_arch_lock")]
    private static void kvm_invalidate_memslot(kvm kvm, kvm_memory_slot old, kvm_memory_slot invalid_slot)
    {
        kvm_copy_memslot(invalid_slot, old);
        invalid_slot.flags |= KVM_MEMSLOT_INVALID;
        kvm_replace_memslot(kvm, old, invalid_slot);
        kvm_swap_active_memslots(kvm, old.as_id);

        // From here no fault can use the slot: what is mapped is all there will ever be.
        kvm.arch_ops.kvm_arch_flush_shadow_memslot(kvm, old);
        mutex_lock(kvm.slots_arch_lock);
        old.arch = invalid_slot.arch;
    }

    [MightSleep]
    [MustHold("kvm.slots_lock")]
    [Releases("kvm.slots_arch_lock")]
    private static void kvm_create_memslot(kvm kvm, kvm_memory_slot @new)
    {
        kvm_replace_memslot(kvm, null, @new);
        kvm_activate_memslot(kvm, null, @new);
    }

    [MightSleep]
    [MustHold("kvm.slots_lock")]
    [Releases("kvm.slots_arch_lock")]
    private static void kvm_delete_memslot(kvm kvm, kvm_memory_slot old, kvm_memory_slot invalid_slot)
    {
        kvm_replace_memslot(kvm, old, null);
        kvm_activate_memslot(kvm, invalid_slot, null);
    }

    [MightSleep]
    [MustHold("kvm.slots_lock")]
    [Releases("kvm.slots_arch_lock")]
    private static void kvm_move_memslot(kvm kvm, kvm_memory_slot old, kvm_memory_slot @new, kvm_memory_slot invalid_slot)
    {
        kvm_replace_memslot(kvm, old, @new);
        kvm_activate_memslot(kvm, invalid_slot, @new);
    }

    [MightSleep]
    [MustHold("kvm.slots_lock")]
    [Releases("kvm.slots_arch_lock")]
    private static void kvm_update_flags_memslot(kvm kvm, kvm_memory_slot old, kvm_memory_slot @new)
    {
        kvm_replace_memslot(kvm, old, @new);
        kvm_activate_memslot(kvm, old, @new);
    }

    [MustCheck]
    [MightSleep]
    [MustHold("kvm.slots_lock")]
    private static int kvm_set_memslot(kvm kvm, kvm_memory_slot? old, kvm_memory_slot? @new, kvm_mr_change change)
    {
        // Faults that look at slot metadata under slots_arch_lock must not see it half changed.
        mutex_lock(kvm.slots_arch_lock);

        kvm_memory_slot? invalid_slot = null;
        bool invalidates = change is kvm_mr_change.KVM_MR_DELETE or kvm_mr_change.KVM_MR_MOVE;
        if (invalidates)
        {
            if (should_fail(kvm.kernel, "kvm_memory_slot"))
            {
                mutex_unlock(kvm.slots_arch_lock);
                return -ENOMEM;
            }

            invalid_slot = new kvm_memory_slot();
            kvm_invalidate_memslot(kvm, old!, invalid_slot);
        }

        int r = kvm_prepare_memory_region(kvm, old, @new, change);
        if (r != 0)
        {
            // The inactive set still holds the old slot: publishing it brings the slot back in both.
            if (invalidates)
                kvm_activate_memslot(kvm, invalid_slot, old);
            else
                mutex_unlock(kvm.slots_arch_lock);
            return r;
        }

        switch (change)
        {
            case kvm_mr_change.KVM_MR_CREATE:
                kvm_create_memslot(kvm, @new!);
                break;
            case kvm_mr_change.KVM_MR_DELETE:
                kvm_delete_memslot(kvm, old!, invalid_slot!);
                break;
            case kvm_mr_change.KVM_MR_MOVE:
                kvm_move_memslot(kvm, old!, @new!, invalid_slot!);
                break;
            default:
                kvm_update_flags_memslot(kvm, old!, @new!);
                break;
        }

        // No slot can be in use by a reader of the old set any more.
        kvm_commit_memory_region(kvm, old, @new, change);
        return 0;
    }

    private static bool kvm_check_memslot_overlap(kvm_memslots slots, int id, gfn_t start, gfn_t end)
    {
        for (int i = kvm_memslot_iter_start(slots, start); i < slots.gfn_tree.Count && slots.gfn_tree[i].base_gfn < end; i++)
        {
            if (slots.gfn_tree[i].id != id)
                return true;
        }

        return false;
    }

    /// <summary>Creates, deletes, moves or changes a slot.</summary>
    [MustCheck]
    [MightSleep]
    [MustHold("kvm.slots_lock")]
    private static int kvm_set_memory_region(kvm kvm, in kvm_userspace_memory_region2 mem)
    {
        int r = check_memory_region_flags(kvm, in mem);
        if (r != 0)
            return r;

        int as_id = (int)(mem.slot >> 16);
        int id = (ushort)mem.slot;
        if ((mem.memory_size & (PAGE_SIZE - 1)) != 0)
            return -EINVAL;
        if ((mem.guest_phys_addr & (PAGE_SIZE - 1)) != 0)
            return -EINVAL;
        if ((mem.userspace_addr & (PAGE_SIZE - 1)) != 0 || !access_ok(kvm.kernel, mem.userspace_addr, mem.memory_size))
            return -EINVAL;
        if ((mem.flags & KVM_MEM_GUEST_MEMFD) != 0 &&
            ((mem.guest_memfd_offset & (PAGE_SIZE - 1)) != 0 || unchecked(mem.guest_memfd_offset + mem.memory_size) < mem.guest_memfd_offset))
            return -EINVAL;
        if (as_id >= kvm.arch_ops.kvm_arch_nr_memslot_as_ids(kvm) || id >= KVM_MEM_SLOTS_NUM)
            return -EINVAL;
        if (unchecked(mem.guest_phys_addr + mem.memory_size) < mem.guest_phys_addr)
            return -EINVAL;
        if ((mem.memory_size >> PAGE_SHIFT) > KVM_MEM_MAX_NR_PAGES)
            return -EINVAL;

        kvm_memslots slots = __kvm_memslots(kvm, as_id);

        // The ioctl holds slots_lock, so the published set cannot change under the lookup.
        kvm_memory_slot? old = id_to_memslot(slots, id);
        if (mem.memory_size == 0)
        {
            if (old is null || old.npages == 0)
                return -EINVAL;
            if (WARN_ON_ONCE(kvm.nr_memslot_pages < old.npages))
                return -EIO;
            return kvm_set_memslot(kvm, old, null, kvm_mr_change.KVM_MR_DELETE);
        }

        var base_gfn = new gfn_t(mem.guest_phys_addr >> PAGE_SHIFT);
        ulong npages = mem.memory_size >> PAGE_SHIFT;
        kvm_mr_change change;
        if (old is null || old.npages == 0)
        {
            change = kvm_mr_change.KVM_MR_CREATE;
            if (unchecked(kvm.nr_memslot_pages + npages) < kvm.nr_memslot_pages)
                return -EINVAL;
        }
        else
        {
            // A slot with guest_memfd can only be deleted.
            if ((mem.flags & KVM_MEM_GUEST_MEMFD) != 0)
                return -EINVAL;
            if (mem.userspace_addr != old.userspace_addr || npages != old.npages ||
                ((mem.flags ^ old.flags) & (KVM_MEM_READONLY | KVM_MEM_GUEST_MEMFD)) != 0)
                return -EINVAL;
            if (base_gfn != old.base_gfn)
                change = kvm_mr_change.KVM_MR_MOVE;
            else if (mem.flags != old.flags)
                change = kvm_mr_change.KVM_MR_FLAGS_ONLY;
            else
                return 0;
        }

        if (change is kvm_mr_change.KVM_MR_CREATE or kvm_mr_change.KVM_MR_MOVE && kvm_check_memslot_overlap(slots, id, base_gfn, base_gfn + npages))
            return -EEXIST;

        if (should_fail(kvm.kernel, "kvm_memory_slot"))
            return -ENOMEM;
        var @new = new kvm_memory_slot
        {
            as_id = (ushort)as_id,
            id = (short)id,
            base_gfn = base_gfn,
            npages = npages,
            flags = mem.flags,
            userspace_addr = mem.userspace_addr,
        };
        if ((mem.flags & KVM_MEM_GUEST_MEMFD) != 0)
        {
            r = kvm_gmem_bind(kvm, @new, mem.guest_memfd, (long)mem.guest_memfd_offset);
            if (r != 0)
                return r;
        }

        r = kvm_set_memslot(kvm, old, @new, change);
        if (r != 0 && (mem.flags & KVM_MEM_GUEST_MEMFD) != 0)
            kvm_gmem_unbind(@new);
        return r;
    }

    [MustCheck]
    [MightSleep]
    internal static int kvm_vm_ioctl_set_memory_region(kvm kvm, in kvm_userspace_memory_region2 mem)
    {
        if ((ushort)mem.slot >= kvm.arch_ops.KVM_USER_MEM_SLOTS)
            return -EINVAL;
        mutex_lock(kvm.slots_lock);
        int r = kvm_set_memory_region(kvm, in mem);
        mutex_unlock(kvm.slots_lock);
        return r;
    }

    private static void kvm_free_memslot(kvm kvm, kvm_memory_slot slot)
    {
        if ((slot.flags & KVM_MEM_GUEST_MEMFD) != 0)
            kvm_gmem_unbind(slot);
        kvm_destroy_dirty_bitmap(slot);
        kvm.arch_ops.kvm_arch_free_memslot(kvm, slot);
    }

    /// <summary>Frees one set's slots; the two sets share them, so only the set that is handed over as owner frees.</summary>
    private static void kvm_free_memslots(kvm kvm, kvm_memslots slots)
    {
        foreach (kvm_memory_slot memslot in slots.gfn_tree)
            kvm_free_memslot(kvm, memslot);
        slots.gfn_tree.Clear();
        slots.hva_tree.Clear();
        slots.id_hash.Clear();
    }

    private static void bitmap_set(ulong[] map, ulong bits)
    {
        for (ulong i = 0; i < bits; i += 64)
            map[i / 64] = bits - i >= 64 ? ulong.MaxValue : (1UL << (int)(bits - i)) - 1;
    }
}
