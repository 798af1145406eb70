// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Globalization;
using Spectre.Console;

namespace KvmSharp.Tools.Boot;

/// <summary>A report for people.</summary>
internal static class BootPrinter
{
    internal static void Print(IAnsiConsole console, BootReport report)
    {
        console.MarkupLineInterpolated(
            $"[bold]{report.Guest}[/] on {report.Arch}: {report.Vcpus} vCPU, {Sizes.Format(report.GuestMemory)} of guest_memfd, strategy [bold]{report.Strategy}[/], host {Sizes.Format(report.HostMemory)}");
        console.Write(new Panel(new Text(report.Serial.TrimEnd())).Header("serial port").Expand());
        console.MarkupLineInterpolated($"exits: {string.Join(", ", report.Exits.Select(e => $"{e.Key} {e.Value}"))}");
        DirectMap(console, report);
        Events(console, report);
        Verdict(console, report);
    }

    private static void DirectMap(IAnsiConsole console, BootReport report)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn("direct map").AddColumn(new TableColumn("1G").RightAligned())
            .AddColumn(new TableColumn("2M").RightAligned()).AddColumn(new TableColumn("4K").RightAligned())
            .AddColumn(new TableColumn("absent 4K").RightAligned()).AddColumn(new TableColumn("splits 1G/2M").RightAligned());
        Row("before", report.Before);
        Row("guest ran", report.After);
        console.Write(table);
        console.WriteLine($"  before    {report.Before.Map}");
        console.WriteLine($"  guest ran {report.After.Map}");
        console.WriteLine($"  {DirectMapDrawing.Legend}");

        void Row(string name, DirectMapReport map) => table.AddRow(
            name, N(map.Leaves1G), N(map.Leaves2M), N(map.Leaves4K), N(map.Absent4K), $"{N(map.Level3Splits)}/{N(map.Level2Splits)}");
    }

    private static void Events(IAnsiConsole console, BootReport report)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn("event").AddColumn(new TableColumn("count").RightAligned())
            .AddColumn(new TableColumn("each").RightAligned()).AddColumn(new TableColumn("total").RightAligned());
        foreach (EventReport e in report.Events.Where(e => e.PricePs != 0).OrderByDescending(e => e.TotalPs).ThenBy(e => e.Name, StringComparer.Ordinal))
            table.AddRow(e.Name, N(e.Count), Sizes.Time(e.PricePs), Sizes.Time(e.TotalPs));
        console.Write(table);
        console.WriteLine($"without a price of their own: {string.Join(", ", report.Events.Where(e => e.PricePs == 0).Select(e => $"{e.Name} {N(e.Count)}"))}");
        console.WriteLine($"simulated time: {Sizes.Time(report.SimulatedPs)}");
        console.WriteLine();
    }

    private static void Verdict(IAnsiConsole console, BootReport report)
    {
        ExposureReport exposure = report.Exposure;
        foreach (WindowSum sum in exposure.Windows)
            console.WriteLine($"  {(sum.Allowed ? "allowed" : "NOT ALLOWED")}: {N(sum.Count)} x {sum.Via}, longest {Sizes.Time(sum.MaxPs)}, together {Sizes.Time(sum.TotalPs)}");
        foreach (WindowReport w in exposure.Longest.Where(w => w.Allowed is null))
            console.WriteLine($"  page frame 0x{w.Pfn:x} through {w.Via} by CPU {w.Cpus} from {Sizes.Time(w.FromPs)} for {Sizes.Time(w.ToPs - w.FromPs)}");
        foreach (string problem in report.Problems)
            console.WriteLine($"  PROBLEM: {problem}");
        if (report.Failure is { } failure)
            console.WriteLine($"  FAILED: {failure}");
        console.WriteLine($"pages: {N(exposure.PagesProtected)} protected, {N((long)report.PagesVerified)} verified by the guest");
        console.WriteLine($"verdict: {(report.Good ? "good" : "bad")}: {exposure.Text}");
    }

    private static string N(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);
}
