// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Threading;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Domains.DirectMap;
using KvmSharp.Analyzers.Domains.Locks;
using KvmSharp.Analyzers.Domains.References;
using KvmSharp.Analyzers.Domains.ReturnCodes;
using KvmSharp.Analyzers.Options;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Flow;

/// <summary>
/// The one traversal of a body. It interprets the operation tree with an abstract state: structured statements are followed directly, jumps wait in a list
/// until their target is reached, and a finally body is walked once per way into it. The domains decide and report; the walker only knows control and data flow.
/// </summary>
internal sealed partial class Walker
{
    private readonly List<Jump> _pending = new();
    private readonly HashSet<int> _produced = new();
    private readonly List<Diagnostic> _diagnostics = new();
    private readonly List<Diagnostic> _sticky = new();
    private HashSet<(string, Location, string)>? _reported;
    private readonly Dictionary<ISymbol, Obj> _variables = new(ByReference.Instance);
    private readonly Dictionary<ISymbol, Obj> _statics = new(ByReference.Instance);
    private readonly CancellationToken _token;
    private readonly int _budget;
    private FlowState _s = new();
    private TryFrame? _try;
    private SyntaxNode _statement;
    private int _visits;
    private Obj? _this;
    private Obj? _any;

    internal Walker(CompilationModel model, AnalyzerSettings settings, SemanticModel semantics, IOperation body, CancellationToken token, int size)
    {
        Model = model;
        Settings = settings;
        Semantics = semantics;
        Body = body;
        _token = token;
        _statement = body.Syntax;
        _budget = settings.MaxBlockVisits > 0 ? settings.MaxBlockVisits : Math.Max(4096, size * 4);
        Locks = new LockDomain(this);
        References = new ReferenceDomain(this);
        DirectMap = new DirectMapDomain(this);
        ReturnCodes = new ReturnCodeDomain(this);
        Joiner = new Joiner(Objs, model.Compilation.GetSpecialType(SpecialType.System_Boolean), settings.MaxCorrelations, Locks.ReportConflict, References.Default);
        Function = new FunctionFrame(model.Compilation.Assembly, Contract.Empty, body.Syntax);
    }

    internal CompilationModel Model { get; }

    internal AnalyzerSettings Settings { get; }

    internal SemanticModel Semantics { get; }

    internal IOperation Body { get; }

    internal ContractReader Contracts => Model.Contracts;

    internal ObjTable Objs { get; } = new();

    internal Joiner Joiner { get; }

    internal LockDomain Locks { get; }

    internal ReferenceDomain References { get; }

    internal DirectMapDomain DirectMap { get; }

    internal ReturnCodeDomain ReturnCodes { get; }

    internal FunctionFrame Function { get; private set; }

    /// <summary>Gets or sets the state at the point being walked.</summary>
    internal FlowState State
    {
        get => _s;
        set => _s = value;
    }

    internal SyntaxNode Statement => _statement;

    internal bool Reachable => _s.IsReachable;

    /// <summary>Diagnostics of the body in source order.</summary>
    /// <returns>The diagnostics, each once.</returns>
    internal IEnumerable<Diagnostic> Diagnostics()
    {
        if (_sticky.Count == 0 && _diagnostics.Count == 0)
            yield break;
        var all = new List<Diagnostic>(_sticky);
        all.AddRange(_diagnostics);
        all.Sort(static (a, b) =>
        {
            int c = a.Location.SourceSpan.Start.CompareTo(b.Location.SourceSpan.Start);
            if (c == 0)
                c = string.CompareOrdinal(a.Id, b.Id);
            return c != 0 ? c : string.CompareOrdinal(a.GetMessage(), b.GetMessage());
        });
        Diagnostic? last = null;
        foreach (Diagnostic d in all)
        {
            if (last is not null && last.Id == d.Id && last.Location.SourceSpan == d.Location.SourceSpan && last.GetMessage() == d.GetMessage())
                continue;
            last = d;
            yield return d;
        }
    }

    internal void Report(DiagnosticDescriptor rule, Location at, IEnumerable<Location>? related, ImmutableDictionary<string, string?>? properties, params object[] args)
        => _diagnostics.Add(Diagnostic.Create(rule, at, related, properties, args));

    internal void Report(DiagnosticDescriptor rule, SyntaxNode at, params object[] args) => Report(rule, at.GetLocation(), null, null, args);

    /// <summary>Reports something that later passes over the same loop must not lose.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="at">Where.</param>
    /// <param name="related">Additional locations.</param>
    /// <param name="properties">What a code fix needs.</param>
    /// <param name="key">What makes the report unique at this place.</param>
    /// <param name="args">Message arguments.</param>
    internal void ReportSticky(DiagnosticDescriptor rule, Location at, IEnumerable<Location>? related, ImmutableDictionary<string, string?>? properties, string key, params object[] args)
    {
        if ((_reported ??= new()).Add((rule.Id, at, key)))
            _sticky.Add(Diagnostic.Create(rule, at, related, properties, args));
    }

    /// <summary>An object for the result of an operation. If the operation has run before, what it produced then gets another name.</summary>
    /// <param name="kind">New, Result or similar.</param>
    /// <param name="site">Syntax, or syntax with a discriminator.</param>
    /// <param name="type">Type of the object.</param>
    /// <returns>The object.</returns>
    internal Obj Produce(ObjKind kind, object site, ITypeSymbol? type)
    {
        Obj o = Objs.Get(kind, site: site, type: type);
        if (_produced.Add(o.Id))
            return o;
        Obj? old = null;
        foreach (World w in _s.Worlds)
            Renamer.Rename(this, w, o, ref old);
        return o;
    }

    internal Obj MemberOf(Obj parent, ISymbol member)
    {
        int seen = 0;
        for (MemberLink? l = parent.Members; l is not null && seen < 32; l = l.Next, seen++)
        {
            if (ReferenceEquals(l.Symbol, member))
                return l.Member;
        }

        ISymbol canonical = Contracts.Canonical(member);
        ITypeSymbol? type = member switch
        {
            IFieldSymbol f => f.Type,
            IPropertySymbol p => p.Type,
            IMethodSymbol m => m.ReturnType,
            IParameterSymbol p => p.Type,
            IEventSymbol e => e.Type,
            _ => null,
        };
        Obj o = Objs.Get(ObjKind.Member, parent, canonical, type: type);
        parent.Members = new MemberLink(member, o, parent.Members);
        return o;
    }

    internal Obj StaticOf(ISymbol member)
    {
        if (_statics.TryGetValue(member, out Obj? known))
            return known;
        ITypeSymbol? type = member switch
        {
            IFieldSymbol f => f.Type,
            IPropertySymbol p => p.Type,
            IMethodSymbol m => m.ReturnType,
            IEventSymbol e => e.Type,
            _ => null,
        };
        Obj o = Objs.Get(ObjKind.Static, null, Contracts.Canonical(member), type: type);
        _statics.Add(member, o);
        return o;
    }

    internal Obj This() => _this ??= Objs.Get(ObjKind.This, type: Function.Symbol.ContainingType);

    internal Obj AnyLock => _any ??= Objs.Get(ObjKind.Any);

    internal static bool IsHandleLike(ITypeSymbol? type, ContractReader reader)
        => type is null || type.IsReferenceType || type is ITypeParameterSymbol { IsValueType: false } || type.TypeKind is TypeKind.Pointer || reader.Type(type).IsHandle;

    /// <summary>A mutable struct: its location is its identity, and copies are other objects.</summary>
    /// <param name="type">Any type.</param>
    /// <returns>Whether values of the type are copied.</returns>
    internal bool IsCopied(ITypeSymbol? type)
        => type is { IsValueType: true, SpecialType: SpecialType.None, TypeKind: TypeKind.Struct } && Contracts.Type(type) is { IsHandle: false, IsScoped: false }
            && !TypeFacts.IsLockScope(type);

    private void Visit()
    {
        if (++_visits > _budget)
            throw new BudgetExceededException();
        if ((_visits & 63) == 0)
            _token.ThrowIfCancellationRequested();
    }

    private FlowState Join(FlowState a, FlowState b, SyntaxNode? site = null, JoinKind kind = JoinKind.Branch)
        => Joiner.Join(a, b, site ?? _statement, kind);

    /// <summary>Runs a part of the body until the state it starts from is stable; only the last pass keeps its diagnostics and jumps.</summary>
    private void Fixpoint(FlowState entry, SyntaxNode site, Func<FlowState?> pass)
    {
        FlowState head = entry;
        int diagnostics = _diagnostics.Count, pending = _pending.Count;
        for (int i = 0; ; i++)
        {
            _s = head.Clone();
            FlowState? back = pass();
            if (back is null || !back.IsReachable)
                return;
            FlowState next = Join(head.Clone(), back.Clone(), site, JoinKind.LoopHead);
            if (Joiner.Same(next, head) || i > 24)
                return;
            head = next;
            _diagnostics.RemoveRange(diagnostics, _diagnostics.Count - diagnostics);
            _pending.RemoveRange(pending, _pending.Count - pending);
        }
    }
}
