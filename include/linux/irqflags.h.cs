// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/irqflags.h, Linux 6.18.
namespace Linux;

internal static class IrqflagsH
{
    internal static bool irqs_disabled() => current.irqs_off;

    internal static void local_irq_disable() => IrqOff(current);

    internal static void local_irq_enable() => IrqOn(current);

    internal static void local_irq_save(out ulong flags)
    {
        task_struct task = current;
        flags = task.irqs_off ? 0UL : 1UL;
        IrqOff(task);
    }

    internal static void local_irq_restore(ulong flags)
    {
        if (flags != 0)
            IrqOn(current);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void IrqOff(task_struct task)
    {
        if (!task.irqs_off)
        {
            task.irqs_off = true;
            task.rq.hw.DisableInterrupts();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void IrqOn(task_struct task)
    {
        if (task.irqs_off)
        {
            task.irqs_off = false;
            task.lockdep?.IrqsOn();
            task.rq.hw.EnableInterrupts();
        }
    }
}
