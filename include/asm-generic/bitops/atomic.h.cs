// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/asm-generic/bitops/atomic.h, Linux 6.18.
namespace Linux;

// On unsigned longs, in native memory or in fields. A bit number beyond 63 reaches into the following words, as in C, so only through a pointer.
internal static unsafe class BitopsAtomicH
{
    internal const int BITS_PER_LONG = 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void set_bit(int nr, ulong* p)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        Interlocked.Or(ref p[(uint)nr / BITS_PER_LONG], 1UL << nr);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void clear_bit(int nr, ulong* p)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        Interlocked.And(ref p[(uint)nr / BITS_PER_LONG], ~(1UL << nr));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool test_bit(int nr, ulong* p) => (Volatile.Read(ref p[(uint)nr / BITS_PER_LONG]) & (1UL << nr)) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool test_and_set_bit(int nr, ulong* p)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        ref ulong word = ref p[(uint)nr / BITS_PER_LONG];
        ulong mask = 1UL << nr;
        return (Volatile.Read(ref word) & mask) != 0 || (Interlocked.Or(ref word, mask) & mask) != 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool test_and_clear_bit(int nr, ulong* p)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        ref ulong word = ref p[(uint)nr / BITS_PER_LONG];
        ulong mask = 1UL << nr;
        return (Volatile.Read(ref word) & mask) != 0 && (Interlocked.And(ref word, ~mask) & mask) != 0;
    }

    internal static void set_bit(int nr, ref ulong word)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        Interlocked.Or(ref word, 1UL << nr);
    }

    internal static void clear_bit(int nr, ref ulong word)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        Interlocked.And(ref word, ~(1UL << nr));
    }

    internal static bool test_bit(int nr, ref ulong word) => (Volatile.Read(ref word) & (1UL << nr)) != 0;

    internal static bool test_and_set_bit(int nr, ref ulong word)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        return (Interlocked.Or(ref word, 1UL << nr) & (1UL << nr)) != 0;
    }

    internal static bool test_and_clear_bit(int nr, ref ulong word)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        return (Interlocked.And(ref word, ~(1UL << nr)) & (1UL << nr)) != 0;
    }

    /// <summary>Takes a bit as a lock; acquire on success.</summary>
    [MustCheck]
    internal static bool test_and_set_bit_lock(int nr, ulong* p) => test_and_set_bit(nr, p);

    /// <summary>Gives a bit lock back; release.</summary>
    internal static void clear_bit_unlock(int nr, ulong* p) => clear_bit(nr, p);

    internal static void __set_bit(int nr, ulong* p) => p[(uint)nr / BITS_PER_LONG] |= 1UL << nr;

    internal static void __clear_bit(int nr, ulong* p) => p[(uint)nr / BITS_PER_LONG] &= ~(1UL << nr);
}
