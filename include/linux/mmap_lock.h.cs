// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/mmap_lock.h, Linux 6.18.
namespace Linux;

/// <summary>
/// Assertions where an area was looked up: the analyzers cannot see that it belongs to the address space whose lock is held.
/// </summary>
internal static class MmapLockH
{
    [AssertsHeldShared("mm.mmap_lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void mmap_assert_locked(mm_struct mm) => lockdep_assert_held(mm.mmap_lock);

    [AssertsHeld("mm.mmap_lock")]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void mmap_assert_write_locked(mm_struct mm) => lockdep_assert_held_write(mm.mmap_lock);
}
