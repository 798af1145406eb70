// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Flow;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Domains.Locks;

/// <summary>Scoped guards.</summary>
internal sealed partial class LockDomain
{
    internal bool IsGuardDispose(IMethodSymbol m)
        => m.Name is "Dispose" or "DisposeAsync" && m.Parameters.IsEmpty && m.ContainingType is { } t
            && (_walker.Contracts.Type(t).IsScoped || TypeFacts.IsLockScope(t) || t.Name is "IDisposable" or "IAsyncDisposable");

    private void BindGuard(ImmutableArray<LockClause> clauses, List<Operands> operands, Obj guard)
    {
        for (int i = 0; i < Worlds.Count; i++)
        {
            World w = Worlds[i];
            var locks = new List<(Obj, bool, LockState?)>();
            foreach (LockClause c in clauses)
            {
                bool adopts = c.Kind is ClauseKind.MustHold or ClauseKind.MustHoldShared;
                if (!c.IsAcquire && !c.IsCond && !adopts && c.Kind != ClauseKind.MustNotHold)
                    continue;
                if (PathEvaluator.Resolve(_walker, w, c.Path, operands[i], guard) is not { } key || ReferenceEquals(key, guard))
                    continue;
                LockState? s = w.Locks[key.Id];
                if (adopts && s is { IsHeld: true })
                    w.Locks = w.Locks.Set(key.Id, s.With(LockSource.Managed));
                locks.Add((key, c.IsShared, s));
            }

            if (locks.Count != 0)
                w.Guards = w.Guards.Set(guard.Id, new GuardBinding(locks));
        }
    }

    // Dispose of a guard gives back what the guard manages, and never reports.
    private bool GuardOperation(CallSite site, List<Operands> operands)
    {
        if (!IsGuardDispose(site.Method))
            return false;
        bool any = _walker.Contracts.Type(site.Method.ContainingType).IsScoped || TypeFacts.IsLockScope(site.Method.ContainingType);
        for (int i = 0; i < Worlds.Count; i++)
        {
            World w = Worlds[i];
            if (operands[i].Receiver.Obj is not { } guard || w.Guards[guard.Id] is not { } binding)
                continue;
            any = true;
            foreach (var (key, _, _) in binding.Locks)
            {
                LockState? s = w.Locks[key.Id];
                if (s is null)
                    continue;
                w.Locks = s is { IsHeld: true, Depth: > 1 } ? w.Locks.Set(key.Id, s.Deeper(-1)) : w.Locks.Remove(key.Id);
            }
        }

        return any;
    }

    // A clause about 'this' on a member of a guard speaks of the managed locks.
    private bool GuardSelf(CallSite site, LockClause clause, List<Operands> operands)
    {
        if (clause.Path.Root != RootKind.This || !clause.Path.Segments.IsEmpty || site.Method.MethodKind == MethodKind.Constructor
            || !_walker.Contracts.Type(site.Method.ContainingType).IsScoped)
            return false;
        int count = 0;
        var bindings = new GuardBinding?[Worlds.Count];
        for (int i = 0; i < Worlds.Count; i++)
        {
            bindings[i] = operands[i].Receiver.Obj is { } g ? Worlds[i].Guards[g.Id] : null;
            if (bindings[i] is { } b && b.Locks.Count > count)
                count = b.Locks.Count;
        }

        for (int n = 0; n < count; n++)
        {
            var keys = new Obj?[Worlds.Count];
            bool shared = clause.IsShared;
            for (int i = 0; i < keys.Length; i++)
            {
                if (bindings[i] is { } b && n < b.Locks.Count)
                {
                    keys[i] = b.Locks[n].Key;
                    if (clause.IsRelease && Worlds[i].Locks[keys[i]!.Id] is { IsHeld: true } s)
                        shared = s.IsShared;
                }
            }

            if (clause.IsRelease)
                Release(keys, shared, ClauseTweak.None, site.Syntax);
            else
                Acquire(keys, clause.IsShared, ClauseTweak.None, LockSource.Managed, site.Syntax);
        }

        return true;
    }

    /// <summary>A value is about to be stored. Stack: location, value.</summary>
    internal void Storing(IOperation? target, ISymbol? member, SyntaxNode at, IOperation? valueOperation)
    {
        bool local = target is null or ILocalReferenceOperation or IParameterReferenceOperation or IDiscardOperation;
        foreach (World w in Worlds)
        {
            Value v = w.Peek();
            Value l = w.Stack?.Next?.Value ?? Value.None;
            if (!local)
            {
                if (v.Kind == ValueKind.Obj && w.Guards[v.Obj!.Id] is { } binding)
                    MakeUnknown(w, binding);
                if (v.Kind == ValueKind.Obj && !IsFreshOwner(w, l))
                    _walker.PublishIn(w, v.Obj!);
                continue;
            }

            if (l.Location is not { } location || w.Env[location.Id] is not { Kind: ValueKind.Obj, Obj: { } old } || ReferenceEquals(old, v.Obj)
                || w.Guards[old.Id] is not { } lost || OtherName(w, old, location))
                continue;
            foreach (var (key, _, _) in lost.Locks)
            {
                if (w.Locks[key.Id] is not { IsHeld: true } s)
                    continue;
                ReportBalance(Descriptors.HeldAtExit, at, s, key, null);
                w.Locks = w.Locks.Set(key.Id, LockState.Unknown);
            }
        }

        if (!local && valueOperation is not null)
            EscapeStoredTo(valueOperation, member);
    }

    private static bool IsFreshOwner(World w, Value location) => false;

    private static bool OtherName(World w, Obj o, Obj location) => w.Names(o, location.Id);

    private static void MakeUnknown(World w, GuardBinding binding)
    {
        foreach (var (key, _, _) in binding.Locks)
        {
            if (w.Locks[key.Id] is { IsHeld: true })
                w.Locks = w.Locks.Set(key.Id, LockState.Unknown);
        }
    }
}
