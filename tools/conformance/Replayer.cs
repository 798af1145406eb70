// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Init;
using Linux;

namespace KvmSharp.Conformance;

/// <summary>One difference between the model and the recorded kernel.</summary>
/// <param name="File">Trace file.</param>
/// <param name="Line">Line in it, from 1.</param>
/// <param name="Operation">The line's text.</param>
/// <param name="Difference">Which output, expected and actual.</param>
/// <param name="State">Mappings and descriptors at that moment.</param>
/// <param name="Predicted">The name of the strategy's difference that this is, or null if nothing predicts it.</param>
public sealed record Divergence(string File, int Line, string Operation, string Difference, string State, string? Predicted = null);

/// <summary>What became of one trace.</summary>
/// <param name="File">Trace file.</param>
/// <param name="Operations">Operations that were carried out.</param>
/// <param name="Divergences">Differences, in order; only the first says for sure that something is wrong.</param>
/// <param name="Problems">Leaks, broken invariants and kernel warnings at the end.</param>
public sealed record ReplayResult(string File, int Operations, IReadOnlyList<Divergence> Divergences, IReadOnlyList<string> Problems);

/// <summary>Holds the model against traces of a real kernel, each on a machine of its own.</summary>
public static class Replayer
{
    /// <summary>A host of the recorders' size: how much memory there is decides what may be promised.</summary>
    public static HostOptions Recorders => new() { MemoryBytes = 24UL << 30, Cpus = 2, Strategy = "none", Lockdep = false, NameLiveObjects = false };

    /// <summary>Replays one trace on a fresh host.</summary>
    /// <exception cref="TraceFormatException">The trace is not readable; nothing else is affected.</exception>
    public static ReplayResult Replay(string file, HostOptions options)
    {
        using var reader = new TraceReader(file);
        return Replay(reader, file, options);
    }

    internal static ReplayResult Replay(TraceReader reader, string file, HostOptions options)
    {
        using Host host = Host.Boot(Profile(reader.Header, options));
        var divergences = new List<Divergence>();
        int operations = 0;
        using IEnumerator<Operation> lines = reader.Operations().GetEnumerator();
        try
        {
            UserProcess.Run(host.Kernel, "trace", process =>
            {
                Prepare(process, reader.Header);
                var machine = new ModelMachine(process);
                RunLines(lines, machine, new Session(machine), reader.Header.Noisy ? new DirectMapChanges() : null, divergences, ref operations, nested: false);
            });
        }
        catch (KernelOops oops)
        {
            divergences.Add(new Divergence(file, operations + 1, lines.Current?.Raw ?? string.Empty, "the model's kernel died: " + oops.Message, oops.Report));
            return new ReplayResult(file, operations, divergences, []);
        }

        return new ReplayResult(file, operations, divergences, host.PowerDown());
    }

    /// <summary>The host that the trace was recorded on, as far as its capabilities tell.</summary>
    internal static HostOptions Profile(TraceHeader header, HostOptions options)
    {
        const long SwProtected = 1 << 1;
        if (header.Caps.TryGetValue("KVM_CAP_VM_TYPES", out long types))
            options = options with { SwProtectedVm = (types & SwProtected) != 0 };
        if (header.Caps.TryGetValue("KVM_CAP_PRE_FAULT_MEMORY", out long preFault))
            options = options with { TwoDimensionalPaging = preFault != 0 };
        if (header.Caps.TryGetValue("KVM_CAP_NR_VCPUS", out long cpus) && cpus is > 0 and <= 1024)
            options = options with { Cpus = (int)cpus };
        return options;
    }

    internal static void Prepare(UserProcess process, TraceHeader header) => process.Syscall(header, static h =>
    {
        current.signal.rlim[ResourceH.RLIMIT_MEMLOCK] = new rlimit { rlim_cur = h.MemlockSoft, rlim_max = h.MemlockHard };
        if (!h.CapIpcLock)
            current.cap_effective &= ~(1UL << Capability.CAP_IPC_LOCK);
        return 0;
    });

    /// <summary>Lines of one process; a fork_begin recurses into the child's until its fork_end.</summary>
    internal static void RunLines(
        IEnumerator<Operation> lines, IUserMachine process, Session session, DirectMapChanges? noisy, List<Divergence> divergences, ref int operations, bool nested)
    {
        while (lines.MoveNext())
        {
            Operation op = lines.Current;
            operations++;
            RunLine(op, process, session, noisy, divergences);
            if (op.Name == "fork_end" && nested)
                return;
            if (op.Name != "fork_begin")
                continue;
            int count = operations;
            process.RunForkedChild(child => RunLines(lines, child, session.Fork(child), noisy, divergences, ref count, nested: true));
            operations = count;
        }
    }

    private static void RunLine(Operation op, IUserMachine process, Session session, DirectMapChanges? noisy, List<Divergence> divergences)
    {
        string? difference;
        string? predicted = null;
        try
        {
            Outcome outcome = session.Execute(op);
            if (noisy is null || op.Name != "direct_map_stats")
                difference = outcome.Difference(op);
            else
                difference = process is ModelMachine model ? noisy.Difference(op, outcome, model.PagesOutOfDirectMap()) : null;
            if (difference is not null && process is ModelMachine of)
                predicted = PredictedDifference.Classify(of.Strategy, op, outcome);
        }
        catch (UnboundNameException unbound)
        {
            difference = unbound.Message;
        }
        catch (SetupException setup)
        {
            difference = setup.Message;
        }

        if (difference is not null)
            divergences.Add(new Divergence(op.File, op.Line, op.Raw, difference, session.Describe(), predicted));
    }
}
