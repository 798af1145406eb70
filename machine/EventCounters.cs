// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;

namespace KvmSharp.Machine;

/// <summary>How often each event happened on one CPU. Written by the CPU's owner; other threads may read and see a recent value.</summary>
public sealed unsafe class EventCounters
{
    /// <summary>The number of kinds of events.</summary>
    public const int Kinds = (int)HwEvent.GuestInstruction + 1;

    internal const int Stride = 64;

    private readonly long* _counts;

    internal EventCounters(long* counts) => _counts = counts;

    /// <summary>Gets the count of one kind.</summary>
    /// <param name="e">The kind.</param>
    public long this[HwEvent e] => Volatile.Read(ref _counts[(int)e]);

    /// <summary>Adds this CPU's counts to a total.</summary>
    /// <param name="totals">The total.</param>
    public void AddTo(EventTotals totals)
    {
        for (int i = 0; i < Kinds; i++)
            totals.Add((HwEvent)i, Volatile.Read(ref _counts[i]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Add(HwEvent e, long n) => _counts[(int)e] += n;
}

/// <summary>Counts of events, summed over CPUs or taken as a difference.</summary>
public sealed class EventTotals
{
    private readonly long[] _counts = new long[EventCounters.Kinds];

    /// <summary>Gets the count of one kind.</summary>
    /// <param name="e">The kind.</param>
    public long this[HwEvent e] => _counts[(int)e];

    /// <summary>Adds to one kind.</summary>
    /// <param name="e">The kind.</param>
    /// <param name="n">How many.</param>
    public void Add(HwEvent e, long n) => _counts[(int)e] += n;

    /// <summary>The events since an earlier total.</summary>
    /// <param name="earlier">The earlier total.</param>
    /// <returns>The difference, kind by kind.</returns>
    public EventTotals Since(EventTotals earlier)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        EventTotals d = new();
        for (int i = 0; i < _counts.Length; i++)
            d._counts[i] = _counts[i] - earlier._counts[i];
        return d;
    }

    /// <summary>The price of these events.</summary>
    /// <param name="costs">The price list.</param>
    /// <returns>Picoseconds of CPU time, summed over CPUs (waiting is not in it).</returns>
    public long PricePs(CostModel costs)
    {
        ArgumentNullException.ThrowIfNull(costs);
        long ps = 0;
        for (int i = 0; i < _counts.Length; i++)
            ps += _counts[i] * costs[(HwEvent)i];
        return ps;
    }
}
