// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/vmstat.h, Linux 6.18.
namespace Linux;

/// <summary>
/// Counters are per CPU and written by the task that owns the CPU only, so an increment is a plain add; a sum is taken by the reader.
/// </summary>
internal static unsafe class VmstatH
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void count_vm_event(vm_event_item item) => count_vm_events(current, item, 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void count_vm_events(vm_event_item item, long delta) => count_vm_events(current, item, delta);

    /// <summary>For hot paths that know the running task.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void count_vm_events(task_struct task, vm_event_item item, long delta) =>
        task.kernel.vm_event_states[((long)task.rq.cpu * Vmstat.CpuStride) + (long)item] += delta;

    /// <summary>Adds to a counter of the (only) memory node.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void mod_node_page_state(task_struct task, node_stat_item item, long delta) =>
        task.kernel.vm_node_stat[((long)task.rq.cpu * Vmstat.CpuStride) + (long)item] += delta;

    internal static void mod_node_page_state(node_stat_item item, long delta) => mod_node_page_state(current, item, delta);

    /// <summary>Sum over all CPUs; exact when no CPU is inside the kernel, a near miss otherwise.</summary>
    internal static long global_node_page_state(Kernel kernel, node_stat_item item) => Vmstat.Sum(kernel, kernel.vm_node_stat, (int)item);
}
