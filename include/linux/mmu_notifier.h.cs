// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/mmu_notifier.h, Linux 6.18.
namespace Linux;

internal enum mmu_notifier_event
{
    MMU_NOTIFY_UNMAP = 0,
    MMU_NOTIFY_CLEAR,
    MMU_NOTIFY_PROTECTION_VMA,
    MMU_NOTIFY_PROTECTION_PAGE,
    MMU_NOTIFY_SOFT_DIRTY,
    MMU_NOTIFY_RELEASE,
    MMU_NOTIFY_MIGRATE,
    MMU_NOTIFY_EXCLUSIVE,
}

internal ref struct mmu_notifier_range
{
    internal mm_struct mm;
    internal ulong start;
    internal ulong end;
    internal uint flags;
    internal mmu_notifier_event @event;
}

internal delegate int invalidate_range_start_t(mmu_notifier subscription, ref mmu_notifier_range range);

internal delegate void invalidate_range_end_t(mmu_notifier subscription, ref mmu_notifier_range range);

internal delegate bool notifier_young_t(mmu_notifier subscription, mm_struct mm, ulong start, ulong end);

internal delegate void notifier_release_t(mmu_notifier subscription, mm_struct mm);

internal sealed class mmu_notifier_ops
{
    internal notifier_release_t? release { get; init; }

    internal notifier_young_t? clear_flush_young { get; init; }

    internal notifier_young_t? clear_young { get; init; }

    internal notifier_young_t? test_young { get; init; }

    internal invalidate_range_start_t? invalidate_range_start { get; init; }

    internal invalidate_range_end_t? invalidate_range_end { get; init; }
}

/// <summary>One subscription to an address space's changes.</summary>
internal sealed class mmu_notifier
{
    internal required mmu_notifier_ops ops { get; init; }

    internal mm_struct? mm;

    /// <summary>The subscriber, what container_of() yields in C.</summary>
    internal object? Owner { get; init; }
}
