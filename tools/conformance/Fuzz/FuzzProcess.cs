// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Init;
using Linux;

namespace KvmSharp.Conformance.Fuzz;

/// <summary>What is known of a run while it goes on; read by the watchdog.</summary>
internal sealed class FuzzProgress
{
    private long _operations;

    internal long Operations => Interlocked.Read(ref _operations);

    /// <summary>Gets what each thread of the process does now, by the name of its task.</summary>
    internal System.Collections.Concurrent.ConcurrentDictionary<string, Operation> Current { get; } = new(StringComparer.Ordinal);

    internal long Injected { get; set; }

    internal void Done() => Interlocked.Increment(ref _operations);
}

/// <summary>Carries out operations as one thread of a simulated process, and looks after each whether all is well.</summary>
internal sealed class FuzzProcess
{
    private readonly Kernel _kernel;
    private readonly IOperationSource _source;
    private readonly List<Operation> _executed;
    private readonly FuzzProgress _progress;
    private readonly FailureInjector _injector;
    private readonly int _checkEvery;
    private Operation? _armed;
    private long _done;

    internal FuzzProcess(Kernel kernel, IOperationSource source, List<Operation> executed, FuzzProgress progress, FailureInjector injector, int checkEvery)
    {
        _kernel = kernel;
        _source = source;
        _executed = executed;
        _progress = progress;
        _injector = injector;
        _checkEvery = checkEvery;
    }

    /// <summary>Operations until the source's end, the fork_end of a child, or <paramref name="limit"/>.</summary>
    /// <returns>False at the source's end.</returns>
    internal bool Run(UserProcess process, ModelMachine machine, Session session, bool child = false, int limit = int.MaxValue)
    {
        // A program that survives what its accesses and calls raise.
        current.SignalHandler = static _ => true;
        for (int i = 0; i < limit; i++)
        {
            Operation? op = _source.Next();
            if (op is null)
                return false;
            _executed.Add(op);
            _progress.Current[current.comm] = op;
            switch (op.Name)
            {
                case "fail_nth" or "fail_random":
                    _armed = op;
                    continue;
                case "fork_end":
                    _source.Observe(op, succeeded: child);
                    Look(process);
                    if (child)
                        return true;
                    continue;
                case "fork_begin":
                    Fork(op, process, machine, session);
                    break;
                default:
                    Execute(op, session);
                    break;
            }

            Look(process);
        }

        return true;
    }

    private void Execute(Operation op, Session session)
    {
        bool succeeded = false;
        Arm();
        try
        {
            succeeded = session.Execute(op).Succeeded;
        }
        catch (UnboundNameException)
        {
            // What should have made it failed, or was left out: there is nothing to do.
        }
        catch (SetupException)
        {
            // The allocation that failed was one for the operation's surroundings.
        }
        finally
        {
            Disarm();
        }

        _source.Observe(op, succeeded);
    }

    private void Fork(Operation op, UserProcess process, ModelMachine machine, Session session)
    {
        Arm();
        long error = process.TryRunForkedChild(child =>
        {
            Disarm();
            _source.Observe(op, succeeded: true);
            var inherited = new ModelMachine(child, machine);
            Run(child, inherited, session.Fork(inherited), child: true);
        });
        Disarm();
        if (error != 0)
            _source.Observe(op, succeeded: false);
    }

    private void Arm()
    {
        if (_armed is not { } failure)
            return;
        _armed = null;
        if (failure.Name == "fail_nth")
        {
            current.fail_nth = failure.U32("n");
            return;
        }

        int probability = (int)Math.Min(failure.U32("probability"), 100);
        _injector.attr = new fault_attr(failure.U64("seed")) { probability = probability, task_filter = true }.With(Math.Min(failure.I64("times"), 100), 0);
        current.make_it_fail = true;
    }

    private void Disarm()
    {
        if (CurrentH.CurrentOrNull is not { } task)
            return;
        task.fail_nth = 0;
        if (!task.make_it_fail)
            return;
        task.make_it_fail = false;
        _injector.attr = null;
    }

    /// <summary>
    /// Whether Linux warns here, too, when an allocation fails: arm64 has WARN_ON_ONCE() around the split of a leaf of the linear map.
    /// </summary>
    private bool Provoked(string warning) =>
        _injector.Injected > 0 && warning.Contains("update_range_prot(): a leaf of the kernel's tables could not be split", StringComparison.Ordinal);

    private void Look(UserProcess process)
    {
        _progress.Done();
        if (_kernel.WarningCount != 0 && _kernel.TakeWarnings().FirstOrDefault(w => !Provoked(w)) is { } report)
            throw new FuzzFailureException(new FuzzFailure("warning", FuzzFailure.FirstLine(report), report));

        if (_checkEvery > 0 && ++_done % _checkEvery == 0)
        {
            process.Syscall(_kernel, static kernel =>
            {
                kernel.CheckInvariants();
                return 0;
            });
        }
    }
}
