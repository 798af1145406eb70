// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Domains.Locks;
using KvmSharp.Analyzers.Domains.References;
using KvmSharp.Analyzers.Flow;
using KvmSharp.Analyzers.Options;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Domains.DirectMap;

/// <summary>What is known about the direct-map entries of a folio.</summary>
internal sealed class DirectMapDomain
{
    private const int Zapped = 1;
    private const int Dirty = 2;
    private const int Fresh = 4;

    private readonly Walker _walker;

    internal DirectMapDomain(Walker walker) => _walker = walker;

    private enum Role
    {
        None,
        Zap,
        Restore,
        Flush,
        Access,
        Alloc,
        Free,
    }

    private List<World> Worlds => _walker.State.Worlds;

    private AnalyzerSettings Settings => _walker.Settings;

    internal bool IsOperation(IMethodSymbol m) => RoleOf(m) is not Role.None and not Role.Alloc;

    /// <summary>Whether a call leaves a folio unpublished.</summary>
    internal bool KeepsPrivate(CallSite site, int ordinal)
    {
        if (site.KeepsAllPrivate ??= RoleOf(site.Method) != Role.None || site.Contract.IsGet || site.Contract.IsPut || _walker.Locks.IsLockOperation(site))
            return true;
        RefEffect effect = ordinal < 0 ? site.Contract.Receiver : site.Contract.Parameter(ordinal).Effect;
        return effect != RefEffect.None && effect != RefEffect.Consumes;
    }

    internal void PublishIn(World w, Obj o)
    {
        if (w.Maps[o.Id] is { } b && (b.Value & Fresh) != 0)
            w.Maps = w.Maps.Set(o.Id, Bits.Of(b.Value & ~Fresh));
    }

    internal void Storing(Microsoft.CodeAnalysis.IOperation? target)
    {
    }

    /// <summary>Checks before the effects of a call.</summary>
    internal void Before(CallSite site, List<Operands> operands)
    {
        Role role = RoleOf(site.Method);
        bool put = site.Contract.IsPut || site.Contract.HasDrop || site.Contract.Receiver == RefEffect.Drops;
        bool releases = site.Contract.Clauses.Length != 0 || _walker.Locks.IsGuardDispose(site.Method);
        if (role == Role.None && !put && !releases)
            return;
        for (int i = 0; i < Worlds.Count; i++)
        {
            World w = Worlds[i];
            if (role is Role.Zap or Role.Restore && Folio(site, operands[i]) is { } changed)
                CheckLocked(w, changed, site);
            if (role == Role.Access && Folio(site, operands[i]) is { } used && Has(w, used, Zapped))
                Report(Descriptors.UsedWhileZapped, site, used, site.Name, used.ToString());
            if (role == Role.Free && Folio(site, operands[i]) is { } freed)
                CheckFree(w, freed, site);
            else if (put && Dropped(site, operands[i]) is { } last && Has(w, last, Fresh) && w.Refs[last.Id] is { } refs && (refs.Bits & RefState.Owned(0, 1)) != 0)
                CheckFree(w, last, site);
            if (releases)
                CheckUnlock(w, site, operands[i]);
        }
    }

    internal void After(CallSite site, List<Operands> operands)
    {
        Role role = RoleOf(site.Method);
        if (role is Role.None or Role.Alloc or Role.Access)
            return;
        bool noflush = site.Method.Name.EndsWith("_noflush", StringComparison.Ordinal);
        for (int i = 0; i < Worlds.Count; i++)
        {
            World w = Worlds[i];
            Obj? folio = Folio(site, operands[i]);
            switch (role)
            {
                case Role.Restore when folio is not null:
                    int bits = Value(w, folio) & ~Zapped;
                    Set(w, folio, noflush ? bits | Dirty : bits & ~Dirty);
                    break;
                case Role.Zap when folio is not null && !ReturnsNumber(site.Method):
                    Set(w, folio, Zap(Value(w, folio), noflush));
                    break;
                case Role.Flush:
                    if (folio is not null)
                    {
                        Set(w, folio, Value(w, folio) & ~Dirty);
                        break;
                    }

                    foreach (var p in w.Maps.ToList())
                        w.Maps = w.Maps.Set(p.Key, Bits.Of(p.Value.Value & ~Dirty));
                    break;
                case Role.Free when folio is not null:
                    w.Maps = w.Maps.Remove(folio.Id);
                    break;
            }
        }
    }

    /// <summary>Effects that depend on the result.</summary>
    internal void Result(CallSite site, List<Operands> operands, Obj? result)
    {
        Role role = RoleOf(site.Method);
        if (role == Role.Alloc && result is not null && IsFolioType(result.Type))
        {
            foreach (World w in Worlds)
                Set(w, result, Fresh);
            return;
        }

        if (role != Role.Zap || result is null || !ReturnsNumber(site.Method))
            return;
        bool noflush = site.Method.Name.EndsWith("_noflush", StringComparison.Ordinal);
        if (site.Operation.Parent is IExpressionStatementOperation)
        {
            for (int i = 0; i < Worlds.Count; i++)
            {
                if (Folio(site, operands[i]) is { } folio)
                    Set(Worlds[i], folio, Zap(Value(Worlds[i], folio), noflush));
            }

            return;
        }

        result.IsOutcome = true;
        var worlds = new List<World>();
        var ops = new List<Operands>();
        for (int i = 0; i < Worlds.Count; i++)
        {
            World w = Worlds[i];
            if (Folio(site, operands[i]) is not { } folio)
            {
                worlds.Add(w);
                ops.Add(operands[i]);
                continue;
            }

            World failed = w.Clone();
            failed.Facts = failed.Facts.Set(result.Id, Bits.False);
            w.Facts = w.Facts.Set(result.Id, Bits.True);
            Set(w, folio, Zap(Value(w, folio), noflush));
            worlds.Add(w);
            ops.Add(operands[i]);
            worlds.Add(failed);
            ops.Add(operands[i]);
        }

        Worlds.Clear();
        Worlds.AddRange(worlds);
        operands.Clear();
        operands.AddRange(ops);
    }

    private static int Zap(int bits, bool noflush) => noflush ? bits | Zapped | Dirty : (bits | Zapped) & ~Dirty;

    private static bool ReturnsNumber(IMethodSymbol m) => m.ReturnType.SpecialType is SpecialType.System_Int32 or SpecialType.System_Int64;

    private static int Value(World w, Obj o) => w.Maps[o.Id]?.Value ?? 0;

    private static void Set(World w, Obj o, int bits) => w.Maps = w.Maps.Set(o.Id, Bits.Of(bits));

    private static bool Has(World w, Obj o, int bit) => (Value(w, o) & bit) != 0;

    private Role RoleOf(IMethodSymbol m)
    {
        string n = m.Name;
        if (!Settings.DirectMapNames.Contains(n))
            return Role.None;
        if (Settings.Flush.Contains(n))
            return Role.Flush;
        Role role = Settings.Zap.Contains(n) ? Role.Zap
            : Settings.Restore.Contains(n) ? Role.Restore
            : Settings.Access.Contains(n) ? Role.Access
            : Settings.Alloc.Contains(n) ? Role.Alloc
            : Settings.Free.Contains(n) ? Role.Free
            : Role.None;
        if (role is Role.None or Role.Alloc)
            return role;
        ITypeSymbol? first = !m.IsStatic && m.MethodKind != MethodKind.ReducedExtension ? m.ContainingType : (m.ReducedFrom ?? m).Parameters.Length > 0 ? (m.ReducedFrom ?? m).Parameters[0].Type : null;
        return IsFolioType(first) || IsFolioType(m.Parameters.Length > 0 ? m.Parameters[0].Type : null) ? role : Role.None;
    }

    private bool IsFolioType(ITypeSymbol? type) => type is not null && _walker.Contracts.Type(type) is { IsCounted: true, IsLock: true };

    private Obj? Folio(CallSite site, Operands o)
    {
        if (o.Arguments.Length > 0 && o.Arguments[0] is { Obj: { } a } && IsFolioType(a.Type ?? site.Method.Parameters[0].Type))
            return a;
        return o.Receiver is { Obj: { } r } && IsFolioType(r.Type) ? r : null;
    }

    private static Obj? Dropped(CallSite site, Operands o)
    {
        if (site.Contract.Receiver == RefEffect.Drops)
            return o.Receiver.Obj;
        for (int i = 0; i < o.Arguments.Length; i++)
        {
            if (site.Contract.Parameter(i).Effect == RefEffect.Drops)
                return o.Arguments[i].Obj;
        }

        return null;
    }

    private void CheckLocked(World w, Obj folio, CallSite site)
    {
        if (Has(w, folio, Fresh))
            return;
        LockState? s = w.Locks[folio.Id];
        if (s is null || (s.IsHeld && s.IsShared))
            Report(Descriptors.ChangedWithoutLock, site, folio, site.Name, folio.ToString());
    }

    private void CheckFree(World w, Obj folio, CallSite site)
    {
        if (Has(w, folio, Dirty))
            Report(Descriptors.MissingFlush, site, folio, folio.ToString(), "free");
        if (Has(w, folio, Zapped))
            Report(Descriptors.FreedWhileZapped, site, folio, folio.ToString());
    }

    private void CheckUnlock(World w, CallSite site, Operands o)
    {
        foreach (LockClause c in site.Contract.Clauses)
        {
            if (c.IsRelease && PathEvaluator.Resolve(_walker, w, c.Path, o, null) is { } key && Has(w, key, Dirty))
                Report(Descriptors.MissingFlush, site, key, key.ToString(), "unlock");
        }

        if (_walker.Locks.IsGuardDispose(site.Method) && o.Receiver.Obj is { } guard && w.Guards[guard.Id] is { } binding)
        {
            foreach (var (key, _, _) in binding.Locks)
            {
                if (Has(w, key, Dirty))
                    Report(Descriptors.MissingFlush, site, key, key.ToString(), "unlock");
            }
        }
    }

    private void Report(DiagnosticDescriptor rule, CallSite site, Obj folio, params object[] args)
        => _walker.Report(rule, site.Syntax.GetLocation(), null, ImmutableDictionary<string, string?>.Empty.Add("Handle", _walker.Locks.Expression(folio)).Add("Lock", _walker.Locks.Expression(folio)), args);
}
