// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Globalization;
using System.Text.Json;

namespace KvmSharp.Conformance;

/// <summary>
/// Compares successive <c>direct_map_stats</c> of a noisy trace by direction and size. Both sides are counters of a whole machine: the recorded one
/// had been running for long, with 434176 KiB in small pages and 202 split areas, so what it hands out mostly comes from areas that are split already;
/// the model's has just booted and has to split first. So a change agrees if it has the recorded sign, or is a split that a fresh machine
/// needs for the pages that left the direct map meanwhile: one for every 2 MiB of them and one where they begin, and those of 1 GiB above.
/// Collapses, and the memory that the direct map covers, are compared for equality.
/// </summary>
internal sealed class DirectMapChanges
{
    private const long PagesPerArea = 512;

    private static readonly string[] _sizes = ["DirectMap4k", "DirectMap2M", "DirectMap1G"];
    private static readonly string[] _counters = ["level2_splits", "level3_splits", "level2_collapses", "level3_collapses"];

    private Dictionary<string, long>? _recorded;
    private Dictionary<string, long>? _actual;
    private long _absent;

    /// <summary>What the change since the last such line, and this line by itself, differ in; null if they agree.</summary>
    /// <param name="operation">The recorded line.</param>
    /// <param name="outcome">The model's counters.</param>
    /// <param name="absentPages">Pages of the model's memory that are not in the direct map now.</param>
    internal string? Difference(Operation operation, Outcome outcome, long absentPages)
    {
        Dictionary<string, long> recorded = Numbers(operation.Outputs.ToDictionary(o => o.Name, o => o.Value.ValueKind == JsonValueKind.Number ? (object?)o.Value.GetInt64() : null));
        Dictionary<string, long> actual = Numbers(_sizes.Concat(_counters).ToDictionary(n => n, n => outcome[n]));
        string? missing = _sizes.Concat(_counters).FirstOrDefault(n => !recorded.ContainsKey(n) || !actual.ContainsKey(n));
        if (missing is not null)
            return $"{missing}: is missing";
        string? difference = _recorded is { } before && _actual is { } then ? Compare(before, recorded, then, actual, absentPages - _absent) : null;
        (_recorded, _actual, _absent) = (recorded, actual, absentPages);
        return difference;
    }

    private static string? Compare(Dictionary<string, long> before, Dictionary<string, long> recorded, Dictionary<string, long> then, Dictionary<string, long> actual, long left)
    {
        long covered = _sizes.Sum(n => actual[n]) - _sizes.Sum(n => then[n]);
        long expectedCovered = _sizes.Sum(n => recorded[n]) - _sizes.Sum(n => before[n]);
        if (covered != expectedCovered)
            return $"DirectMap: the memory covered changed by {covered} kB, expected {expectedCovered} kB";

        long fresh = left > 0 ? ((left + PagesPerArea - 1) / PagesPerArea) + 1 : 0;
        foreach (string counter in _counters)
        {
            long expected = recorded[counter] - before[counter];
            long change = actual[counter] - then[counter];
            long tolerance = counter.EndsWith("splits", StringComparison.Ordinal) ? fresh : 0;
            if (change < Math.Min(expected, 1) || change > expected + tolerance)
                return $"{counter}: changed by {change}, expected {expected}" + (tolerance > 0 ? $" and at most {tolerance} more for {left} pages on a fresh machine" : string.Empty);
        }

        // What was split is found in the next smaller size.
        long small = actual["DirectMap4k"] - then["DirectMap4k"];
        long split = (actual["level2_splits"] - then["level2_splits"] - actual["level2_collapses"] + then["level2_collapses"]) * 2048;
        return small == split ? null : $"DirectMap4k: changed by {small} kB, but the splits and collapses say {split} kB";
    }

    private static Dictionary<string, long> Numbers(Dictionary<string, object?> outputs) => outputs.Where(o => o.Value is IConvertible and not string)
        .ToDictionary(o => o.Key, o => Convert.ToInt64(o.Value, CultureInfo.InvariantCulture), StringComparer.Ordinal);
}
