// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Diagnostics;
using KvmSharp.Conformance.Generate;

namespace KvmSharp.Conformance.Fuzz;

/// <summary>What one seed found.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Operations">Operations carried out.</param>
/// <param name="Injected">Allocations that were made to fail.</param>
/// <param name="Hosts">Hosts booted.</param>
/// <param name="Elapsed">Real time taken, without shrinking.</param>
/// <param name="Failure">The first failure, or null.</param>
/// <param name="Host">The host that failed, in words.</param>
/// <param name="Trace">The failing sequence as a trace, made as small as time allowed.</param>
public sealed record FuzzResult(ulong Seed, long Operations, long Injected, int Hosts, TimeSpan Elapsed, FuzzFailure? Failure, string? Host, string? Trace);

/// <summary>Runs generated sequences on the model alone and looks for what must never happen.</summary>
public static class Fuzzer
{
    /// <summary>Runs one seed until its operations are done or something fails.</summary>
    /// <param name="seed">Decides everything, together with the options.</param>
    /// <param name="options">What to do.</param>
    /// <param name="progress">Told the number of operations after each host.</param>
    public static FuzzResult Run(ulong seed, FuzzOptions options, Action<int>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        var clock = Stopwatch.StartNew();
        long operations = 0;
        long injected = 0;
        int hosts = 0;
        for (; hosts * (long)options.EpisodeOperations < options.Operations; hosts++)
        {
            FuzzPlan plan = options.Plan(seed, hosts);
            EpisodeResult result = FuzzEpisode.Run(plan, options.HangAfter);
            operations += result.Done;
            injected += result.Injected;
            progress?.Invoke(plan.Operations);
            if (result.Failure is { } failure)
                return new FuzzResult(seed, operations, injected, hosts + 1, clock.Elapsed, failure, plan.ToString(), Report(plan, result, options));
        }

        return new FuzzResult(seed, operations, injected, hosts, clock.Elapsed, null, null, null);
    }

    /// <summary>Runs the operations of a trace, with the failures of allocations that it names, on a fresh host.</summary>
    /// <exception cref="TraceFormatException">The file is no trace.</exception>
    public static FuzzResult RunTrace(string file, FuzzOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        FuzzPlan plan = options.Plan(0, 0) with { Strategy = options.Strategy ?? "none", Isa = options.Isa ?? Machine.Isa.X86_64, Threads = 1 };
        (plan, IReadOnlyList<Operation> operations) = FuzzTrace.Read(file, plan);
        var clock = Stopwatch.StartNew();
        EpisodeResult result = FuzzEpisode.Run(plan, operations, options.HangAfter);
        return new FuzzResult(plan.Seed, result.Done, result.Injected, 1, clock.Elapsed, result.Failure, plan.ToString(), null);
    }

    private static string Report(FuzzPlan plan, EpisodeResult result, FuzzOptions options)
    {
        using var text = new StringWriter();
        if (result.Operations.Count == 1)
        {
            IReadOnlyList<Operation> smallest = Shrink(plan, result, options);
            FuzzTrace.Write(text, plan, smallest, result.Failure!);
            return text.ToString();
        }

        // What threads do together is decided by more than what each does.
        FuzzTrace.Write(text, plan, result.Operations[0], result.Failure!);
        for (int i = 1; i < result.Operations.Count; i++)
        {
            text.WriteLine($"# thread {i}");
            foreach (Operation op in result.Operations[i])
                text.WriteLine(op.Raw);
        }

        return text.ToString();
    }

    private static IReadOnlyList<Operation> Shrink(FuzzPlan plan, EpisodeResult result, FuzzOptions options)
    {
        if (options.ShrinkFor <= TimeSpan.Zero)
            return result.Operations[0];
        string wanted = result.Failure!.Signature;
        bool hang = result.Failure.Kind == "hang";

        // A hang costs its whole time limit: that is made short, and there are few attempts.
        TimeSpan hangAfter = hang ? TimeSpan.FromSeconds(2) : options.HangAfter;
        var shrinker = new Shrinker(candidate => FuzzEpisode.Run(plan, candidate, hangAfter).Failure?.Signature is { } found && Same(found, wanted, hang), maxTime: options.ShrinkFor);
        return shrinker.Shrink(result.Operations[0]);
    }

    private static bool Same(string found, string wanted, bool hang) => hang ? found.StartsWith("hang", StringComparison.Ordinal) : found == wanted;
}
