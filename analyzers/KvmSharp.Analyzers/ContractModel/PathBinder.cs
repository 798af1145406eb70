// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.ContractModel;

/// <summary>Stage two: gives each word of a lock expression its symbol, seen from the declaration that carries the attribute.</summary>
internal sealed class PathBinder
{
    private readonly ContractReader _reader;

    internal PathBinder(ContractReader reader) => _reader = reader;

    /// <summary>Binds a lock expression.</summary>
    /// <param name="text">The expression as written.</param>
    /// <param name="owner">The annotated method, property, field, parameter or delegate type.</param>
    /// <param name="syntax">The attribute; null for metadata and external annotations.</param>
    /// <param name="error">Why the expression cannot be resolved.</param>
    /// <returns>The bound path, or null with <paramref name="error"/> set.</returns>
    internal BoundPath? Bind(string? text, ISymbol owner, SyntaxReference? syntax, out string? error)
    {
        LockPath path = LockPath.Parse(text);
        error = path.Error;
        if (error is not null)
            return null;
        if (path.IsStar)
            return new BoundPath("*", RootKind.Any, null, -1, ImmutableArray<ISymbol?>.Empty, null);
        var bound = BindCore(path, owner, syntax, out error);
        return error is null ? bound : null;
    }

    private static IEnumerable<IParameterSymbol> ParametersOf(ISymbol owner) => owner switch
    {
        IMethodSymbol m => m.Parameters,
        IPropertySymbol p => p.Parameters,
        INamedTypeSymbol { TypeKind: TypeKind.Delegate, DelegateInvokeMethod: { } invoke } => invoke.Parameters,
        _ => Enumerable.Empty<IParameterSymbol>(),
    };

    private static bool IsInstanceScope(ISymbol owner)
    {
        if (owner is IMethodSymbol { AssociatedSymbol: { } a })
            owner = a;
        return !owner.IsStatic || owner is IMethodSymbol { MethodKind: MethodKind.LocalFunction or MethodKind.LambdaMethod };
    }

    private static bool OuterIsStatic(ISymbol owner)
    {
        ISymbol? s = owner;
        while (s is IMethodSymbol { MethodKind: MethodKind.LocalFunction or MethodKind.LambdaMethod })
            s = s.ContainingSymbol;
        return s is { IsStatic: true } and not INamedTypeSymbol;
    }

    private static ISymbol? Pick(IEnumerable<ISymbol> candidates, bool call)
    {
        ISymbol? first = null;
        foreach (ISymbol s in candidates)
        {
            if (call ? s is IMethodSymbol { Parameters.Length: 0, MethodKind: MethodKind.Ordinary } : s is IFieldSymbol or IPropertySymbol { IsIndexer: false } or IEventSymbol)
                return s;
            first ??= s;
        }

        return null;
    }

    private static ITypeSymbol? TypeOf(ISymbol symbol) => symbol switch
    {
        IFieldSymbol f => f.Type,
        IPropertySymbol p => p.Type,
        IMethodSymbol m => m.ReturnType,
        IEventSymbol e => e.Type,
        IParameterSymbol p => p.Type,
        _ => null,
    };

    private BoundPath? BindCore(LockPath path, ISymbol owner, SyntaxReference? syntax, out string? error)
    {
        error = null;
        PathSegment head = path.Segments[0];
        INamedTypeSymbol? type = owner as INamedTypeSymbol ?? owner.ContainingType;
        bool isStatic = !IsInstanceScope(owner) || OuterIsStatic(owner);
        int next = 1;
        RootKind root;
        ISymbol? symbol = null;
        int ordinal = -1;
        ITypeSymbol? current;
        bool typeRoot = false;

        if (!head.IsCall && head.Name == "this")
        {
            root = RootKind.This;
            current = type;
            if (isStatic || owner is INamedTypeSymbol { TypeKind: TypeKind.Delegate })
                error = "there is no 'this' here";
        }
        else if (!head.IsCall && head.Name == "return")
        {
            root = RootKind.Return;
            current = TypeFacts.Awaited(owner switch
            {
                IMethodSymbol { MethodKind: MethodKind.Constructor } m => m.ContainingType,
                IMethodSymbol m => m.ReturnType,
                IPropertySymbol p => p.Type,
                INamedTypeSymbol { DelegateInvokeMethod: { } i } => i.ReturnType,
                _ => null,
            });
            if (current is null or { SpecialType: SpecialType.System_Void })
                error = "there is no result here";
        }
        else if (!head.IsCall && head.Name == "value" && ValueType(owner) is { } valueType)
        {
            root = RootKind.Value;
            current = valueType;
        }
        else if (!head.IsCall && ParametersOf(owner).FirstOrDefault(p => p.Name == head.Name) is { } parameter)
        {
            root = RootKind.Parameter;
            ordinal = parameter.Ordinal;
            current = parameter.Type;
            symbol = null;
        }
        else if (!head.IsCall && _reader.ExtensionReceiver(type) is { } receiver && receiver.Name == head.Name)
        {
            root = RootKind.Receiver;
            current = receiver.Type;
        }
        else if (!head.IsCall && PrimaryParameter(type, head.Name) is { } captured)
        {
            root = RootKind.Captured;
            symbol = captured;
            current = captured.Type;
            if (isStatic)
                error = "a static member cannot name a parameter of the primary constructor";
        }
        else
        {
            symbol = FindMember(owner, type, head, syntax, ref next, path, out typeRoot);
            if (symbol is null)
            {
                error = typeRoot ? "a type name names no object" : "nothing named '" + head.Name + "' is in reach";
                return null;
            }

            current = TypeOf(symbol);
            if (symbol.IsStatic || symbol is IFieldSymbol { IsConst: true })
            {
                root = RootKind.Static;
            }
            else
            {
                root = RootKind.This;
                if (typeRoot)
                    error = "'" + symbol.Name + "' is not static";
                else if (isStatic)
                    error = "a static member cannot start at the instance member '" + symbol.Name + "'";
            }
        }

        if (error is not null)
            return null;
        var segments = ImmutableArray.CreateBuilder<ISymbol?>();
        if (root == RootKind.This && symbol is not null)
        {
            segments.Add(symbol);
            symbol = null;
        }

        for (; next < path.Segments.Length; next++)
        {
            PathSegment s = path.Segments[next];
            if (s.IsStar)
            {
                current = TypeFacts.ElementType(current);
                if (current is null)
                {
                    error = "'*' needs an array or a list before it";
                    return null;
                }

                segments.Add(null);
                continue;
            }

            ISymbol? member = Pick(TypeFacts.Lookup(current, s.Name), s.IsCall);
            if (member is null)
            {
                error = "'" + s.Name + "' is no " + (s.IsCall ? "parameterless method" : "field or property") + " of '" + current?.ToDisplayString() + "'";
                return null;
            }

            segments.Add(member);
            current = TypeOf(member);
        }

        if (!IsLockable(current, root == RootKind.This && segments.Count == 0 && _reader.Type(type).IsScoped, root))
        {
            error = "a value of type '" + current?.ToDisplayString() + "' is no lock";
            return null;
        }

        return new BoundPath(path.Text, root, symbol, ordinal, segments.ToImmutable(), current);
    }

    private bool IsLockable(ITypeSymbol? type, bool scopedThis, RootKind root)
    {
        if (scopedThis)
            return true;
        if (type is null)
            return false;
        if (type.TypeKind == TypeKind.Error)
            return true;
        if (type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } n)
            type = n.TypeArguments[0];
        if (type is IPointerTypeSymbol p)
            type = p.PointedAtType;
        if (TypeFacts.IsDotNetLock(type) || _reader.Type(type).IsLock)
            return true;
        if (root == RootKind.Return && _reader.Type(type).IsScoped)
            return true;
        if (type is ITypeParameterSymbol tp)
            return !tp.IsValueType || tp.ConstraintTypes.Any(c => _reader.Type(c).IsLock);
        return type.IsReferenceType;
    }

    private static ITypeSymbol? ValueType(ISymbol owner) => owner switch
    {
        IMethodSymbol { MethodKind: MethodKind.PropertySet or MethodKind.EventAdd or MethodKind.EventRemove } m => m.Parameters.LastOrDefault()?.Type,
        IPropertySymbol p => p.Type,
        IFieldSymbol f => f.Type,
        IParameterSymbol p => p.Type,
        _ => null,
    };

    private static IParameterSymbol? PrimaryParameter(INamedTypeSymbol? type, string name)
    {
        if (type is null || type.DeclaringSyntaxReferences.IsEmpty || (type.IsRecord && !type.GetMembers(name).IsEmpty))
            return null;
        foreach (IMethodSymbol c in type.InstanceConstructors)
        {
            foreach (SyntaxReference r in c.DeclaringSyntaxReferences)
            {
                if (r.GetSyntax() is TypeDeclarationSyntax)
                    return c.Parameters.FirstOrDefault(p => p.Name == name);
            }
        }

        return null;
    }

    private ISymbol? FindMember(ISymbol owner, INamedTypeSymbol? type, PathSegment head, SyntaxReference? syntax, ref int next, LockPath path, out bool typeRoot)
    {
        typeRoot = false;
        if (Pick(TypeFacts.Lookup(type, head.Name), head.IsCall) is { } own)
            return own;
        for (INamedTypeSymbol? outer = type?.ContainingType; outer is not null; outer = outer.ContainingType)
        {
            if (Pick(TypeFacts.Lookup(outer, head.Name).Where(static s => s.IsStatic), head.IsCall) is { } s)
                return s;
        }

        // A type name, possibly with namespaces, then a static member.
        if (head.IsCall)
            return null;
        INamespaceOrTypeSymbol? scope = ResolveFirst(owner, type, head.Name, syntax);
        while (scope is not null)
        {
            if (scope is INamedTypeSymbol t)
            {
                typeRoot = true;
                if (next >= path.Segments.Length)
                    return null;
                PathSegment s = path.Segments[next];
                if (!s.IsStar && Pick(TypeFacts.Lookup(t, s.Name), s.IsCall) is { } member)
                {
                    next++;
                    return member;
                }
            }

            if (next >= path.Segments.Length || path.Segments[next].IsCall)
                return null;
            string name = path.Segments[next].Name;
            INamespaceOrTypeSymbol? inner = scope.GetTypeMembers(name).FirstOrDefault();
            inner ??= scope is INamespaceSymbol ns ? ns.GetNamespaceMembers().FirstOrDefault(n => n.Name == name) : null;
            scope = inner;
            next++;
        }

        typeRoot = false;
        return null;
    }

    private INamespaceOrTypeSymbol? ResolveFirst(ISymbol owner, INamedTypeSymbol? type, string name, SyntaxReference? syntax)
    {
        if (syntax is not null && _reader.Compilation.ContainsSyntaxTree(syntax.SyntaxTree))
        {
            SemanticModel model = _reader.Compilation.GetSemanticModel(syntax.SyntaxTree);
            ISymbol? best = null;
            foreach (ISymbol s in model.LookupNamespacesAndTypes(syntax.Span.Start, null, name))
            {
                if (s is IAliasSymbol alias)
                    return alias.Target;
                if (best is null || (s is INamedTypeSymbol { Arity: 0 } && best is not INamedTypeSymbol { Arity: 0 }))
                    best = s;
            }

            return best as INamespaceOrTypeSymbol;
        }

        for (INamedTypeSymbol? t = type; t is not null; t = t.ContainingType)
        {
            if (t.Name == name)
                return t;
            if (t.GetTypeMembers(name).FirstOrDefault() is { } nested)
                return nested;
        }

        for (INamespaceSymbol? ns = owner.ContainingNamespace; ns is not null; ns = ns.ContainingNamespace)
        {
            if (ns.GetTypeMembers(name).FirstOrDefault() is { } t)
                return t;
            if (ns.GetNamespaceMembers().FirstOrDefault(n => n.Name == name) is { } inner)
                return inner;
        }

        return null;
    }
}
