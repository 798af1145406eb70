// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/preempt.h, Linux 6.18.
namespace Linux;

internal static class PreemptH
{
    internal const int PREEMPT_OFFSET = 1;
    internal const int SOFTIRQ_OFFSET = 1 << 8;
    internal const int SOFTIRQ_DISABLE_OFFSET = 2 * SOFTIRQ_OFFSET;
    internal const int HARDIRQ_OFFSET = 1 << 16;
    internal const int NMI_OFFSET = 1 << 20;
    internal const int PREEMPT_MASK = 0xff;
    internal const int SOFTIRQ_MASK = 0xff << 8;
    internal const int HARDIRQ_MASK = 0xf << 16;
    internal const int NMI_MASK = 0xf << 20;

    internal static int preempt_count() => current.preempt_count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void preempt_disable() => current.preempt_count += PREEMPT_OFFSET;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void preempt_enable() => PreemptEnable(current);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void PreemptEnable(task_struct task)
    {
        if ((task.preempt_count & PREEMPT_MASK) == 0)
            Underflow();
        task.preempt_count -= PREEMPT_OFFSET;
    }

    internal static bool in_atomic() => current.preempt_count != 0;

    internal static bool preemptible()
    {
        task_struct task = current;
        return task.preempt_count == 0 && !task.irqs_off;
    }

    internal static bool in_hardirq() => (current.preempt_count & HARDIRQ_MASK) != 0;

    internal static bool in_serving_softirq() => (current.preempt_count & SOFTIRQ_OFFSET) != 0;

    internal static bool in_interrupt() => (current.preempt_count & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK)) != 0;

    internal static bool in_nmi() => (current.preempt_count & NMI_MASK) != 0;

    internal static bool in_task() => (current.preempt_count & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_OFFSET)) == 0;

    internal static void local_bh_disable() => current.preempt_count += SOFTIRQ_DISABLE_OFFSET;

    internal static void local_bh_enable()
    {
        task_struct task = current;
        if ((task.preempt_count & SOFTIRQ_MASK) < SOFTIRQ_DISABLE_OFFSET)
            Underflow();
        task.preempt_count -= SOFTIRQ_DISABLE_OFFSET;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Underflow() => throw new KernelOops("preempt_count underflow");
}
