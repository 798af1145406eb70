// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/smp.h, Linux 6.18.
namespace Linux;

internal static class SmpH
{
    /// <summary>The CPU the caller runs on; only stable where migration is impossible.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int smp_processor_id() => current.rq.cpu;

    internal static int raw_smp_processor_id() => current.rq.cpu;

    internal static int get_cpu()
    {
        task_struct task = current;
        task.preempt_count += PREEMPT_OFFSET;
        return task.rq.cpu;
    }

    internal static void put_cpu() => preempt_enable();
}
