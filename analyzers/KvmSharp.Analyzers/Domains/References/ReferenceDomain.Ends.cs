// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Domains.Locks;
using KvmSharp.Analyzers.Flow;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Domains.References;

/// <summary>Where handles end: expressions, blocks, exits.</summary>
internal sealed partial class ReferenceDomain
{
    private static readonly RefState BorrowedState = new(RefState.Borrowed, null, null);
    private static readonly RefState UnknownState = new(RefState.Unknown, null, null);
    private static readonly RefState EscapedState = new(RefState.Escaped, null, null);
    private static readonly RefState ReportedState = new(RefState.Reported, null, null);

    /// <summary>The end of a full expression: counts that only a temporary holds are lost.</summary>
    internal void EndExpression()
    {
        if (_temporaries.Count == 0)
            return;
        CheckTemporaries(_walker.State);
        _temporaries.RemoveAll(t => !OnStack(_walker.State, t.Obj));
    }

    internal void EndCondition(FlowState t, FlowState f)
    {
        if (_temporaries.Count == 0)
            return;
        CheckTemporaries(t);
        CheckTemporaries(f);
        _temporaries.RemoveAll(x => !OnStack(t, x.Obj) && !OnStack(f, x.Obj));
    }

    /// <summary>The locals of a block die.</summary>
    internal void EndScope(FlowState s, ImmutableArray<ILocalSymbol> locals, Location at)
    {
        foreach (ILocalSymbol l in locals)
        {
            if (!IsCounted(l.Type) && l.Type is { IsValueType: true })
                continue;
            Obj location = _walker.LocalObj(l);
            foreach (World w in s.Worlds)
            {
                if (w.Env[location.Id] is not { Kind: ValueKind.Obj, Obj: { } o } || w.Refs[o.Id] is not { MayBeOwned: true } state)
                    continue;
                if (HasOtherHandle(w, o, location, locals))
                    continue;
                Report(Descriptors.RefLeaked, at, state, o, l.Name);
                w.Refs = w.Refs.Set(o.Id, ReportedState);
            }
        }
    }

    /// <summary>A returned value is on top of the stack.</summary>
    internal void Returned(IReturnOperation r, bool isYield)
    {
        if (r.ReturnedValue is null)
            return;
        bool promises = Frame.Contract.ReturnsReference;
        foreach (World w in Worlds)
        {
            if (w.Peek() is not { Kind: ValueKind.Obj, Obj: { } o } || !IsCounted(o) || Get(w, o) is not { } s)
                continue;
            if (isYield)
            {
                w.Refs = w.Refs.Set(o.Id, EscapedState);
                continue;
            }

            Location at = ExitOf(r);
            if (s.MayBeGone)
            {
                Report(Descriptors.RefUsedAfterDrop, at, s, o);
                w.Refs = w.Refs.Set(o.Id, ReportedState);
            }
            else if (promises)
            {
                if ((s.Bits & RefState.Borrowed) != 0 && !Frame.Contract.IsGet)
                {
                    Report(Descriptors.RefNotOwned, at, s, o);
                    w.Refs = w.Refs.Set(o.Id, ReportedState);
                }
                else
                {
                    w.Refs = w.Refs.Set(o.Id, s.TakeCount(RefState.Moved, r.Syntax));
                }
            }
            else if (s.MayBeOwned)
            {
                Report(Descriptors.RefLeaked, at, s, o);
                w.Refs = w.Refs.Set(o.Id, ReportedState);
            }
        }
    }

    /// <summary>An exit point: every count this body still owns is lost.</summary>
    internal void Exit(FlowState s, Location at, IReturnOperation? ret)
    {
        foreach (World w in s.Worlds)
        {
            foreach (var p in w.Refs.ToList())
            {
                if (!p.Value.MayBeOwned)
                    continue;
                Obj o = _walker.Objs[p.Key];
                Report(Descriptors.RefLeaked, at, p.Value, o);
            }
        }
    }

    internal void ExitThrow(Jump j) => Exit(j.State, j.Syntax.GetLocation(), null);

    private static Location ExitOf(IReturnOperation r) => r.Syntax switch
    {
        ReturnStatementSyntax s => s.ReturnKeyword.GetLocation(),
        ArrowExpressionClauseSyntax a => a.Expression.GetLocation(),
        { } n => n.GetLocation(),
    };

    private static SyntaxNode? SyntaxOf(ISymbol symbol) => symbol.DeclaringSyntaxReferences.IsEmpty ? null : symbol.DeclaringSyntaxReferences[0].GetSyntax();

    private static bool OnStack(FlowState s, Obj o)
    {
        foreach (World w in s.Worlds)
        {
            for (ValueStack? v = w.Stack; v is not null; v = v.Next)
            {
                if (ReferenceEquals(v.Value.Obj, o))
                    return true;
            }
        }

        return false;
    }

    private bool IsOurCode(IMethodSymbol m)
        => m.MethodKind != MethodKind.DelegateInvoke && SymbolEqualityComparer.Default.Equals(m.ContainingAssembly, _walker.Model.Compilation.Assembly);

    private void CheckTemporaries(FlowState s)
    {
        foreach (var (o, at) in _temporaries)
        {
            foreach (World w in s.Worlds)
            {
                if (w.Refs[o.Id] is not { MayBeOwned: true } state || HasOtherHandle(w, o, null) || OnStack(s, o))
                    continue;
                Report(Descriptors.RefLeaked, at.GetLocation(), state, o);
                w.Refs = w.Refs.Set(o.Id, ReportedState);
            }
        }
    }

    private bool HasOtherHandle(World w, Obj o, Obj? except, ImmutableArray<ILocalSymbol> dying = default)
    {
        if (w.Ret is { Obj: { } ret } && ReferenceEquals(ret, o))
            return true;
        if (!w.Names(o, except?.Id ?? 0))
            return false;
        foreach (var p in w.Env.ToList())
        {
            if (p.Key == except?.Id || !ReferenceEquals(p.Value.Obj, o) || p.Value.Kind != ValueKind.Obj)
                continue;
            Obj location = _walker.Objs[p.Key];
            bool dies = false;
            if (!dying.IsDefault && location.Symbol is ILocalSymbol l)
            {
                // Of several dying handles the last one is the one that loses the count.
                int mine = except is null ? -1 : IndexOf(dying, except.Symbol);
                int theirs = IndexOf(dying, l);
                dies = theirs >= 0 && theirs < mine;
            }

            if (!dies)
                return true;
        }

        return false;
    }

    private static int IndexOf(ImmutableArray<ILocalSymbol> list, ISymbol? s)
    {
        for (int i = 0; i < list.Length; i++)
        {
            if (SymbolEqualityComparer.Default.Equals(list[i], s))
                return i;
        }

        return -1;
    }

    private void Use(World w, Obj o, SyntaxNode at)
    {
        if (!IsCounted(o) || Get(w, o) is not { MayBeGone: true } s)
            return;
        Report(Descriptors.RefUsedAfterDrop, at, s, o);
        w.Refs = w.Refs.Set(o.Id, ReportedState);
    }

    private void Report(DiagnosticDescriptor rule, SyntaxNode at, RefState s, Obj o) => Report(rule, at.GetLocation(), s, o);

    private void Report(DiagnosticDescriptor rule, Location at, RefState s, Obj o, string? name = null)
    {
        var related = new List<Location>();
        if (s.Taken is { } t)
            related.Add(LockDomain.FirstLine(t));
        if (s.DroppedAt is { } d && !rule.Equals(Descriptors.RefLeaked))
            related.Add(LockDomain.FirstLine(d));
        string text = name ?? NameOf(o);
        TypeContract type = _walker.Contracts.Type(o.Type);
        var properties = ImmutableDictionary<string, string?>.Empty.Add("Handle", text).Add("Get", type.Get).Add("Put", type.Put);
        if (ReferenceEquals(rule, Descriptors.RefLeaked))
            properties = properties.Add("Attribute", "ReturnsReference");
        _walker.Report(rule, at, related, properties, text);
    }

    private string NameOf(Obj o)
    {
        foreach (World w in Worlds)
        {
            foreach (var p in w.Env.ToList())
            {
                if (ReferenceEquals(p.Value.Obj, o) && _walker.Objs[p.Key].Symbol is { } s)
                    return s.Name;
            }
        }

        return o.ToString();
    }
}
