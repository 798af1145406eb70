// SPDX-License-Identifier: GPL-2.0-only
// Mirrors lib/fault-inject.c, Linux 6.18.
namespace Linux;

/// <summary>Makes named operations fail on demand: the n-th time, or whenever a predicate says so.</summary>
internal sealed class FailureInjector
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Rule> rules = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> calls = new(StringComparer.Ordinal);

    /// <summary>How often each point was passed since the injector was made; lets a test fail every point in turn.</summary>
    internal IReadOnlyDictionary<string, long> Calls
    {
        get
        {
            lock (this.gate)
                return new Dictionary<string, long>(this.calls, StringComparer.Ordinal);
        }
    }

    /// <summary>Number of failures that were injected.</summary>
    internal long Injected { get; private set; }

    /// <summary>Fails the nth pass (1 is the next one) through the point, and the times-1 passes after it.</summary>
    internal void FailNth(string point, long nth, long times = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(nth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(times, 1);
        lock (this.gate)
            this.rules[point] = new Rule(this.calls.GetValueOrDefault(point) + nth, times, null);
    }

    /// <summary>Fails whenever the predicate, given the number of this pass (from 1), says so.</summary>
    internal void FailWhen(string point, Func<long, bool> predicate)
    {
        lock (this.gate)
            this.rules[point] = new Rule(0, 0, predicate);
    }

    internal void Clear(string point)
    {
        lock (this.gate)
            this.rules.Remove(point);
    }

    internal bool ShouldFail(string point)
    {
        lock (this.gate)
        {
            long pass = this.calls.GetValueOrDefault(point) + 1;
            this.calls[point] = pass;
            if (!this.rules.TryGetValue(point, out Rule rule))
                return false;
            bool fail = rule.Predicate?.Invoke(pass) ?? (pass >= rule.First && pass - rule.First < rule.Times);
            if (fail)
                this.Injected++;
            return fail;
        }
    }

    private readonly record struct Rule(long First, long Times, Func<long, bool>? Predicate);
}

internal static class FaultInject
{
    /// <summary>True if the operation at the named point must fail now. One null check while no injector is installed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool should_fail(Kernel kernel, string point) => kernel.Failures is { } failures && failures.ShouldFail(point);
}
