// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/vmstat.c, Linux 6.18.
namespace Linux;

internal sealed unsafe partial class Kernel
{
    /// <summary>Event counts, one row for each CPU. Native: rows must not share a cache line.</summary>
    internal long* vm_event_states;

    /// <summary>Counters of the memory node, one row of differences for each CPU.</summary>
    internal long* vm_node_stat;
}

internal static unsafe partial class Vmstat
{
    /// <summary>Counters from one CPU's row to the next.</summary>
    internal const int CpuStride = 64;

    internal static void init_mm_internals(Kernel kernel)
    {
        Debug.Assert((int)vm_event_item.NR_VM_EVENT_ITEMS <= CpuStride && (int)node_stat_item.NR_VM_NODE_STAT_ITEMS <= CpuStride, "rows overlap");
        nuint bytes = (nuint)(kernel.nr_cpu_ids * CpuStride * sizeof(long));
        kernel.vm_event_states = (long*)NativeMemory.AlignedAlloc(bytes, 64);
        kernel.vm_node_stat = (long*)NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(kernel.vm_event_states, bytes);
        NativeMemory.Clear(kernel.vm_node_stat, bytes);
        kernel.RegisterShutdown("vmstat", () =>
        {
            NativeMemory.AlignedFree(kernel.vm_event_states);
            NativeMemory.AlignedFree(kernel.vm_node_stat);
            kernel.vm_event_states = null;
            kernel.vm_node_stat = null;
        });
    }

    internal static long all_vm_events(Kernel kernel, vm_event_item item) => Sum(kernel, kernel.vm_event_states, (int)item);

    internal static long Sum(Kernel kernel, long* rows, int item)
    {
        long sum = 0;
        for (int cpu = 0; cpu < kernel.nr_cpu_ids; cpu++)
            sum += Volatile.Read(ref rows[(cpu * CpuStride) + item]);
        return sum;
    }
}
