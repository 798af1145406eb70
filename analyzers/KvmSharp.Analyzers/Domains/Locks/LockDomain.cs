// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Flow;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Domains.Locks;

/// <summary>Kinds of access to data.</summary>
internal enum AccessKind
{
    /// <summary>No access.</summary>
    None,

    /// <summary>A read.</summary>
    Read,

    /// <summary>A write.</summary>
    Write,
}

/// <summary>What is held: acquisitions, releases and everything that is decided about them.</summary>
internal sealed partial class LockDomain
{
    private readonly Walker _walker;

    internal LockDomain(Walker walker) => _walker = walker;

    private List<World> Worlds => _walker.State.Worlds;

    private FunctionFrame Frame => _walker.Function;

    /// <summary>KS1009, for the joiner.</summary>
    /// <param name="site">Statement whose paths disagree.</param>
    /// <param name="key">The lock.</param>
    /// <param name="a">State on one side.</param>
    /// <param name="b">State on the other.</param>
    internal void ReportConflict(SyntaxNode site, Obj key, LockState? a, LockState? b)
    {
        if (Frame.ExemptBalance || Untracked(key))
            return;
        _walker.ReportSticky(Descriptors.JoinDiffers, FirstLine(site), Origins(a, b), Properties(key, "exclusive", null, a ?? b), key.ToString(), key.ToString());
    }

    internal static Location FirstLine(SyntaxNode site) => site.GetFirstToken().GetLocation();

    /// <summary>What a code fix needs: a C# expression of the lock if there is one, the mode, and how it came to be held.</summary>
    /// <param name="key">The lock.</param>
    /// <param name="mode">The mode needed or held.</param>
    /// <param name="attribute">An attribute that would settle it.</param>
    /// <param name="state">The state of the lock, for its source.</param>
    /// <returns>The property bag.</returns>
    internal ImmutableDictionary<string, string?> Properties(Obj? key, string mode, string? attribute, LockState? state = null)
    {
        var b = ImmutableDictionary.CreateBuilder<string, string?>();
        if (key is not null && Expression(key) is { } text)
            b.Add("Lock", text);
        b.Add("Mode", mode);
        b.Add("Held", state is null ? key is not null && Worlds.Exists(w => w.Locks[key.Id] is { IsHeld: true }) ? "conditional" : "none" : state.IsUnknown ? "none" : state.IsShared ? "shared" : "exclusive");
        if (state is { IsHeld: true })
            b.Add("Source", state.Source.ToString().ToLowerInvariant());
        if (attribute is not null)
            b.Add("Attribute", attribute);
        return b.ToImmutable();
    }

    /// <summary>A C# expression that names an object at this point.</summary>
    /// <param name="o">The object.</param>
    /// <returns>The expression; null if nothing names it.</returns>
    internal string? Expression(Obj o)
    {
        switch (o.Kind)
        {
            case ObjKind.This:
                return "this";
            case ObjKind.Parameter or ObjKind.Local when o.Symbol is not null:
                return o.Symbol.Name;
            case ObjKind.Static:
                return o.Symbol!.ContainingType is { } t && !SymbolEqualityComparer.Default.Equals(t, OwnType) ? t.Name + "." + o.Symbol.Name : o.Symbol.Name;
            case ObjKind.Member when o.Parent is not null && o.Symbol is IFieldSymbol or IPropertySymbol or IParameterSymbol:
                return o.Parent!.Kind == ObjKind.This ? o.Symbol!.Name : Expression(o.Parent) is { } parent ? parent + "." + o.Symbol!.Name : null;
            case ObjKind.Element when o.Parent is not null && Expression(o.Parent) is { } array:
                return o.Index is null ? array + "[" + o.Site + "]" : Expression(o.Index) is { } index ? array + "[" + index + "]" : null;
        }

        foreach (World w in Worlds)
        {
            foreach (var p in w.Env.ToList())
            {
                if (ReferenceEquals(p.Value.Obj, o) && _walker.Objs[p.Key] is { Kind: ObjKind.Local or ObjKind.Parameter, Symbol: { } s })
                    return s.Name;
            }
        }

        return null;
    }

    internal static IEnumerable<Location> Origins(params LockState?[] states)
    {
        var list = new List<Location>();
        foreach (LockState? s in states)
        {
            if (s?.Origin is { } o)
                list.Add(FirstLine(o));
        }

        return list;
    }

    /// <summary>True for a lock that tracking does not speak about: a semaphore not known to be binary.</summary>
    private static bool Untracked(Obj key) => false;

    internal bool IsReentrant(Obj key, ClauseTweak tweak)
    {
        if (tweak is ClauseTweak.Reentrant or ClauseTweak.ReentrantTakenArgument)
            return true;
        ITypeSymbol? type = key.Type;
        TypeContract c = _walker.Contracts.Type(type);
        if (c.IsLock)
            return c.Reentrant;
        if (TypeFacts.IsDotNetLock(type))
            return type!.Name is "Lock" or "Mutex";
        return type is not null && type.IsReferenceType;
    }

    /// <summary>Takes a lock. One key per world; null is not tracked.</summary>
    internal void Acquire(IReadOnlyList<Obj?> keys, bool shared, ClauseTweak tweak, LockSource source, SyntaxNode at, bool awaited = false)
    {
        bool some = false, allHeld = true;
        for (int i = 0; i < Worlds.Count; i++)
        {
            if (keys[i] is not { } key)
                continue;
            some = true;
            allHeld &= Worlds[i].Locks[key.Id] is { IsHeld: true };
        }

        if (!some)
            return;
        CheckOrder(keys, at);
        if (allHeld && !CanNest(keys, shared, tweak))
        {
            Obj key = keys.First(static k => k is not null)!;
            if (key.Kind != ObjKind.SomeElement)
            {
                ReportBalance(Descriptors.AcquiredTwice, at, Worlds[0].Locks[key.Id], key, "MustNotHold");
                return;
            }
        }

        for (int i = 0; i < Worlds.Count; i++)
        {
            if (keys[i] is { } key)
                Worlds[i].Locks = Worlds[i].Locks.Set(key.Id, Taken(Worlds[i].Locks[key.Id], key, shared, tweak, source, at, awaited));
        }
    }

    /// <summary>Gives a lock back.</summary>
    internal void Release(IReadOnlyList<Obj?> keys, bool shared, ClauseTweak tweak, SyntaxNode at)
    {
        bool notHeld = false, wrongMode = false;
        Obj? named = null;
        for (int i = 0; i < Worlds.Count; i++)
        {
            if (keys[i] is not { } key)
                continue;
            named ??= key;
            LockState? s = Worlds[i].Locks[key.Id];
            notHeld |= s is null;
            wrongMode |= s is { IsHeld: true } && s.IsShared != shared;
        }

        if (named is null)
            return;
        if (notHeld || wrongMode)
        {
            LockState? before = Worlds.Select((w, i) => keys[i] is { } k ? w.Locks[k.Id] : null).FirstOrDefault(static s => s is not null);
            ReportBalance(Descriptors.ReleaseNotHeld, at, before, named, null, notHeld ? string.Empty : " in this mode");
        }

        for (int i = 0; i < Worlds.Count; i++)
        {
            if (keys[i] is not { } key)
                continue;
            World w = Worlds[i];
            LockState? s = w.Locks[key.Id];
            if (!notHeld && !wrongMode && s is { IsHeld: true })
            {
                if (s.Depth > 1)
                {
                    w.Locks = w.Locks.Set(key.Id, s.Deeper(-1));
                    continue;
                }

                if (s.OverUpgradeable && tweak == ClauseTweak.WriteOverUpgradeable)
                {
                    w.Locks = w.Locks.Set(key.Id, s.BackToUpgradeable());
                    continue;
                }
            }

            w.Locks = w.Locks.Remove(key.Id);
        }
    }

    internal void Assert(IReadOnlyList<Obj?> keys, bool shared, SyntaxNode at)
    {
        for (int i = 0; i < Worlds.Count; i++)
        {
            if (keys[i] is not { } key)
                continue;
            LockState? s = Worlds[i].Locks[key.Id];
            if (s is { IsHeld: true } && (shared || !s.IsShared))
                continue;
            Worlds[i].Locks = Worlds[i].Locks.Set(key.Id, LockState.Held(shared, LockSource.Asserted, at));
        }
    }

    /// <summary>Takes a lock in those worlds in which a call succeeded. Worlds are split; the operands stay with their worlds.</summary>
    internal void AcquireIf(LockClause clause, CallSite site, List<Operands> operands, Obj? result, LockSource source, bool awaited)
    {
        bool taken = clause.Tweak is ClauseTweak.TakenArgument or ClauseTweak.ReentrantTakenArgument;
        Obj?[] keys = Keys(clause, operands, result);
        if (!keys.Any(static k => k is not null))
            return;
        CheckOrder(keys, site.Syntax);
        bool allHeld = true;
        for (int i = 0; i < keys.Length; i++)
            allHeld &= keys[i] is null || Worlds[i].Locks[keys[i]!.Id] is { IsHeld: true };
        if (allHeld && !CanNest(keys, clause.IsShared, clause.Tweak))
        {
            Obj key = keys.First(static k => k is not null)!;
            ReportBalance(Descriptors.AcquiredTwice, site.Syntax, Worlds[0].Locks[key.Id], key, "MustNotHold");
            if (result is not null)
                result.IsLockOutcome = false;
            return;
        }

        if (!taken && result is null)
            return;
        var worlds = new List<World>();
        var ops = new List<Operands>();
        for (int i = 0; i < keys.Length; i++)
        {
            World w = Worlds[i];
            if (keys[i] is not { } key)
            {
                worlds.Add(w);
                ops.Add(operands[i]);
                continue;
            }

            Obj? flag = taken ? TakenLocation(site, operands[i]) : result;
            bool? known = taken ? null : w.Facts[flag!.Id] is { } f ? (f.Value != 0) == clause.When : null;
            if (known != false)
            {
                World yes = known is null ? w.Clone() : w;
                yes.Locks = yes.Locks.Set(key.Id, Taken(yes.Locks[key.Id], key, clause.IsShared, clause.Tweak, source, site.Syntax, awaited));
                Mark(yes, flag, taken, taken || clause.When);
                worlds.Add(yes);
                ops.Add(operands[i]);
            }

            if (known != true)
            {
                Mark(w, flag, taken, !taken && !clause.When);
                worlds.Add(w);
                ops.Add(operands[i]);
            }
        }

        Worlds.Clear();
        Worlds.AddRange(worlds);
        operands.Clear();
        operands.AddRange(ops);
    }

    /// <summary>The lock of a clause in each world.</summary>
    internal Obj?[] Keys(LockClause clause, IReadOnlyList<Operands> operands, Obj? result)
    {
        var keys = new Obj?[Worlds.Count];
        for (int i = 0; i < keys.Length; i++)
        {
            Obj? key = PathEvaluator.Resolve(_walker, Worlds[i], clause.Path, operands[i], result);
            if (key is not null && clause.Tweak == ClauseTweak.Semaphore && !_walker.Model.Semaphores.IsBinary(key, _walker))
                key = null;
            keys[i] = key;
        }

        return keys;
    }

    private static void Mark(World w, Obj? flag, bool taken, bool value)
    {
        if (flag is null)
            return;
        if (taken)
            w.Env = w.Env.Set(flag.Id, Value.Bool(value));
        else
            w.Facts = w.Facts.Set(flag.Id, Bits.Of(value));
    }

    private static Obj? TakenLocation(CallSite site, Operands o)
    {
        foreach (IParameterSymbol p in site.Method.Parameters)
        {
            if (p.RefKind == RefKind.Ref && p.Type.SpecialType == SpecialType.System_Boolean)
                return o.Argument(p.Ordinal).Location;
        }

        return null;
    }

    // Whether a lock that is held may be taken again this way.
    private bool CanNest(IReadOnlyList<Obj?> keys, bool shared, ClauseTweak tweak)
    {
        for (int i = 0; i < Worlds.Count; i++)
        {
            if (keys[i] is not { } key || Worlds[i].Locks[key.Id] is not { IsHeld: true } s)
                continue;
            if (tweak == ClauseTweak.WriteOverUpgradeable && s is { IsUpgradeable: true, OverUpgradeable: false })
                continue;
            if (!IsReentrant(key, tweak) || s.IsShared != shared)
                return false;
        }

        return true;
    }

    private LockState Taken(LockState? s, Obj key, bool shared, ClauseTweak tweak, LockSource source, SyntaxNode at, bool awaited)
    {
        if (s is { IsHeld: true })
        {
            if (tweak == ClauseTweak.WriteOverUpgradeable && s.IsUpgradeable)
                return s.AsExclusiveOver(at);
            if (IsReentrant(key, tweak) && s.IsShared == shared)
                return s.Deeper(1);
        }

        LockState held = LockState.Held(shared, source, at, awaited);
        return tweak == ClauseTweak.Upgradeable ? held.Upgradeable() : held;
    }

    private void ReportBalance(Microsoft.CodeAnalysis.DiagnosticDescriptor rule, SyntaxNode at, LockState? state, Obj key, string? attribute, params object[] more)
    {
        if (Frame.ExemptBalance)
            return;
        var args = new object[more.Length + 1];
        args[0] = key.ToString();
        more.CopyTo(args, 1);
        _walker.Report(rule, at.GetLocation(), Origins(state), Properties(key, state is { IsShared: true } ? "shared" : "exclusive", attribute, state), args);
    }

    private void CheckOrder(IReadOnlyList<Obj?> keys, SyntaxNode at)
    {
        if (!_walker.Model.Order.IsDeclared)
            return;
        for (int i = 0; i < Worlds.Count; i++)
        {
            if (keys[i] is not { Symbol: { } symbol } key)
                continue;
            foreach (var held in Worlds[i].Locks.ToList())
            {
                Obj other = _walker.Objs[held.Key];
                if (!held.Value.IsHeld || ReferenceEquals(other, key) || other.Symbol is null || !HeldEverywhere(other))
                    continue;
                if (_walker.Model.Order.Before(symbol, other.Symbol))
                {
                    _walker.Report(Descriptors.OrderViolated, at.GetLocation(), Origins(held.Value), Properties(key, "exclusive", null).SetItem("Other", Expression(other)), key.ToString(), other.ToString());
                    return;
                }
            }
        }
    }

    private bool HeldEverywhere(Obj key)
    {
        foreach (World w in Worlds)
        {
            if (w.Locks[key.Id] is not { IsHeld: true })
                return false;
        }

        return true;
    }

    /// <summary>Applies the lock clauses of a call.</summary>
    internal void Effects(CallSite site, List<Operands> operands, Obj? result, bool deferred, bool awaited = false)
    {
        if (GuardOperation(site, operands))
            return;
        ImmutableArray<LockClause> clauses = site.Contract.Clauses;
        if (clauses.IsEmpty)
            return;
        ITypeSymbol? type = result?.Type;
        bool guard = type is not null && (_walker.Contracts.Type(type).IsScoped || TypeFacts.IsLockScope(type));
        LockSource source = guard ? LockSource.Managed : LockSource.Acquired;
        if (!awaited)
        {
            foreach (LockClause c in clauses)
            {
                if (c.IsRelease && !GuardSelf(site, c, operands))
                    Release(Keys(c, operands, result), c.IsShared, c.Tweak, site.Syntax);
            }
        }

        if (!deferred)
        {
            foreach (LockClause c in clauses)
            {
                if (!c.IsAcquire || GuardSelf(site, c, operands))
                    continue;
                Acquire(Keys(c, operands, result), c.IsShared, c.Tweak, source, site.Syntax, awaited);
                if (c.Tweak is ClauseTweak.TakenArgument or ClauseTweak.ReentrantTakenArgument)
                {
                    for (int i = 0; i < Worlds.Count; i++)
                    {
                        if (TakenLocation(site, operands[i]) is { } location)
                            Worlds[i].Env = Worlds[i].Env.Set(location.Id, Value.True);
                    }
                }
            }

            foreach (LockClause c in clauses)
            {
                if (c.IsCond)
                    AcquireIf(c, site, operands, result, source, awaited);
            }

            if (guard && result is not null)
                BindGuard(clauses, operands, result);
        }

        if (!awaited)
        {
            foreach (LockClause c in clauses)
            {
                if (c.IsAssert)
                    Assert(Keys(c, operands, result), c.IsShared, site.Syntax);
            }
        }
    }

    internal bool IsLockOperation(CallSite site)
    {
        return site.Contract.IsOperation || IsGuardDispose(site.Method);
    }

    internal void EnterLockStatement(ILockOperation l)
    {
        var keys = Worlds.Select(static w => PathEvaluator.Stable(w.Peek())).ToList();
        if (InAtomic(out string why))
            _walker.Report(Descriptors.SleepInAtomic, FirstLine(l.Syntax), null, null, "lock", why);
        Acquire(keys, false, ClauseTweak.Reentrant, LockSource.Acquired, l.Syntax);
    }

    internal void ExitLockStatement(ILockOperation l)
    {
        foreach (World w in Worlds)
        {
            if (PathEvaluator.Stable(w.Peek()) is not { } key)
                continue;
            LockState? s = w.Locks[key.Id];
            w.Locks = s is { IsHeld: true, Depth: > 1 } ? w.Locks.Set(key.Id, s.Deeper(-1)) : w.Locks.Remove(key.Id);
        }
    }
}
