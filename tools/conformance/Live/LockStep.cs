// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Init;
using Linux;

namespace KvmSharp.Conformance.Live;

/// <summary>An operation with what the host's kernel answered.</summary>
/// <param name="Operation">Its inputs.</param>
/// <param name="Host">The host's answer.</param>
internal sealed record Answered(Operation Operation, Outcome Host);

/// <summary>The first operation to which the model gave another answer than the host.</summary>
/// <param name="Operation">The operation.</param>
/// <param name="Fields">Outputs that differ; empty when the model has no answer at all.</param>
/// <param name="Text">Both answers.</param>
/// <param name="Class">What differences of the same kind have in common.</param>
internal sealed record Difference(Operation Operation, IReadOnlyList<string> Fields, string Text, string Class);

/// <summary>Where operations come from: a generator, or a list.</summary>
/// <param name="Next">The next operation, or null at the end.</param>
/// <param name="Observe">Is told whether the operation given last succeeded on the host.</param>
internal sealed record OperationFeed(Func<Operation?> Next, Action<Operation, bool> Observe)
{
    internal static OperationFeed Of(IReadOnlyList<Operation> operations)
    {
        int at = 0;
        return new OperationFeed(() => at < operations.Count ? operations[at++] : null, static (_, _) => { });
    }
}

/// <summary>Carries out the same operations on the host's kernel and on the model, one after the other, until they disagree.</summary>
internal sealed class LockStep
{
    private readonly OperationFeed _feed;
    private readonly bool _model;
    private readonly List<Answered> _answered = [];

    private LockStep(OperationFeed feed, bool model)
    {
        _feed = feed;
        _model = model;
    }

    /// <summary>Gets the operations that were carried out, the one with the difference last.</summary>
    internal IReadOnlyList<Answered> Answered => _answered;

    internal Difference? Difference { get; private set; }

    /// <exception cref="HostException">The host's side died or hung.</exception>
    internal static LockStep Run(OperationFeed feed, TraceHeader header, HostOptions options)
    {
        var run = new LockStep(feed, model: true);
        using HostAgent agent = HostAgent.Start();
        HostMachine machine = HostChecker.Prepare(agent, header);
        using Host host = Host.Boot(Replayer.Profile(header, options));
        try
        {
            UserProcess.Run(host.Kernel, "live", process =>
            {
                Replayer.Prepare(process, header);
                var model = new ModelMachine(process);
                run.Process(new Side(machine, new Session(machine)), new Side(model, new Session(model)), nested: false);
            });
        }
        catch (KernelOops oops)
        {
            run.ModelDied(oops);
        }
        catch (AgentGoneException gone)
        {
            throw new HostException(gone.Message, gone);
        }

        return run;
    }

    /// <summary>The host's answers alone.</summary>
    internal static LockStep RunOnHost(OperationFeed feed, TraceHeader header)
    {
        var run = new LockStep(feed, model: false);
        using HostAgent agent = HostAgent.Start();
        HostMachine machine = HostChecker.Prepare(agent, header);
        try
        {
            run.Process(new Side(machine, new Session(machine)), null, nested: false);
        }
        catch (AgentGoneException gone)
        {
            throw new HostException(gone.Message, gone);
        }

        return run;
    }

    private void ModelDied(KernelOops oops)
    {
        if (Difference is null && _answered.Count > 0)
            Difference = new Difference(_answered[^1].Operation, [], "the model's kernel died: " + oops.Message, "oops " + Classes.Of(_answered[^1].Operation));
    }

    private void Process(Side host, Side? model, bool nested)
    {
        while (Difference is null && _feed.Next() is { } op)
        {
            if (host.Session.IsOutOfBounds(op))
            {
                _feed.Observe(op, false);
                continue;
            }

            Outcome? expected = Execute(host.Session, op);
            if (expected is null)
            {
                // It names what an operation that is not there any more would have made.
                continue;
            }

            _answered.Add(new Answered(op, expected));
            _feed.Observe(op, expected.Succeeded);
            if (model is not null)
                Compare(op, expected, Answer(model.Session, op));
            if (Difference is not null || (op.Name == "fork_end" && nested))
                return;
            if (op.Name == "fork_begin")
                Fork(host, model);
        }
    }

    private void Fork(Side host, Side? model)
    {
        if (model is null)
        {
            host.Machine.RunForkedChild(child => Process(new Side(child, host.Session.Fork(child)), null, nested: true));
            return;
        }

        Exception? failure = null;
        model.Machine.RunForkedChild(modelChild =>
        {
            try
            {
                host.Machine.RunForkedChild(hostChild => Process(
                    new Side(hostChild, host.Session.Fork(hostChild)), new Side(modelChild, model.Session.Fork(modelChild)), nested: true));
            }
            catch (KernelOops oops)
            {
                ModelDied(oops);
            }
            catch (Exception e) when (e is AgentGoneException or HostException)
            {
                failure = e;
            }
        });
        if (failure is not null)
            throw new HostException(failure.Message, failure);
    }

    private static Outcome? Execute(Session session, Operation op)
    {
        try
        {
            return session.Execute(op);
        }
        catch (UnboundNameException)
        {
            return null;
        }
    }

    private Outcome? Answer(Session session, Operation op)
    {
        try
        {
            return Execute(session, op);
        }
        catch (KernelOops oops)
        {
            ModelDied(oops);
            throw;
        }
    }

    private void Compare(Operation op, Outcome host, Outcome? model)
    {
        if (!_model)
            return;
        if (model is null)
        {
            Difference = new Difference(op, [], $"host {host}; the model made none of what the operation names", "unbound " + Classes.Of(op));
            return;
        }

        IReadOnlyList<string> fields = host.DiffersIn(model);
        if (fields.Count != 0)
            Difference = new Difference(op, fields, $"{string.Join(", ", fields)}: host {host}, model {model}", Classes.Of(op, host, model, fields));
    }

    private sealed record Side(IUserMachine Machine, Session Session);
}
