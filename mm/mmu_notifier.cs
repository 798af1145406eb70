// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/mmu_notifier.c, Linux 6.18.
namespace Linux;

// Whoever mirrors an address space's page tables elsewhere (KVM) subscribes here. Between invalidate_range_start and _end the subscriber
// must not establish anything new for the range; after start returned it holds nothing old.
//
// Lock order:
//
//   mmap_lock                  registration takes it for writing
//     kernel.mmu_notifier_srcu readers while calling back
//     subscriptions.lock       the list of subscribers
//
// invalidate_range_start and _end may be called with i_mmap_rwsem held instead of mmap_lock.

/// <summary>The subscribers of one address space.</summary>
internal sealed class mmu_notifier_subscriptions
{
    internal readonly spinlock_t @lock = new("&subscriptions->lock", "mmu_notifier.c");

    /// <summary>Replaced, never changed: readers under SRCU see one version. Newest first, as a hash list is.</summary>
    [GuardedBy(nameof(@lock))]
    internal mmu_notifier[] list = [];
}

internal sealed partial class Kernel
{
    /// <summary>Readers are in callbacks of subscribers; who leaves waits for them.</summary>
    internal srcu_struct mmu_notifier_srcu = null!;
}

internal static class MmuNotifier
{
    private const uint MMU_NOTIFIER_RANGE_BLOCKABLE = 1 << 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool mm_has_notifiers(mm_struct mm) => mm.notifier_subscriptions is { } s && Volatile.Read(ref s.list).Length != 0;

    internal static void mmu_notifier_range_init(ref mmu_notifier_range range, mmu_notifier_event @event, uint flags, mm_struct mm, ulong start, ulong end)
    {
        range.@event = @event;
        range.mm = mm;
        range.start = start;
        range.end = end;
        range.flags = flags;
    }

    internal static bool mmu_notifier_range_blockable(in mmu_notifier_range range) => (range.flags & MMU_NOTIFIER_RANGE_BLOCKABLE) != 0;

    [MightSleep]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void mmu_notifier_invalidate_range_start(ref mmu_notifier_range range)
    {
        might_sleep();
        if (mm_has_notifiers(range.mm))
        {
            range.flags |= MMU_NOTIFIER_RANGE_BLOCKABLE;
            _ = __mmu_notifier_invalidate_range_start(ref range);
        }
    }

    [MustCheck]
    internal static int mmu_notifier_invalidate_range_start_nonblock(ref mmu_notifier_range range)
    {
        if (!mm_has_notifiers(range.mm))
            return 0;
        range.flags &= ~MMU_NOTIFIER_RANGE_BLOCKABLE;
        return __mmu_notifier_invalidate_range_start(ref range);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void mmu_notifier_invalidate_range_end(ref mmu_notifier_range range)
    {
        if (mm_has_notifiers(range.mm))
            __mmu_notifier_invalidate_range_end(ref range);
    }

    /// <summary>Tells every subscriber that the range goes away. Only a call that may not block can fail, with -EAGAIN.</summary>
    internal static int __mmu_notifier_invalidate_range_start(ref mmu_notifier_range range)
    {
        srcu_struct srcu = range.mm.kernel.mmu_notifier_srcu;
        mmu_notifier_subscriptions subscriptions = range.mm.notifier_subscriptions!;
        int ret = 0;
        int id = srcu_read_lock(srcu);
        mmu_notifier[] list = Volatile.Read(ref subscriptions.list);
        foreach (mmu_notifier subscription in list)
        {
            if (subscription.ops.invalidate_range_start is not { } start)
                continue;
            int error = start(subscription, ref range);
            if (error != 0)
            {
                WARN_ON_ONCE(mmu_notifier_range_blockable(range) || error != -EAGAIN);
                ret = error;
            }
        }

        if (ret != 0)
        {
            // Nobody knows which subscribers went through with it, so all that did hear the end.
            foreach (mmu_notifier subscription in list)
            {
                if (subscription.ops.invalidate_range_start is null)
                    subscription.ops.invalidate_range_end?.Invoke(subscription, ref range);
            }
        }

        srcu_read_unlock(srcu, id);
        return ret;
    }

    internal static void __mmu_notifier_invalidate_range_end(ref mmu_notifier_range range)
    {
        srcu_struct srcu = range.mm.kernel.mmu_notifier_srcu;
        int id = srcu_read_lock(srcu);
        foreach (mmu_notifier subscription in Volatile.Read(ref range.mm.notifier_subscriptions!.list))
            subscription.ops.invalidate_range_end?.Invoke(subscription, ref range);
        srcu_read_unlock(srcu, id);
    }

    internal static bool mmu_notifier_clear_flush_young(mm_struct mm, ulong start, ulong end) => Young(mm, start, end, static ops => ops.clear_flush_young);

    internal static bool mmu_notifier_clear_young(mm_struct mm, ulong start, ulong end) => Young(mm, start, end, static ops => ops.clear_young);

    internal static bool mmu_notifier_test_young(mm_struct mm, ulong start, ulong end) => Young(mm, start, end, static ops => ops.test_young);

    /// <summary>Subscribes. The subscription holds the structure of the address space, not its contents.</summary>
    /// <returns>0, or -ENOMEM, or -EINTR.</returns>
    [MightSleep]
    [MustCheck]
    internal static int mmu_notifier_register(mmu_notifier subscription, mm_struct mm)
    {
        down_write(mm.mmap_lock);
        int ret = __mmu_notifier_register(subscription, mm);
        up_write(mm.mmap_lock);
        return ret;
    }

    [MustHold("mm.mmap_lock")]
    [MustCheck]
    internal static int __mmu_notifier_register(mmu_notifier subscription, mm_struct mm)
    {
        BUG_ON(Volatile.Read(ref mm.mm_users) <= 0);
        if (should_fail(mm.kernel, "mmu_notifier_register"))
            return -ENOMEM;
        mmu_notifier_subscriptions subscriptions = mm.notifier_subscriptions ?? new mmu_notifier_subscriptions();

        // Whoever invalidates tells of the begin and of the end: a subscriber must not come in between and hear the end only.
        int ret = mm_take_all_locks(mm);
        if (ret != 0)
            return ret;
        Volatile.Write(ref mm.notifier_subscriptions, subscriptions);
        mmgrab(mm);
        subscription.mm = mm;
        spin_lock(subscriptions.@lock);
        Volatile.Write(ref subscriptions.list, [subscription, .. subscriptions.list]);
        spin_unlock(subscriptions.@lock);
        mm_drop_all_locks(mm);
        return 0;
    }

    /// <summary>Ends a subscription: calls release, unless the address space died before, and waits for all callbacks.</summary>
    [MightSleep]
    internal static void mmu_notifier_unregister(mmu_notifier subscription, mm_struct mm)
    {
        BUG_ON(Volatile.Read(ref mm.mm_count) <= 0);
        srcu_struct srcu = mm.kernel.mmu_notifier_srcu;
        mmu_notifier_subscriptions subscriptions = mm.notifier_subscriptions!;
        if (Array.IndexOf(Volatile.Read(ref subscriptions.list), subscription) >= 0)
        {
            int id = srcu_read_lock(srcu);
            subscription.ops.release?.Invoke(subscription, mm);
            srcu_read_unlock(srcu, id);
            Unhash(subscriptions, subscription);
        }

        synchronize_srcu(srcu);
        BUG_ON(Volatile.Read(ref mm.mm_count) <= 0);
        mmdrop(mm);
    }

    /// <summary>The address space dies: all subscribers drop everything they mirror, before the pages go.</summary>
    [MightSleep]
    internal static void __mmu_notifier_release(mm_struct mm)
    {
        srcu_struct srcu = mm.kernel.mmu_notifier_srcu;
        mmu_notifier_subscriptions subscriptions = mm.notifier_subscriptions!;
        int id = srcu_read_lock(srcu);
        mmu_notifier[] list = Volatile.Read(ref subscriptions.list);
        foreach (mmu_notifier subscription in list)
            subscription.ops.release?.Invoke(subscription, mm);
        foreach (mmu_notifier subscription in list)
            Unhash(subscriptions, subscription);
        srcu_read_unlock(srcu, id);

        // An unregister that runs at the same time must not free its subscriber under a release.
        synchronize_srcu(srcu);
    }

    internal static void mmu_notifier_release(mm_struct mm)
    {
        if (mm_has_notifiers(mm))
            __mmu_notifier_release(mm);
    }

    private static void Unhash(mmu_notifier_subscriptions subscriptions, mmu_notifier subscription)
    {
        spin_lock(subscriptions.@lock);
        mmu_notifier[] list = subscriptions.list;
        int at = Array.IndexOf(list, subscription);
        if (at >= 0)
            Volatile.Write(ref subscriptions.list, [.. list[..at], .. list[(at + 1)..]]);
        spin_unlock(subscriptions.@lock);
    }

    private static bool Young(mm_struct mm, ulong start, ulong end, Func<mmu_notifier_ops, notifier_young_t?> op)
    {
        if (!mm_has_notifiers(mm))
            return false;
        srcu_struct srcu = mm.kernel.mmu_notifier_srcu;
        bool young = false;
        int id = srcu_read_lock(srcu);
        foreach (mmu_notifier subscription in Volatile.Read(ref mm.notifier_subscriptions!.list))
            young |= op(subscription.ops)?.Invoke(subscription, mm, start, end) ?? false;
        srcu_read_unlock(srcu, id);
        return young;
    }
}
