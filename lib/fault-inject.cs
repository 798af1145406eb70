// SPDX-License-Identifier: GPL-2.0-only
// Mirrors lib/fault-inject.c, Linux 6.18.
namespace Linux;

internal sealed partial class task_struct
{
    /// <summary>Passes of this task until one fails, the n-th of them; 0 fails none. What /proc/self/fail-nth sets.</summary>
    internal uint fail_nth;

    /// <summary>The task is one of those that a <see cref="fault_attr"/> with a task filter means.</summary>
    internal bool make_it_fail;
}

/// <summary>When operations fail at random: the knobs that debugfs has for each capability of fault injection.</summary>
internal sealed class fault_attr
{
    private readonly Lock gate = new();
    private ulong state;
    private long count;

    internal fault_attr(ulong seed) => this.state = seed;

    /// <summary>Likelihood of a failure, in percent.</summary>
    internal int probability { get; init; }

    /// <summary>Only each interval-th pass may fail.</summary>
    internal long interval { get; init; } = 1;

    /// <summary>Failures that are left; -1 is no limit.</summary>
    internal long times { get; private set; } = 1;

    /// <summary>Passes at the start that succeed.</summary>
    internal long space { get; private set; }

    /// <summary>Whether only tasks with make_it_fail set are meant.</summary>
    internal bool task_filter { get; init; }

    internal fault_attr With(long times, long space)
    {
        this.times = times;
        this.space = space;
        return this;
    }

    internal bool should_fail(task_struct? task)
    {
        if (this.probability == 0 || (this.task_filter && task is not { make_it_fail: true }))
            return false;
        lock (this.gate)
        {
            if (this.times == 0)
                return false;
            if (this.space > 0)
            {
                this.space--;
                return false;
            }

            if (this.interval > 1 && ++this.count % this.interval != 0)
                return false;
            if (this.probability <= (int)(this.Random() % 100))
                return false;
            if (this.times != -1)
                this.times--;
            return true;
        }
    }

    private ulong Random()
    {
        ulong z = this.state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
}

/// <summary>Makes named operations fail on demand: the n-th time, at random, or whenever a predicate says so.</summary>
internal sealed class FailureInjector
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Rule> rules = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> calls = new(StringComparer.Ordinal);
    private readonly bool counting;

    /// <param name="counting">Whether passes are counted by point. Rules by point need that; what goes by task or at random does not.</param>
    internal FailureInjector(bool counting = true) => this.counting = counting;

    /// <summary>How often each point was passed since the injector was made; lets a test fail every point in turn.</summary>
    internal IReadOnlyDictionary<string, long> Calls
    {
        get
        {
            lock (this.gate)
                return new Dictionary<string, long>(this.calls, StringComparer.Ordinal);
        }
    }

    /// <summary>Failures at random, for all points alike.</summary>
    internal fault_attr? attr { get; set; }

    /// <summary>Number of failures that were injected.</summary>
    internal long Injected { get; private set; }

    /// <summary>The point that failed last.</summary>
    internal string? LastPoint { get; private set; }

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
        task_struct? task = CurrentH.CurrentOrNull;
        bool fail = false;
        if (task is { fail_nth: not 0 })
            fail = --task.fail_nth == 0;
        else if (this.attr is { } attr)
            fail = attr.should_fail(task);
        if (this.counting && this.FailsByRule(point))
            fail = true;
        if (!fail)
            return false;
        lock (this.gate)
        {
            this.Injected++;
            this.LastPoint = point;
        }

        return true;
    }

    private bool FailsByRule(string point)
    {
        lock (this.gate)
        {
            long pass = this.calls.GetValueOrDefault(point) + 1;
            this.calls[point] = pass;
            if (!this.rules.TryGetValue(point, out Rule rule))
                return false;
            return rule.Predicate?.Invoke(pass) ?? (pass >= rule.First && pass - rule.First < rule.Times);
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
