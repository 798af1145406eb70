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

/// <summary>Guarded references that get where they can be used without their lock.</summary>
internal sealed partial class LockDomain
{
    internal static bool IsStore(IMethodSymbol m)
        => m.Name is "Add" or "Enqueue" or "Push" or "Insert" or "TryAdd" or "AddOrUpdate" or "AddFirst" or "AddLast" && TypeFacts.IsSystemCollections(m.ContainingType);

    /// <summary>A <c>ref</c> return of guarded storage; its location is on top of the stack.</summary>
    internal void ReturnRef(IOperation value, ISymbol? storage)
    {
        bool readOnly = Frame.Method is { RefKind: RefKind.RefReadOnly };
        foreach (World w in Worlds)
        {
            Value at = w.Peek();
            PtGuard? g = at.Alias;
            if (g is null && storage is not null)
                g = new PtGuard(storage, OwnerFor(at.Location, storage));
            if (g is null)
                continue;
            foreach (BoundPath path in _walker.Contracts.Data(g.Member).GuardedBy)
            {
                if (!HeldByContract(w, path, g, exclusive: !readOnly))
                {
                    Escape(value, g, path);
                    return;
                }
            }
        }
    }

    /// <summary>A returned value is on top of the stack.</summary>
    internal void Returned(IReturnOperation r)
    {
        if (r.ReturnedValue is null || Frame.IsInlined)
            return;
        foreach (World w in Worlds)
        {
            if (w.Peek().Guard is not { } g)
                continue;
            foreach (BoundPath path in _walker.Contracts.Data(g.Member).PtGuardedBy)
            {
                if (!HeldByContract(w, path, g, exclusive: false))
                {
                    Escape(r.ReturnedValue, g, path);
                    return;
                }
            }
        }
    }

    internal void EscapeStored(IOperation value) => EscapeStoredTo(value, null);

    internal void EscapeArguments(CallSite site, List<Operands> operands, ImmutableArray<IArgumentOperation>? arguments)
    {
        if (arguments is not { } list || IsLockOperation(site))
            return;
        bool store = IsStore(site.Method);
        foreach (IArgumentOperation a in list)
        {
            int ordinal = a.Parameter?.Ordinal ?? -1;
            for (int i = 0; i < Worlds.Count; i++)
            {
                Value v = operands[i].Argument(ordinal);
                if (v.Guard is not { } g || v.Kind is not ValueKind.Obj || v.Location is not null && a.Parameter?.RefKind is RefKind.Ref or RefKind.Out)
                    continue;
                BoundPath? open = null;
                foreach (BoundPath path in _walker.Contracts.Data(g.Member).PtGuardedBy)
                {
                    Obj? key = GuardKey(Worlds[i], path, g);
                    if (IsPrivate(Worlds[i], g.Owner, g.Member))
                        continue;
                    if (store || !Satisfied(Worlds[i], key, exclusive: false))
                        open = path;
                }

                if (open is not null)
                {
                    Escape(a.Value, g, open);
                    break;
                }
            }
        }
    }

    /// <summary>A lambda captures guarded references.</summary>
    internal void Captured(IAnonymousFunctionOperation f, bool invokedHere)
    {
        if (invokedHere)
            return;
        var seen = new HashSet<ISymbol>(SymbolEqualityComparer.Default);
        foreach (IOperation op in f.Body.Descendants())
        {
            if (op is not ILocalReferenceOperation l || !seen.Add(l.Local))
                continue;
            foreach (World w in Worlds)
            {
                if (w.Env[_walker.LocalObj(l.Local).Id] is { Guard: { } g } && _walker.Contracts.Data(g.Member).PtGuardedBy is { IsEmpty: false } paths)
                {
                    Escape(l, g, paths[0]);
                    break;
                }
            }
        }
    }

    private void EscapeStoredTo(IOperation value, ISymbol? member)
    {
        foreach (World w in Worlds)
        {
            if (w.Peek().Guard is not { } g)
                continue;
            foreach (BoundPath path in _walker.Contracts.Data(g.Member).PtGuardedBy)
            {
                Obj? key = GuardKey(w, path, g);
                bool same = false;
                if (member is not null)
                {
                    Value location = w.Stack?.Next?.Value ?? Value.None;
                    var to = new PtGuard(member, location.Location?.Parent);
                    foreach (BoundPath other in _walker.Contracts.Data(member).PtGuardedBy)
                        same |= key is not null && ReferenceEquals(GuardKey(w, other, to), key);
                }

                if (!same)
                {
                    Escape(value, g, path);
                    return;
                }
            }
        }
    }

    private static Obj? OwnerFor(Obj? location, ISymbol storage)
    {
        for (Obj? o = location; o is not null; o = o.Parent)
        {
            if (o.Kind == ObjKind.Member && o.Symbol?.Name == storage.Name)
                return o.Parent;
        }

        return null;
    }

    private bool HeldByContract(World w, BoundPath path, PtGuard g, bool exclusive)
    {
        Obj? key = GuardKey(w, path, g);
        if (IsPrivate(w, g.Owner, g.Member))
            return true;
        foreach (LockClause c in Frame.Contract.Clauses)
        {
            if (!c.IsNeed && !c.IsAcquire)
                continue;
            if (exclusive && c.IsShared)
                continue;
            if (c.Path.Root == RootKind.Any)
                return true;
            if (key is not null && ReferenceEquals(PathEvaluator.Resolve(_walker, w, c.Path, SelfOperands(), w.Peek().Obj), key))
                return true;
        }

        // The accessor of a property that is itself guarded by the lock hands out what its caller may use.
        if (Frame.Method?.AssociatedSymbol is IPropertySymbol p)
        {
            foreach (BoundPath own in _walker.Contracts.Data(p).GuardedBy)
            {
                if (key is not null && ReferenceEquals(PathEvaluator.Resolve(_walker, w, own, SelfOperands(), null), key))
                    return true;
            }
        }

        return false;
    }

    private void Escape(IOperation value, PtGuard g, BoundPath path)
        => _walker.Report(
            Descriptors.GuardedEscape,
            value.Syntax.GetLocation(),
            g.Member.Locations.Where(static l => l.IsInSource),
            Properties(null, "exclusive", "MustHold").SetItem("Expression", path.Text),
            g.Member.Name,
            path.Text);
}
