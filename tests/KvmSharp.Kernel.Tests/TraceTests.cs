// SPDX-License-Identifier: GPL-2.0-only
using System.Text.Json;

namespace KvmSharp.Kernel.Tests;

internal sealed class TraceTests : KernelTest
{
    [Test]
    public void records_are_in_simulated_time_and_load_as_json()
    {
        tracepoint early = this.Kernel.trace.Define("early", "pfn");
        this.Kernel.trace.Enable(16);
        tracepoint late = this.Kernel.trace.Define("late", "a", "b");
        this.Kernel.RunTask(() =>
        {
            early.Begin(0x10);
            current.Cpu.Advance(2_500_000);
            late.Trace(1, 2);
            early.End(0);
        });
        var stream = new MemoryStream();
        this.Kernel.trace.WriteChromeTrace(stream);
        using JsonDocument json = JsonDocument.Parse(stream.ToArray());
        JsonElement[] events = [.. json.RootElement.GetProperty("traceEvents").EnumerateArray().Where(e => e.GetProperty("ph").GetString() != "M")];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(events.Select(e => e.GetProperty("ph").GetString()), Is.EqualTo(new[] { "B", "i", "E" }));
            Assert.That(events[1].GetProperty("args").GetProperty("b").GetString(), Is.EqualTo("0x2"));
            Assert.That(events[1].GetProperty("ts").GetDecimal() - events[0].GetProperty("ts").GetDecimal(), Is.EqualTo(2.5m));
        }
    }

    [Test]
    public void a_full_ring_drops_the_oldest_and_counts_them_without_garbage()
    {
        tracepoint point = this.Kernel.trace.Define("point", "n");
        this.Kernel.trace.Enable(8, "point");
        this.Kernel.RunTask(() =>
        {
            point.Trace(0);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (ulong i = 1; i < 100; i++)
                point.Trace(i);
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        });
        Assert.That(this.Kernel.trace.Records().Select(r => r.Record.a), Is.EqualTo(new ulong[] { 92, 93, 94, 95, 96, 97, 98, 99 }));
        Assert.That(this.Kernel.trace.Lost, Is.EqualTo(92));
    }

    [Test]
    public void nothing_is_recorded_while_off()
    {
        tracepoint point = this.Kernel.trace.Define("point", "n");
        this.Kernel.RunTask(() => point.Trace(1));
        Assert.That(this.Kernel.trace.Records(), Is.Empty);
    }
}
