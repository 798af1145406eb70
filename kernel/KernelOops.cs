// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text;

namespace Linux;

/// <summary>The modelled kernel did what would oops or BUG on silicon. The message is one line, <see cref="Report"/> the whole story.</summary>
internal sealed class KernelOops : Exception
{
    internal KernelOops(string message)
        : base(message)
    {
        this.Report = Compose(message, CurrentH.CurrentOrNull, Environment.StackTrace);
    }

    internal KernelOops(string message, string details)
        : base(message)
    {
        this.Report = Compose(message, CurrentH.CurrentOrNull, details + "\n" + Environment.StackTrace);
    }

    /// <summary>Task, CPU, held locks and call chain at the moment of the oops.</summary>
    internal string Report { get; }

    public override string ToString() => this.Report;

    internal static string Compose(string message, task_struct? task, string? trace)
    {
        var text = new StringBuilder();
        text.Append(message).Append('\n');
        if (task is null)
        {
            text.Append("not on a kernel task\n");
        }
        else
        {
            text.Append("CPU: ").Append(task.OnCpu ? task.cpu.ToString() : "none").Append(" PID: ").Append(task.pid)
                .Append(" Comm: ").Append(task.comm).Append(" preempt_count: 0x").Append(task.preempt_count.ToString("x"))
                .Append(task.irqs_off ? " irqs off" : string.Empty).Append('\n');
            text.Append(task.DescribeHeldLocks());
        }

        if (trace is not null)
            text.Append("Call Trace:\n").Append(trace).Append('\n');
        return text.ToString();
    }
}
