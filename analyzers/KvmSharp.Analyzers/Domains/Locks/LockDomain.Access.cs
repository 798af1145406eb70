// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Flow;
using KvmSharp.Analyzers.KnownApis;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Domains.Locks;

/// <summary>Accesses to guarded data and the needs of calls.</summary>
internal sealed partial class LockDomain
{
    private static readonly Value[] NoValues = Array.Empty<Value>();

    /// <summary>The line of an access is the line of the member's name.</summary>
    /// <param name="node">Syntax of the access.</param>
    /// <returns>Where to report.</returns>
    internal static Location NameOf(SyntaxNode node) => node switch
    {
        MemberAccessExpressionSyntax m => m.Name.GetLocation(),
        MemberBindingExpressionSyntax b => b.Name.GetLocation(),
        _ => node.GetLocation(),
    };

    /// <summary>Checks an access to storage whose location is on top of the stack.</summary>
    internal void CheckAccess(IOperation op, AccessKind access)
    {
        ISymbol? symbol = Walker.MemberSymbol(op);
        if (op is ILocalReferenceOperation)
        {
            if (Worlds.Exists(static w => w.Peek().Alias is not null))
                CheckGuards(static w => w.Peek().Alias, static d => d.GuardedBy, access, op.Syntax.GetLocation());
            return;
        }

        if (symbol is not null)
        {
            DataContract data = _walker.Contracts.Data(symbol);
            if (data is { GuardedBy.IsEmpty: false, Unsafe: false })
            {
                var guards = new Dictionary<World, PtGuard>();
                foreach (World w in Worlds)
                    guards[w] = new PtGuard(symbol, w.Peek().Location?.Parent);
                CheckGuards(w => guards[w], static d => d.GuardedBy, access, NameOf(op.Syntax));
            }
        }

        if (Worlds.Exists(static w => w.Peek().Guard is not null))
            CheckGuards(static w => w.Peek().Guard, static d => d.PtGuardedBy, access, NameOf(op.Syntax));
    }

    /// <summary>Checks a use of the object behind a guarded reference; the reference is on top of the stack.</summary>
    internal void CheckPointee(IOperation instance, AccessKind access)
    {
        if (Worlds.Exists(static w => w.Peek().Guard is not null))
            CheckGuards(static w => w.Peek().Guard, static d => d.PtGuardedBy, access, NameOf(instance.Syntax));
    }

    /// <summary>How a by-reference argument of a method is accessed.</summary>
    /// <param name="target">The called method.</param>
    /// <returns>Write, but for the atomic operations as configured.</returns>
    internal AccessKind ByRefAccess(IMethodSymbol? target)
    {
        if (target?.ContainingType is { Name: "Interlocked" or "Volatile" } type && TypeFacts.IsIn(type, "System", "Threading"))
        {
            bool read = target.Name == "Read";
            return _walker.Settings.AtomicAccessExempt switch
            {
                "all" => AccessKind.None,
                "reads" when read => AccessKind.None,
                _ => read ? AccessKind.Read : AccessKind.Write,
            };
        }

        return AccessKind.Write;
    }

    /// <summary>Whether a lock satisfies a need in one world.</summary>
    internal bool Satisfied(World w, Obj? key, bool exclusive)
    {
        if (w.Locks[_walker.AnyLock.Id] is { IsHeld: true, Source: not LockSource.Declared })
            return true;
        if (key is null)
            return false;
        if (key.Kind == ObjKind.Any)
        {
            foreach (var p in w.Locks.ToList())
            {
                if (p.Value.IsUnknown || !exclusive || !p.Value.IsShared)
                    return true;
            }

            return false;
        }

        if (Enough(w.Locks[key.Id], exclusive))
            return true;
        if (key.Kind != ObjKind.SomeElement)
            return false;
        foreach (var p in w.Locks.ToList())
        {
            Obj held = _walker.Objs[p.Key];
            if (held.Kind == ObjKind.Element && ReferenceEquals(held.Parent, key.Parent) && Enough(p.Value, exclusive))
                return true;
        }

        return false;
    }

    /// <summary>Nobody else can see the object yet.</summary>
    internal bool IsPrivate(World w, Obj? o, ISymbol? member)
    {
        if (o is null)
            return Frame.ExemptStatics && member is { IsStatic: true } && SymbolEqualityComparer.Default.Equals(member.ContainingType?.OriginalDefinition, OwnType?.OriginalDefinition);
        Obj root = o.Root;
        return root.Kind switch
        {
            ObjKind.This => Frame.ExemptThis,
            ObjKind.New => w.Published[root.Id] is null,
            ObjKind.Static => Frame.ExemptStatics && SymbolEqualityComparer.Default.Equals(root.Symbol?.ContainingType?.OriginalDefinition, OwnType?.OriginalDefinition),
            _ => false,
        };
    }

    private INamedTypeSymbol? OwnType => Frame.Symbol.ContainingType;

    private static bool Enough(LockState? s, bool exclusive) => s is not null && (s.IsUnknown || !exclusive || !s.IsShared);

    private void CheckGuards(Func<World, PtGuard?> guard, Func<DataContract, ImmutableArray<BoundPath>> paths, AccessKind access, Location at)
    {
        ISymbol? member = null;
        foreach (World w in Worlds)
            member ??= guard(w)?.Member;
        if (member is null)
            return;
        DataContract data = _walker.Contracts.Data(member);
        if (data.Unsafe)
            return;
        foreach (BoundPath path in paths(data))
        {
            Obj? named = null;
            bool unmet = false;
            foreach (World w in Worlds)
            {
                if (guard(w) is not { } g || !SymbolEqualityComparer.Default.Equals(g.Member, member))
                    continue;
                Obj? key = GuardKey(w, path, g);
                if (IsPrivate(w, g.Owner, member) || (key is not null && IsPrivate(w, key, key.Symbol)))
                    continue;
                if (!Satisfied(w, key, access == AccessKind.Write))
                {
                    unmet = true;
                    named ??= key;
                }
            }

            if (!unmet)
                continue;
            bool write = access == AccessKind.Write;
            string text = named?.ToString() ?? path.Text;
            LockState? held = named is null ? null : Worlds[0].Locks[named.Id];
            _walker.Report(
                write ? Descriptors.GuardedWrite : Descriptors.GuardedRead,
                at,
                Origins(held).Concat(member.Locations.Where(static l => l.IsInSource)),
                Properties(named, write ? "exclusive" : "shared", write ? "MustHold" : "MustHoldShared", held).SetItem("Expression", path.Text),
                member.Name,
                text,
                Found(named, held));
        }
    }

    /// <summary>The lock a guard path names for the storage a reference was read from.</summary>
    internal Obj? GuardKey(World w, BoundPath path, PtGuard g)
    {
        Value self = Value.Of(g.Owner is null ? _walker.StaticOf(g.Member) : _walker.MemberOf(g.Owner, g.Member));
        Value owner = g.Owner is null ? Value.None : Value.Of(g.Owner);
        return PathEvaluator.Resolve(_walker, w, path, new Operands(owner, new[] { self }), null);
    }

    // The nearest held lock of the same declaration, or the held mode.
    private string Found(Obj? key, LockState? held)
    {
        if (held is { IsShared: true })
            return " (it is held shared)";
        if (key?.Symbol is null)
            return string.Empty;
        foreach (var p in Worlds[0].Locks.ToList())
        {
            Obj o = _walker.Objs[p.Key];
            if (p.Value.IsHeld && !ReferenceEquals(o, key) && SymbolEqualityComparer.Default.Equals(o.Symbol, key.Symbol))
                return " (found '" + o + "')";
        }

        return string.Empty;
    }

    /// <summary>Needs, prohibitions and sleeping of a call.</summary>
    internal void Requirements(CallSite site, List<Operands> operands, ImmutableArray<IArgumentOperation>? arguments)
    {
        foreach (LockClause c in site.Contract.Clauses)
        {
            if (c.IsNeed)
                CheckNeed(site, c, operands, site.Syntax.GetLocation());
            else if (c.Kind == ClauseKind.MustNotHold)
                CheckForbidden(site, c, operands);
        }

        CheckSleep(site, arguments);
    }

    private bool CheckNeed(CallSite site, LockClause c, List<Operands> operands, Location at)
    {
        bool exclusive = c.Kind == ClauseKind.MustHold;
        bool unmet = false;
        Obj? named = null;
        bool guardSelf = c.Path.Root == RootKind.This && c.Path.Segments.IsEmpty && site.Method.ContainingType is { } t && _walker.Contracts.Type(t).IsScoped;
        for (int i = 0; i < Worlds.Count; i++)
        {
            World w = Worlds[i];
            if (guardSelf)
            {
                if (operands[i].Receiver.Obj is { } g && w.Guards[g.Id] is { } b)
                {
                    foreach (var (k, _, _) in b.Locks)
                    {
                        if (!Satisfied(w, k, exclusive))
                            (unmet, named) = (true, k);
                    }
                }

                continue;
            }

            Obj? key = PathEvaluator.Resolve(_walker, w, c.Path, operands[i], null);
            Obj? rootObj = c.Path.Root is RootKind.This or RootKind.Receiver or RootKind.Captured ? operands[i].Receiver.Obj : c.Path.Root == RootKind.Parameter ? operands[i].Argument(c.Path.Ordinal).Obj : null;
            if ((rootObj is not null && IsPrivate(w, rootObj, null)) || (key is not null && IsPrivate(w, key, key.Symbol)))
                continue;
            if (Satisfied(w, key, exclusive))
                continue;
            unmet = true;
            named ??= key;
        }

        if (!unmet)
            return false;
        LockState? held = named is null ? null : Worlds[0].Locks[named.Id];
        _walker.Report(
            Descriptors.CallNeedsLock,
            at,
            Origins(held),
            Properties(named, exclusive ? "exclusive" : "shared", exclusive ? "MustHold" : "MustHoldShared", held).SetItem("Expression", c.Path.Text),
            site.Name,
            named?.ToString() ?? c.Path.Text,
            exclusive ? "exclusively" : "at least shared",
            Found(named, held));
        return true;
    }

    private void CheckForbidden(CallSite site, LockClause c, List<Operands> operands)
    {
        if (c.Path.Root == RootKind.Any)
        {
            foreach (var p in Worlds[0].Locks.ToList())
            {
                Obj o = _walker.Objs[p.Key];
                if (HeldEverywhere(o))
                {
                    _walker.Report(Descriptors.CallForbidden, site.Syntax.GetLocation(), Origins(p.Value), Properties(o, "exclusive", "MustNotHold", p.Value), site.Name, o.ToString());
                    return;
                }
            }

            return;
        }

        Obj?[] keys = Keys(c, operands, null);
        bool all = true, any = false;
        LockState? state = null;
        for (int i = 0; i < keys.Length; i++)
        {
            if (keys[i] is not { } key)
            {
                all = false;
                continue;
            }

            LockState? s = Worlds[i].Locks[key.Id];
            if (s is null && key.Kind == ObjKind.SomeElement)
                s = Worlds[i].Locks.ToList().Where(p => p.Value.IsHeld && _walker.Objs[p.Key].Kind == ObjKind.Element && ReferenceEquals(_walker.Objs[p.Key].Parent, key.Parent)).Select(static p => p.Value).FirstOrDefault();
            any |= s is not null;
            all &= s is { IsHeld: true };
            state ??= s;
        }

        Obj? named = keys.FirstOrDefault(static k => k is not null);
        if (all && any)
            _walker.Report(Descriptors.CallForbidden, site.Syntax.GetLocation(), Origins(state), Properties(named, "exclusive", "MustNotHold", state), site.Name, named!.ToString());
        else if (_walker.Settings.NegativeContracts && !any && named is not null && !ProvesNotHeld(site, named))
            _walker.Report(Descriptors.CallForbidden, site.Syntax.GetLocation(), null, Properties(named, "exclusive", "MustNotHold").SetItem("Source", "unproven"), site.Name, named.ToString());
    }

    private bool ProvesNotHeld(CallSite site, Obj key)
    {
        if (!SymbolEqualityComparer.Default.Equals(site.Method.ContainingType?.OriginalDefinition, OwnType?.OriginalDefinition))
            return true;
        if (Frame.ExemptThis && key.Root.Kind == ObjKind.This)
            return true;
        foreach (LockClause c in Frame.Contract.Clauses)
        {
            if (c.Kind == ClauseKind.MustNotHold || c.IsAcquire || c.IsCond || c.IsRelease)
            {
                if (c.Path.Root == RootKind.Any || ReferenceEquals(PathEvaluator.Resolve(_walker, Worlds[0], c.Path, SelfOperands(), null), key))
                    return true;
            }
        }

        return false;
    }

    /// <summary>A method with needs is converted to a delegate; its receiver is on top of the stack.</summary>
    internal void MethodGroup(IMethodReferenceOperation m, IDelegateCreationOperation d)
    {
        Contract c = _walker.Contracts.Of(m.Method);
        if (c.Clauses.IsEmpty)
            return;
        Contract target = _walker.Contracts.OfDelegate(d.Type);
        bool immediate = d.Parent is IArgumentOperation { Parent: IInvocationOperation i } && ImmediateInvokers.Is(i.TargetMethod, _walker.Settings.ImmediateInvokers);
        foreach (LockClause clause in c.Clauses)
        {
            if (!clause.IsNeed && clause.Kind != ClauseKind.MustNotHold)
                continue;
            if (target.Clauses.Any(x => x.Kind == clause.Kind && x.Path.Key == clause.Path.Key))
                continue;
            if (immediate && clause.IsNeed)
            {
                var operands = Worlds.Select(static w => new Operands(w.Peek(), NoValues)).ToList();
                CheckNeed(new CallSite(m.Method, c, m, d.Syntax), clause, operands, d.Syntax.GetLocation());
                continue;
            }

            if (immediate)
                continue;
            _walker.Report(
                Descriptors.CallNeedsLock,
                d.Syntax.GetLocation(),
                null,
                Properties(null, "exclusive", null).SetItem("Expression", clause.Path.Text),
                m.Method.Name,
                clause.Path.Text,
                clause.IsNeed ? "when the delegate is called" : "by nobody when the delegate is called",
                string.Empty);
            return;
        }
    }
}
