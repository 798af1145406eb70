// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/percpu.h, Linux 6.18.
namespace Linux;

/// <summary>One variable for each CPU, on cache lines of its own.</summary>
internal sealed class percpu<T>
    where T : struct
{
    // Neighbours stay at least a line apart whatever T is; the first slots keep the array header off the line of CPU 0.
    private readonly T[] slots;
    private readonly int stride;

    internal percpu(Kernel kernel)
    {
        this.stride = Math.Max(1, (64 + Unsafe.SizeOf<T>() - 1) / Unsafe.SizeOf<T>());
        this.slots = new T[(kernel.nr_cpu_ids + 1) * this.stride];
    }

    internal int Length => (this.slots.Length / this.stride) - 1;

    internal ref T this[int cpu] => ref this.slots[(cpu + 1) * this.stride];
}

internal static class PercpuH
{
    /// <summary>This CPU's copy. The caller keeps migration off while it uses it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ref T this_cpu_ptr<T>(percpu<T> p)
        where T : struct => ref p[current.rq.cpu];

    internal static ref T per_cpu_ptr<T>(percpu<T> p, int cpu)
        where T : struct => ref p[cpu];

    internal static ref T get_cpu_ptr<T>(percpu<T> p)
        where T : struct
    {
        preempt_disable();
        return ref p[current.rq.cpu];
    }

    internal static void put_cpu_ptr<T>(percpu<T> p)
        where T : struct => preempt_enable();
}
