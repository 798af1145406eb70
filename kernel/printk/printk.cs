// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/printk/printk.c, Linux 6.18.
namespace Linux;

internal sealed partial class Kernel
{
    private readonly string?[] log;
    private readonly Lock logGate = new();
    private long logHead;

    /// <summary>What dmesg shows: the newest entries of the ring, oldest first.</summary>
    internal IReadOnlyList<string> Dmesg
    {
        get
        {
            lock (this.logGate)
            {
                var lines = new List<string>();
                for (long i = Math.Max(0, this.logHead - this.log.Length); i < this.logHead; i++)
                    lines.Add(this.log[i % this.log.Length]!);
                return lines;
            }
        }
    }

    internal void Log(string text)
    {
        string line = $"[{this.SimulatedNanoseconds / 1e9,12:F6}] {text}";
        lock (this.logGate)
            this.log[this.logHead++ % this.log.Length] = line;
    }
}

internal static class Printk
{
    internal static void printk(string text) => current.kernel.Log(text);

    internal static void pr_info(string text) => current.kernel.Log(text);

    internal static void pr_warn(string text) => current.kernel.Log(text);

    internal static void pr_err(string text) => current.kernel.Log(text);
}
