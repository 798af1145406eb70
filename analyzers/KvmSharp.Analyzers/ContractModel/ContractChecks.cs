// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.ContractModel;

/// <summary>The rules about annotations themselves: KS9001, KS9002 and KS9003.</summary>
internal sealed class ContractChecks
{
    private readonly ContractReader _reader;
    private readonly LockOrder _order;
    private readonly ConcurrentDictionary<ISymbol, bool> _takenReadOnly = new(SymbolEqualityComparer.Default);

    internal ContractChecks(ContractReader reader, LockOrder order)
    {
        _reader = reader;
        _order = order;
    }

    internal void Check(ISymbol symbol, Action<Diagnostic> report)
    {
        switch (symbol)
        {
            case IMethodSymbol m:
                if (m.MethodKind is MethodKind.PropertyGet or MethodKind.PropertySet or MethodKind.EventAdd or MethodKind.EventRemove && m.IsImplicitlyDeclared)
                    break;
                if (m.PartialDefinitionPart is not null)
                    break;
                CheckMethod(m, report);
                break;
            case IPropertySymbol p:
                CheckData(p, p.Type, p.IsReadOnly, report);
                CheckExpressions(p, p, report);
                if (_reader.Attributes(p) is { } own && own.Exists(static a => ContractReader.ClauseOf(a.Name) is not null || ContractReader.IsOwn(a.Name)))
                {
                    CheckClauses(p, own, p.Type, report);
                    CheckReferences(p, own, p.Type, report);
                }

                break;
            case IFieldSymbol f:
                CheckData(f, f.Type, f.IsReadOnly, report);
                CheckExpressions(f, f, report);
                break;
            case INamedTypeSymbol { TypeKind: TypeKind.Delegate, DelegateInvokeMethod: { } invoke } d:
                CheckExpressions(d, d, report);
                if (_reader.Attributes(d) is { } onDelegate)
                    CheckClauses(d, onDelegate, invoke.ReturnType, report);
                foreach (IParameterSymbol p in invoke.Parameters)
                    CheckParameter(p, report);
                break;
        }
    }

    /// <summary>Checks a lambda or local function.</summary>
    /// <param name="m">The function.</param>
    /// <param name="report">Where diagnostics go.</param>
    internal void CheckFunction(IMethodSymbol m, Action<Diagnostic> report)
    {
        CheckMethodAttributes(m, report);
        foreach (IParameterSymbol p in m.Parameters)
            CheckParameter(p, report);
    }

    private static Location NameOf(ISymbol s)
    {
        foreach (SyntaxReference r in s.DeclaringSyntaxReferences)
        {
            switch (r.GetSyntax())
            {
                case AccessorDeclarationSyntax a:
                    return a.Keyword.GetLocation();
                case PropertyDeclarationSyntax p when s is IMethodSymbol:
                    return p.Identifier.GetLocation();
                case LocalFunctionStatementSyntax l:
                    return l.Identifier.GetLocation();
                case AnonymousFunctionExpressionSyntax f:
                    return f.GetLocation();
            }
        }

        if (s is IMethodSymbol { AssociatedSymbol: { } owner } && s.Locations.IsEmpty)
            return NameOf(owner);
        return s.Locations.FirstOrDefault(static l => l.IsInSource) ?? Location.None;
    }

    private static Diagnostic Contradiction(ISymbol s, string why) => Diagnostic.Create(Descriptors.Contradictory, NameOf(s), s.Name, why);

    private static bool UsableResult(ITypeSymbol? type)
    {
        ITypeSymbol? t = TypeFacts.Awaited(type);
        return t is not null && t.SpecialType != SpecialType.System_Void;
    }

    private void CheckMethod(IMethodSymbol m, Action<Diagnostic> report)
    {
        CheckMethodAttributes(m, report);
        foreach (IParameterSymbol p in m.Parameters)
            CheckParameter(p, report);
        CheckInheritance(m, report);
    }

    private void CheckMethodAttributes(IMethodSymbol m, Action<Diagnostic> report)
    {
        var attributes = _reader.Attributes(m);
        var onReturn = _reader.ReturnAttributes(m);
        if (attributes is null && onReturn is null)
            return;
        CheckExpressions(m, m, report);
        if (attributes is not null)
        {
            var all = attributes;
            if (m.AssociatedSymbol is IPropertySymbol p && _reader.Attributes(p) is { } shared)
                all = attributes.Concat(shared.Where(static a => ContractReader.ClauseOf(a.Name) is not null)).ToList();
            CheckClauses(m, all, m.ReturnType, report);
            if (ContractReader.IsIterator(m) && attributes.Exists(static a => a.Name is "MustHold" or "MustHoldShared" or "Acquires" or "AcquiresShared" or "Releases" or "ReleasesShared"))
                report(Contradiction(m, "an iterator runs after its caller has gone on"));
        }

        var references = (attributes ?? new List<AttributeInfo>()).Concat(onReturn ?? new List<AttributeInfo>()).ToList();
        CheckReferences(m, references, m.ReturnType, report);
    }

    private void CheckReferences(ISymbol s, List<AttributeInfo> attributes, ITypeSymbol type, Action<Diagnostic> report)
    {
        if (attributes.Exists(static a => a.Name is "ReturnsReference") && !UsableResult(type))
            report(Contradiction(s, "there is no result that could be a reference"));
        else if (s is IMethodSymbol m && attributes.Exists(static a => a.Name == "BorrowsReference") && _reader.ReturnAttributes(m) is { } onReturn
            && onReturn.Exists(static a => a.Name == "BorrowsReference") && !UsableResult(type))
            report(Contradiction(s, "there is no result that could be a reference"));
        else if (s is IMethodSymbol && attributes.Count(static a => a.Name is "ConsumesReference" or "AcquiresReference" or "DropsReference") > 1)
            report(Contradiction(s, "reference attributes exclude each other"));
    }

    private void CheckParameter(IParameterSymbol p, Action<Diagnostic> report)
    {
        if (p.RefKind is RefKind.In or RefKind.RefReadOnlyParameter && IsMutableStructLock(p.Type))
            report(Contradiction(p, "a readonly struct lock can never be taken"));
        if (_reader.Attributes(p) is not { } attributes)
            return;
        if (attributes.Select(static a => a.Name).Where(static n => n is "ConsumesReference" or "AcquiresReference" or "DropsReference" or "BorrowsReference").Distinct().Count() > 1)
            report(Contradiction(p, "reference attributes exclude each other"));
        if (!attributes.Exists(static a => a.Name is "GuardedBy" or "PtGuardedBy"))
            return;
        bool primary = p.ContainingSymbol is IMethodSymbol { MethodKind: MethodKind.Constructor } c
            && c.DeclaringSyntaxReferences.Any(static r => r.GetSyntax() is TypeDeclarationSyntax);
        if (!primary)
        {
            report(Contradiction(p, "only a parameter of a primary constructor is storage"));
            return;
        }

        CheckData(p, p.Type, false, report);
        CheckExpressions(p, p, report);
    }

    private void CheckData(ISymbol s, ITypeSymbol type, bool isReadOnly, Action<Diagnostic> report)
    {
        // A lock that is a mutable struct must not be copied by being readonly.
        if (s is IFieldSymbol { IsReadOnly: true, IsImplicitlyDeclared: false } && IsMutableStructLock(type))
            report(Contradiction(s, "a readonly struct lock can never be taken"));
        if (_reader.Attributes(s) is not { } attributes)
            return;
        if (attributes.Exists(static a => a.Name == "PtGuardedBy") && !_reader.HasPointee(type))
            report(Contradiction(s, "a value has no object behind it"));
        if (attributes.Select(static a => a.Name).Where(static n => n is "ConsumesReference" or "BorrowsReference").Distinct().Count() > 1)
            report(Contradiction(s, "reference attributes exclude each other"));
        if (attributes.Exists(static a => a.Name is "AcquiredBefore" or "AcquiredAfter") | _order.Before(s, s))
        {
            if (_order.Before(s, s))
                report(Contradiction(s, "the declared order is a circle"));
        }
    }

    /// <summary>A lock that is a mutable struct is taken through a member in which it cannot change.</summary>
    /// <param name="field">The lock.</param>
    /// <param name="report">Where the diagnostic goes; a lock is reported once.</param>
    internal void TakenReadOnly(IFieldSymbol field, Action<Diagnostic> report)
    {
        field = field.OriginalDefinition;
        if (!field.IsReadOnly && !field.DeclaringSyntaxReferences.IsEmpty && IsMutableStructLock(field.Type) && _takenReadOnly.TryAdd(field, true))
            report(Contradiction(field, "a readonly member can never take a struct lock"));
    }

    private bool IsMutableStructLock(ITypeSymbol type)
        => type is INamedTypeSymbol { TypeKind: TypeKind.Struct, IsReadOnly: false } && (_reader.Type(type).IsLock || TypeFacts.IsThreading(type, "SpinLock"));

    private void CheckExpressions(ISymbol s, ISymbol scope, Action<Diagnostic> report)
    {
        if (_reader.Attributes(s) is not { } attributes)
            return;
        foreach (AttributeInfo a in attributes)
        {
            bool data = a.Name is "GuardedBy" or "PtGuardedBy" or "AcquiredBefore" or "AcquiredAfter" or "ReturnsLock";
            if (!data && ContractReader.ClauseOf(a.Name) is null)
                continue;
            foreach (string? text in a.Strings)
            {
                if (_reader.Binder.Bind(text, scope, a.Syntax, out string? error) is not null)
                    continue;
                Location at = a.Syntax is { } r ? r.GetSyntax().GetLocation() : NameOf(s);
                var properties = ImmutableDictionary<string, string?>.Empty.Add("Expression", text);
                if (at != Location.None)
                    report(Diagnostic.Create(Descriptors.Unresolved, at, properties, text ?? "null", error));
            }
        }
    }

    private void CheckClauses(ISymbol s, List<AttributeInfo> attributes, ITypeSymbol? type, Action<Diagnostic> report)
    {
        if (!attributes.Exists(static a => ContractReader.ClauseOf(a.Name) is not null) && attributes.Count < 2)
            return;
        var needed = new HashSet<string>();
        var forbidden = new HashSet<string>();
        var acquired = new HashSet<string>();
        var acquiredShared = new HashSet<string>();
        var released = new HashSet<string>();
        var releasedShared = new HashSet<string>();
        bool cond = false;
        foreach (AttributeInfo a in attributes)
        {
            if (ContractReader.ClauseOf(a.Name) is not { } kind)
                continue;
            cond |= kind is ClauseKind.CondAcquires or ClauseKind.CondAcquiresShared;
            foreach (string? text in a.Strings)
            {
                if (_reader.Binder.Bind(text, s, a.Syntax, out _) is not { } path)
                    continue;
                HashSet<string>? set = kind switch
                {
                    ClauseKind.MustHold or ClauseKind.MustHoldShared => needed,
                    ClauseKind.MustNotHold => forbidden,
                    ClauseKind.Acquires => acquired,
                    ClauseKind.AcquiresShared => acquiredShared,
                    ClauseKind.Releases => released,
                    ClauseKind.ReleasesShared => releasedShared,
                    _ => null,
                };
                set?.Add(path.Key);
                if (kind is ClauseKind.CondAcquires or ClauseKind.CondAcquiresShared && needed.Contains(path.Key))
                    acquired.Add("\0" + path.Key);
            }
        }

        bool anyForbidden = forbidden.Contains("Any") && (needed.Count != 0 || released.Count != 0 || releasedShared.Count != 0);
        if (needed.Overlaps(forbidden) || anyForbidden || (needed.Contains("Any") && forbidden.Count != 0 && forbidden.Contains("Any")))
            report(Contradiction(s, "a lock is both needed and forbidden"));
        else if (needed.Overlaps(acquired) || needed.Overlaps(acquiredShared))
            report(Contradiction(s, "a lock is both needed and acquired"));
        else if (acquired.Overlaps(released) || acquiredShared.Overlaps(releasedShared))
            report(Contradiction(s, "a lock is acquired and released in the same mode"));
        else if (cond && !UsableResult(type))
            report(Contradiction(s, "there is no result that could tell whether the lock was acquired"));
        else if (attributes.Exists(static a => a.Name == "MightSleep") && attributes.Exists(static a => a.Name == "AtomicContext"))
            report(Contradiction(s, "a body that must not sleep may sleep"));
    }

    // ---- KS9003 --------------------------------------------------------------------------------------------------------------------

    private void CheckInheritance(IMethodSymbol m, Action<Diagnostic> report)
    {
        Contract own = _reader.Of(m);
        if (!own.HasOwn)
            return;
        if (m.Name is "Dispose" or "DisposeAsync" && _reader.Type(m.ContainingType).IsScoped && m.OverriddenMethod is null)
            return;
        foreach (IMethodSymbol b in _reader.Bases(m))
        {
            Contract up = _reader.Of(b);
            if (Difference(m, own, b, up) is { } why)
            {
                // A contract written on the property is the property's, whichever accessor it shows in.
                ISymbol named = m.AssociatedSymbol is { } owner && _reader.Attributes(m) is null && _reader.ReturnAttributes(m) is null ? owner : m;
                if (ReferenceEquals(named, m) || !AlreadyReported(m, named))
                    report(Diagnostic.Create(Descriptors.ContractDiffers, NameOf(named), named.Name, b.ToDisplayString(), why));
                return;
            }
        }
    }

    // The getter speaks for a property whose accessors differ alike.
    private bool AlreadyReported(IMethodSymbol m, ISymbol owner)
    {
        if (owner is not IPropertySymbol { GetMethod: { } get } || SymbolEqualityComparer.Default.Equals(get, m) || _reader.Attributes(get) is not null)
            return false;
        Contract own = _reader.Of(get);
        foreach (IMethodSymbol b in _reader.Bases(get))
        {
            if (Difference(get, own, b, _reader.Of(b)) is not null)
                return true;
        }

        return false;
    }

    private string? Difference(IMethodSymbol m, Contract own, IMethodSymbol b, Contract up)
    {
        string Key(LockClause c, IMethodSymbol owner) => CanonicalKey(c.Path, owner);
        foreach (LockClause c in own.Clauses)
        {
            string key = Key(c, m);
            bool same = up.Clauses.Any(x => x.Kind == c.Kind && x.When == c.When && Key(x, b) == key);
            switch (c.Kind)
            {
                case ClauseKind.MustHold:
                    if (!same && !up.Clauses.Any(x => x.Kind == ClauseKind.Releases && Key(x, b) == key))
                        return "it needs '" + c.Path.Text + "'";
                    break;
                case ClauseKind.MustHoldShared:
                    if (!same && !up.Clauses.Any(x => x.Kind == ClauseKind.MustHold && Key(x, b) == key))
                        return "it needs '" + c.Path.Text + "'";
                    break;
                case ClauseKind.MustNotHold:
                    if (!same && !up.Clauses.Any(x => x.Kind == ClauseKind.MustNotHold && x.Path.Root == RootKind.Any))
                        return "it forbids '" + c.Path.Text + "'";
                    break;
                default:
                    if (!same)
                        return "it treats '" + c.Path.Text + "' differently";
                    break;
            }
        }

        foreach (LockClause c in up.Clauses)
        {
            if (c.IsNeed || c.Kind == ClauseKind.MustNotHold)
                continue;
            string key = Key(c, b);
            if (!own.Clauses.Any(x => x.Kind == c.Kind && x.When == c.When && Key(x, m) == key))
                return "it treats '" + c.Path.Text + "' differently";
        }

        if (own.MightSleep && !up.MightSleep && !_reader.Type(m.ContainingType).MightSleep)
            return "it may sleep";
        if (own.ReturnsReference != up.ReturnsReference || own.BorrowsReturn != up.BorrowsReturn || Normal(own.Receiver) != Normal(up.Receiver))
            return "references are counted differently";
        for (int i = 0; i < m.Parameters.Length && i < b.Parameters.Length; i++)
        {
            ParameterContract x = own.Parameter(i), y = up.Parameter(i);
            if (Normal(x.Effect) != Normal(y.Effect) || x.ReturnsReference != y.ReturnsReference)
                return "references are counted differently";
        }

        if (up.MustCheck && !own.MustCheck)
            return "the result need not be checked any more";
        if (own.ErrorPointer && !up.ErrorPointer)
            return "the result may be an error pointer";
        return null;
    }

    private static RefEffect Normal(RefEffect e) => e == RefEffect.None ? RefEffect.Borrows : e;

    private string CanonicalKey(BoundPath p, IMethodSymbol owner)
    {
        var b = new System.Text.StringBuilder(p.Root.ToString());
        if (p.Root == RootKind.Parameter)
            b.Append(p.Ordinal);
        if (p.RootSymbol is not null)
            b.Append(_reader.Canonical(p.RootSymbol).ToDisplayString());
        foreach (ISymbol? s in p.Segments)
        {
            if (s is null)
            {
                b.Append(".*");
                continue;
            }

            IMethodSymbol? get = s as IMethodSymbol ?? (s as IPropertySymbol)?.GetMethod;
            if (get is not null && _reader.Of(get).ReturnsLock is { } target && target.Root is RootKind.This)
            {
                b.Append('.').Append(string.Join(".", target.Segments.Select(x => x is null ? "*" : _reader.Canonical(x).ToDisplayString())));
                continue;
            }

            b.Append('.').Append(_reader.Canonical(s).ToDisplayString());
        }

        return b.ToString();
    }
}
