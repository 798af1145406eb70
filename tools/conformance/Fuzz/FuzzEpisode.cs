// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Diagnostics;
using KvmSharp.Annotations;
using KvmSharp.Conformance.Generate;
using KvmSharp.Init;
using Linux;

namespace KvmSharp.Conformance.Fuzz;

/// <summary>What became of one host.</summary>
/// <param name="Failure">What went wrong first, or null.</param>
/// <param name="Operations">Operations carried out, by thread.</param>
/// <param name="Done">Their number.</param>
/// <param name="Injected">Allocations that were made to fail.</param>
internal sealed record EpisodeResult(FuzzFailure? Failure, IReadOnlyList<IReadOnlyList<Operation>> Operations, long Done, long Injected);

/// <summary>The life of one fuzzed host: boot, a process that does things, power-down, and a look at what is left.</summary>
internal sealed class FuzzEpisode
{
    /// <summary>Operations before the threads part.</summary>
    private const int Common = 60;

    /// <summary>Operations of each thread between two checks of everything.</summary>
    private const int Round = 40;

    private static readonly TimeSpan _afterDeath = TimeSpan.FromSeconds(2);

    private readonly FuzzPlan _plan;
    private readonly TimeSpan _hangAfter;
    private readonly FuzzProgress _progress = new();
    private readonly List<List<Operation>> _executed = [[]];
    private readonly FailureInjector _injector = new(counting: false);
    private volatile Kernel? _kernel;
    private volatile FuzzFailure? _first;

    private FuzzEpisode(FuzzPlan plan, TimeSpan hangAfter)
    {
        _plan = plan;
        _hangAfter = hangAfter;
    }

    /// <summary>Runs the plan.</summary>
    internal static EpisodeResult Run(FuzzPlan plan, TimeSpan hangAfter)
    {
        var generator = new Generator(plan.GeneratorSeed, new GeneratorOptions { Profile = plan.Profile, ModelOnly = true });
        int operations = plan.Threads > 1 ? Common : plan.Operations;
        var source = new GeneratedSource(generator, Prng.Derive(plan.GeneratorSeed, 1), operations, plan.Threads > 1 ? 0 : plan.FailPercent, shared: false);
        return new FuzzEpisode(plan, hangAfter).Watch(source, generator);
    }

    /// <summary>Runs the given operations on a host of the plan.</summary>
    internal static EpisodeResult Run(FuzzPlan plan, IReadOnlyList<Operation> operations, TimeSpan hangAfter) =>
        new FuzzEpisode(plan, hangAfter).Watch(new ListSource(operations), null);

    /// <summary>Runs on a thread of its own and gives up on it when no operation ends for too long.</summary>
    private EpisodeResult Watch(IOperationSource source, Generator? generator)
    {
        FuzzFailure? failure = null;
        using var ended = new ManualResetEventSlim();
        var thread = new Thread(
            () =>
            {
                try
                {
                    failure = Live(source, generator);
                }
                catch (TraceFormatException)
                {
                    throw;
                }
                catch (Exception e)
                {
                    failure = FuzzFailure.From(e);
                }

                ended.Set();
            },
            16 << 20)
        { IsBackground = true, Name = "fuzz" };
        thread.Start();
        long seen = -1;
        var still = Stopwatch.StartNew();
        while (!ended.Wait(20))
        {
            long now = _progress.Operations;
            if (now != seen)
            {
                seen = now;
                still.Restart();
            }
            else if (_first is { } first && still.Elapsed > _afterDeath)
            {
                // The others may wait for what the dead task held.
                return Result(first);
            }
            else if (still.Elapsed > _hangAfter)
            {
                return Result(Hang());
            }
        }

        return Result(failure);
    }

    private EpisodeResult Result(FuzzFailure? failure)
    {
        List<Operation>[] executed;
        lock (_executed)
            executed = [.. _executed.Select(e => new List<Operation>(e))];
        return new EpisodeResult(failure, executed, _progress.Operations, _injector.Injected);
    }

    private FuzzFailure Hang()
    {
        string tasks = _kernel is { } kernel ? Core.show_state(kernel) : "the host was booting\n";
        string[] begun = [.. _progress.Current.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}: {p.Value.Raw}")];
        return new FuzzFailure("hang", $"no operation ended within {_hangAfter.TotalSeconds:0} s", $"begun last:\n{string.Join('\n', begun)}\n{tasks}");
    }

    private FuzzFailure? Live(IOperationSource source, Generator? generator)
    {
        using Host host = Host.Boot(_plan.Host);
        _kernel = host.Kernel;
        long free = FreePages(host.Kernel);
        long tables = KernelTables(host.Kernel);
        host.Kernel.Failures = _injector;
        UserProcess.Run(host.Kernel, "fuzz", process =>
        {
            var machine = new ModelMachine(process);
            var session = new Session(machine);
            var first = new FuzzProcess(host.Kernel, source, _executed[0], _progress, _injector, _plan.CheckEvery);
            first.Run(process, machine, session);
            if (_plan.Threads > 1 && generator is not null)
                RunThreads(process, session, generator);
        });
        host.Kernel.Failures = null;

        // Pages on their way to a list are kept a little longer than their files.
        host.Kernel.RunTask(Swap.lru_add_drain_all, "drain");
        return AfterDeath(host, free, tables);
    }

    private static FuzzFailure? AfterDeath(Host host, long free, long tablesAtBoot)
    {
        IReadOnlyList<string> problems = host.PowerDown();
        if (problems.Count > 0)
        {
            string kind = problems[0].StartsWith("still alive", StringComparison.Ordinal) ? "leak" : problems[0].StartsWith("invariant", StringComparison.Ordinal) ? "invariant" : "warning";
            return new FuzzFailure(kind, FuzzFailure.FirstLine(problems[0]), string.Join('\n', problems));
        }

        if (host.Kernel.KthreadFailures is [{ } thrown, ..])
            return FuzzFailure.From(thrown);
        long after = FreePages(host.Kernel);
        long tables = KernelTables(host.Kernel) - tablesAtBoot;
        return after + tables == free ? null : new FuzzFailure("leak", $"{free - after - tables} pages are missing", $"free at boot {free}, at the end {after}, tables of the kernel's {tables}");
    }

    [ContextUnsafe("runs while no task does")]
    private static long FreePages(Kernel kernel) =>
        PageAlloc.nr_free_pages(kernel) + kernel.node_zones.Sum(z => z.per_cpu_pageset.Sum(p => (long)p.count));

    /// <summary>Tables of the kernel's own addresses: those that splits of the direct map took, and those of temporary mappings.</summary>
    private static long KernelTables(Kernel kernel)
    {
        DirectMapStatistics map = kernel.arch.DirectMap(kernel);
        return kernel.vmap_table_pages + map.Level2Splits + map.Level3Splits - map.Level2Collapses - map.Level3Collapses;
    }

    private void RunThreads(UserProcess process, Session session, Generator generator)
    {
        int rounds = Math.Max((_plan.Operations - Common) / (_plan.Threads * Round), 1);
        var failures = new List<Exception>();
        bool stop = false;
        using var barrier = new Barrier(_plan.Threads, _ =>
        {
            // Everybody is in user mode: what must hold then, must hold now.
            lock (failures)
            {
                stop = failures.Count > 0;
                if (stop)
                    return;
                try
                {
                    _kernel!.RunTasks(_kernel.CheckInvariants);
                }
                catch (Exception e)
                {
                    failures.Add(e);
                    stop = true;
                }
            }
        });
        Thread[] threads =
        [
            .. Enumerable.Range(0, _plan.Threads).Select(i => new Thread(
                () =>
                {
                    try
                    {
                        RunOne(i);
                    }
                    catch (Exception e)
                    {
                        _first ??= FuzzFailure.From(e);
                        lock (failures)
                            failures.Add(e);
                        barrier.RemoveParticipant();
                    }
                },
                16 << 20) { IsBackground = true }),
        ];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        if (failures.Count > 0)
            throw failures[0];

        void RunOne(int number)
        {
            var executed = new List<Operation>();
            lock (_executed)
                _executed.Add(executed);
            Generator own = generator.ForThread(Prng.Derive(_plan.GeneratorSeed, 100 + (ulong)number), number);
            var source = new GeneratedSource(own, Prng.Derive(_plan.GeneratorSeed, 200 + (ulong)number), rounds * Round, _plan.FailPercent, shared: true);
            process.RunThread($"thread{number}", self =>
            {
                var machine = new ModelMachine(self);
                Session mine = session.Fork(machine);
                var runner = new FuzzProcess(_kernel!, source, executed, _progress, _injector, checkEvery: 0);
                for (int round = 0; round < rounds && !Volatile.Read(ref stop); round++)
                {
                    runner.Run(self, machine, mine, limit: Round);
                    barrier.SignalAndWait();
                }
            });
        }
    }
}
