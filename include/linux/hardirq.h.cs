// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/hardirq.h, Linux 6.18.
namespace Linux;

internal static class HardirqH
{
    /// <summary>The CPU takes an interrupt on top of what the task does: hardirq context, interrupts off. Returns what irq_exit() restores.</summary>
    internal static bool irq_enter()
    {
        task_struct task = current;
        bool saved = task.irqs_off;
        task.irqs_off = true;
        task.preempt_count += HARDIRQ_OFFSET;
        return saved;
    }

    internal static void irq_exit(bool irqsWereOff)
    {
        task_struct task = current;
        task.preempt_count -= HARDIRQ_OFFSET;
        task.irqs_off = irqsWereOff;
    }
}
