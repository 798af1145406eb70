// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text.Json.Serialization;

namespace KvmSharp.Tools.Boot;

/// <summary>Leaves of the direct map by size, and how they were split and merged since boot.</summary>
internal sealed record DirectMapReport(
    long Leaves4K, long Leaves2M, long Leaves1G, long Level2Splits, long Level3Splits, long Level2Collapses, long Level3Collapses, long Absent4K, string Map);

/// <summary>One kind of hardware event: how often, and what it cost.</summary>
internal sealed record EventReport(string Name, long Count, long PricePs, long TotalPs);

/// <summary>A stretch of simulated time in which something could be reached.</summary>
internal sealed record WindowReport(ulong Pfn, string Via, string Cpus, long FromPs, long ToPs, string? Allowed);

/// <summary>Sum over windows of one cause.</summary>
internal sealed record WindowSum(string Via, bool Allowed, long Count, long TotalPs, long MaxPs);

/// <summary>The answer to: was a guest byte reachable after its folio was the guest's, when, through what, for how long.</summary>
internal sealed record ExposureReport(bool Reachable, string Text, long PagesProtected, long Violations, IReadOnlyList<WindowSum> Windows, IReadOnlyList<WindowReport> Longest);

/// <summary>Everything that a boot is reported with.</summary>
internal sealed record BootReport
{
    public required string Arch { get; init; }

    public required string Strategy { get; init; }

    public required int Vcpus { get; init; }

    public required ulong HostMemory { get; init; }

    public required ulong GuestMemory { get; init; }

    public required string Guest { get; init; }

    public required bool Halted { get; init; }

    public required string? Failure { get; init; }

    public required ulong GuestVerdict { get; init; }

    public required ulong PagesVerified { get; init; }

    public required string Serial { get; init; }

    public required IReadOnlyDictionary<string, long> Exits { get; init; }

    public required DirectMapReport Before { get; init; }

    public required DirectMapReport After { get; init; }

    public required IReadOnlyList<EventReport> Events { get; init; }

    public required long SimulatedPs { get; init; }

    public required ExposureReport Exposure { get; init; }

    /// <summary>Gets what was wrong at shutdown: leaks, broken invariants, warnings of the kernel.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    [JsonIgnore]
    public bool Good => Halted && Failure is null && GuestVerdict == 1 && Problems.Count == 0 && Exposure.Violations == 0 && !Exposure.Reachable;
}

/// <summary>How a report is written as JSON.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(BootReport))]
internal sealed partial class BootReportContext : JsonSerializerContext;
