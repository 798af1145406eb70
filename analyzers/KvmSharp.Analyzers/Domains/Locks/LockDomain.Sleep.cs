// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Flow;
using KvmSharp.Analyzers.KnownApis;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Domains.Locks;

/// <summary>Atomic contexts, sleeping and suspension.</summary>
internal sealed partial class LockDomain
{
    internal bool InfersSleep(IMethodSymbol m)
        => _walker.Settings.SleepInference != "none" && InAtomic() && _walker.Model.Sleep.Infers(m, OwnType, _walker.Settings.SleepInference);

    /// <summary>Whether sleeping is forbidden here.</summary>
    /// <returns>True in atomic context.</returns>
    internal bool InAtomic() => InAtomic(out _, text: false);

    /// <summary>Whether sleeping is forbidden here.</summary>
    /// <param name="why">What forbids it, for the message.</param>
    /// <param name="text">Whether the message is wanted.</param>
    /// <returns>True in atomic context.</returns>
    internal bool InAtomic(out string why, bool text = true)
    {
        for (FunctionFrame? f = Frame; f is not null; f = f.Caller)
        {
            if (f.Contract.AtomicContext)
            {
                why = "the body runs in atomic context";
                return true;
            }
        }

        why = string.Empty;
        if (Worlds.Count == 0 || Worlds[0].Locks.IsEmpty)
            return false;
        if (!Worlds[0].Locks.Exists(static (key, state, domain, _) => ((LockDomain)domain).ForbidsSleep(key, (LockState)state), this))
            return false;
        if (!text)
            return true;
        foreach (var p in Worlds[0].Locks.ToList())
        {
            if (ForbidsSleep(p.Key, p.Value))
            {
                why = "'" + _walker.Objs[p.Key] + "' is held";
                return true;
            }
        }

        return false;
    }

    private bool ForbidsSleep(int key, LockState state) => state.IsHeld && IsAtomic(_walker.Objs[key]) && HeldEverywhere(_walker.Objs[key]);

    internal void Await(SyntaxNode at, bool canSuspend)
    {
        if (Worlds.Count == 0)
            return;
        if (InAtomic(out string why))
        {
            _walker.Report(Descriptors.SleepInAtomic, FirstLine(at), null, null, "await", why);
        }
        else
        {
            foreach (var p in Worlds[0].Locks.ToList())
            {
                Obj o = _walker.Objs[p.Key];
                if (p.Value.IsHeld && IsThreadBound(o, p.Value) && HeldEverywhere(o))
                {
                    _walker.Report(Descriptors.SleepInAtomic, FirstLine(at), Origins(p.Value), Properties(o, "exclusive", null), "await", "'" + o + "' is held by this thread");
                    break;
                }
            }
        }

        if (!canSuspend || !Frame.IsAsync)
            return;
        foreach (World w in Worlds)
        {
            foreach (var p in w.Locks.ToList())
            {
                Obj o = _walker.Objs[p.Key];
                if (p.Value is { IsHeld: true, Source: LockSource.Declared } && IsThreadBound(o, p.Value))
                {
                    w.Locks = w.Locks.Remove(p.Key);
                    Frame.LostByAwait.Add(o);
                }
            }
        }
    }

    /// <summary>The awaited task is on top of the stack; what it promised takes effect.</summary>
    internal void AwaitedResult(IAwaitOperation a)
    {
        CallSite? site = null;
        foreach (World w in Worlds)
            site ??= w.Peek().Pending?.Call;
        if (site is null)
            return;
        Obj? result = a.Type is null or { SpecialType: SpecialType.System_Void } ? null : _walker.Produce(ObjKind.Result, (a.Syntax, "await"), a.Type);
        bool cond = site.Contract.HasCond;
        if (result is not null)
        {
            result.IsLockOutcome |= cond;
            result.IsOutcome |= site.Contract.MustCheck;
        }

        var operands = new List<Operands>();
        foreach (World w in Worlds)
            operands.Add(w.Pop().Pending?.Operands ?? new Operands(Value.None, new Value[site.Method.Parameters.Length].Select(static _ => Value.None).ToArray()));
        Effects(site, operands, result, deferred: false, awaited: true);
        _walker.References.Result(site, operands, result, null);
        _walker.ReturnCodes.Result(site, result);
        foreach (World w in Worlds)
        {
            w.Push(result is null
                ? Value.None
                : result.IsBoolean ? Value.Testing(TestKind.Truth, result, false, true) : Value.Of(result, unstable: true));
        }
    }

    /// <summary><c>Debug.Assert(Monitor.IsEntered(x))</c> and its relatives.</summary>
    /// <returns>True if the call was one and has been handled.</returns>
    internal bool Assertion(IInvocationOperation i)
    {
        if (i.TargetMethod is not { Name: "Assert", ContainingType: { Name: "Debug" or "Trace" } type } || !TypeFacts.IsIn(type, "System", "Diagnostics") || i.Arguments.IsEmpty)
            return false;
        IOperation condition = i.Arguments[0].Value;
        while (condition is IParenthesizedOperation p)
            condition = p.Operand;
        var parts = new List<IOperation>();
        Conjuncts(condition, parts);
        if (!parts.Exists(static x => Asserted(x) is not null))
            return false;
        foreach (IOperation part in parts)
        {
            if (Asserted(part) is not { } target)
            {
                _walker.EvalDrop(part);
                continue;
            }

            _walker.Eval(target);
            if (!_walker.Reachable)
                return true;
            var keys = Worlds.Select(static w => PathEvaluator.Stable(w.Pop())).ToList();
            Assert(keys, shared: false, i.Syntax);
        }

        return true;
    }

    private static void Conjuncts(IOperation op, List<IOperation> parts)
    {
        if (op is IBinaryOperation { OperatorKind: BinaryOperatorKind.ConditionalAnd } b)
        {
            Conjuncts(b.LeftOperand, parts);
            Conjuncts(b.RightOperand, parts);
            return;
        }

        parts.Add(op);
    }

    private static IOperation? Asserted(IOperation op) => op switch
    {
        IParenthesizedOperation p => Asserted(p.Operand),
        IInvocationOperation { TargetMethod: { Name: "IsEntered", ContainingType: { } t } } i when TypeFacts.IsThreading(t, "Monitor") => Unconverted(i.Arguments[0].Value),
        IPropertyReferenceOperation { Property: { Name: "IsHeldByCurrentThread", ContainingType: { } t }, Instance: { } l } when TypeFacts.IsThreading(t, "Lock") || TypeFacts.IsThreading(t, "SpinLock") => l,
        _ => null,
    };

    private static IOperation Unconverted(IOperation op)
    {
        while (op is IConversionOperation c)
            op = c.Operand;
        return op;
    }

    private void CheckSleep(CallSite site, ImmutableArray<IArgumentOperation>? arguments)
    {
        bool sleeps = site.Contract.MightSleep;
        if (!sleeps && !InfersSleep(site.Method))
            return;
        if (!InAtomic(out string why) || (arguments is { } list && KnownSleep.ZeroTimeout(list)))
            return;
        _walker.Report(Descriptors.SleepInAtomic, site.Syntax.GetLocation(), null, null, site.Name, why);
    }

    private bool IsAtomic(Obj o) => TypeFacts.IsThreading(o.Type, "SpinLock") || (o.Contract ??= _walker.Contracts.Type(o.Type)).Atomic;

    private static bool IsThreadBound(Obj o, LockState s) => !s.Awaited && o.Kind != ObjKind.Any && !TypeFacts.IsThreading(o.Type, "SemaphoreSlim");
}
