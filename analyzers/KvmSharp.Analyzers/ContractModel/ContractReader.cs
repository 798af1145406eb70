// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using KvmSharp.Analyzers.KnownApis;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.ContractModel;

/// <summary>Reads contracts off symbols, with inheritance and external annotations, and remembers them for one compilation.</summary>
internal sealed class ContractReader
{
    private const int ExtensionTypeKind = 14;

    private readonly ConcurrentDictionary<ISymbol, Contract> _contracts = new(SymbolEqualityComparer.Default);
    private readonly ConcurrentDictionary<ISymbol, DataContract> _data = new(SymbolEqualityComparer.Default);
    private readonly ConcurrentDictionary<ITypeSymbol, TypeContract> _types = new(SymbolEqualityComparer.Default);
    private readonly ConcurrentDictionary<ISymbol, bool> _noReturn = new(SymbolEqualityComparer.Default);
    private readonly ConcurrentDictionary<ISymbol, ISymbol> _canonical = new(SymbolEqualityComparer.Default);
    private readonly ConcurrentDictionary<INamedTypeSymbol, object> _receivers = new(SymbolEqualityComparer.Default);
    private readonly ExternalAnnotations _external;
    private readonly KnownLocks _known;

    internal ContractReader(Compilation compilation, ExternalAnnotations external)
    {
        Compilation = compilation;
        _external = external;
        Binder = new PathBinder(this);
        _known = new KnownLocks();
    }

    internal Compilation Compilation { get; }

    internal PathBinder Binder { get; }

    internal static bool IsOwn(string name) => name is not ("ContextUnsafe" or "GuardedBy" or "PtGuardedBy" or "AcquiredBefore" or "AcquiredAfter");

    internal static ClauseKind? ClauseOf(string name) => name switch
    {
        "MustHold" => ClauseKind.MustHold,
        "MustHoldShared" => ClauseKind.MustHoldShared,
        "MustNotHold" => ClauseKind.MustNotHold,
        "Acquires" => ClauseKind.Acquires,
        "AcquiresShared" => ClauseKind.AcquiresShared,
        "Releases" => ClauseKind.Releases,
        "ReleasesShared" => ClauseKind.ReleasesShared,
        "CondAcquires" => ClauseKind.CondAcquires,
        "CondAcquiresShared" => ClauseKind.CondAcquiresShared,
        "AssertsHeld" => ClauseKind.AssertsHeld,
        "AssertsHeldShared" => ClauseKind.AssertsHeldShared,
        _ => null,
    };

    internal static RefEffect EffectOf(string name) => name switch
    {
        "BorrowsReference" => RefEffect.Borrows,
        "ConsumesReference" => RefEffect.Consumes,
        "AcquiresReference" => RefEffect.Acquires,
        "DropsReference" => RefEffect.Drops,
        _ => RefEffect.None,
    };

    internal static bool IsExtension(ITypeSymbol? type) => type is not null && (int)type.TypeKind == ExtensionTypeKind;

    /// <summary>The form of a method that carries the attributes.</summary>
    /// <param name="method">Any form of the method.</param>
    /// <returns>The definition.</returns>
    internal static IMethodSymbol Definition(IMethodSymbol method)
    {
        method = (method.ReducedFrom ?? method).OriginalDefinition;
        method = method.PartialDefinitionPart ?? method;
        return method;
    }

    /// <summary>Attributes of the package on a symbol, those of external files included.</summary>
    /// <param name="symbol">The symbol.</param>
    /// <returns>The attributes, or null.</returns>
    internal List<AttributeInfo>? Attributes(ISymbol symbol)
    {
        var list = AttributeInfo.Read(symbol.GetAttributes());
        if (symbol is IMethodSymbol { PartialImplementationPart: { } other } && AttributeInfo.Read(other.GetAttributes()) is { } more)
            list = Union(list, more);
        return Union(list, _external.For(symbol, onReturn: false));
    }

    internal List<AttributeInfo>? ReturnAttributes(IMethodSymbol method)
        => Union(AttributeInfo.Read(method.GetReturnTypeAttributes()), _external.For(method, onReturn: true));

    internal Contract Of(IMethodSymbol? method)
    {
        if (method is null)
            return Contract.Empty;
        method = Definition(method);
        if (_contracts.TryGetValue(method, out Contract? c))
            return c;
        c = Build(method, 0);
        _contracts.TryAdd(method, c);
        return c;
    }

    /// <summary>The contract on a delegate type.</summary>
    /// <param name="type">Any type.</param>
    /// <returns>The contract; empty if the type is no annotated delegate.</returns>
    internal Contract OfDelegate(ITypeSymbol? type)
    {
        if (type is not INamedTypeSymbol { TypeKind: TypeKind.Delegate } named)
            return Contract.Empty;
        named = named.OriginalDefinition;
        if (_contracts.TryGetValue(named, out Contract? c))
            return c;
        var attributes = Attributes(named);
        c = BuildFrom(named, attributes, named.DelegateInvokeMethod, null, attributes is not null);
        _contracts.TryAdd(named, c);
        return c;
    }

    /// <summary>Whether a method never comes back.</summary>
    /// <param name="method">The method.</param>
    /// <returns>Whether it says so.</returns>
    internal bool DoesNotReturn(IMethodSymbol method) => _noReturn.GetOrAdd(method.OriginalDefinition, static m =>
    {
        foreach (AttributeData a in m.GetAttributes())
        {
            if (a.AttributeClass?.Name == "DoesNotReturnAttribute")
                return true;
        }

        return false;
    });

    internal DataContract Data(ISymbol symbol)
    {
        symbol = symbol.OriginalDefinition;
        if (_data.TryGetValue(symbol, out DataContract? d))
            return d;
        d = BuildData(symbol, 0);
        _data.TryAdd(symbol, d);
        return d;
    }

    internal TypeContract Type(ITypeSymbol? type)
    {
        if (type is null)
            return TypeContract.Empty;
        if (type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } n && n.TypeArguments[0] is INamedTypeSymbol inner)
            type = inner;
        type = type.OriginalDefinition;
        if (type.TypeKind is TypeKind.Enum or TypeKind.Class or TypeKind.Struct or TypeKind.Interface or TypeKind.TypeParameter)
        {
            if (_types.TryGetValue(type, out TypeContract? c))
                return c;
            c = BuildType(type, 0);
            _types.TryAdd(type, c);
            return c;
        }

        return TypeContract.Empty;
    }

    /// <summary>The member that stands for a whole family of overrides and implementations in lock paths.</summary>
    /// <param name="symbol">A field, property, event or method.</param>
    /// <returns>The base-most member.</returns>
    internal ISymbol Canonical(ISymbol symbol)
    {
        symbol = symbol.OriginalDefinition;
        if (symbol is IFieldSymbol)
            return symbol;
        if (_canonical.TryGetValue(symbol, out ISymbol? c))
            return c;
        c = symbol;
        while (true)
        {
            ISymbol? up = c switch
            {
                IPropertySymbol p => p.OverriddenProperty,
                IMethodSymbol m => m.OverriddenMethod,
                _ => null,
            };
            if (up is null)
                break;
            c = up.OriginalDefinition;
        }

        if (InterfaceMember(c) is { } i)
            c = i.OriginalDefinition;
        _canonical.TryAdd(symbol, c);
        return c;
    }

    /// <summary>The receiver parameter of a C# 14 extension block; null for other types.</summary>
    /// <param name="type">Containing type of a member.</param>
    /// <returns>The receiver.</returns>
    internal IParameterSymbol? ExtensionReceiver(INamedTypeSymbol? type)
    {
        if (!IsExtension(type))
            return null;
        if (_receivers.TryGetValue(type!, out object? known))
            return known as IParameterSymbol;
        IParameterSymbol? found = null;
        foreach (SyntaxReference r in type!.DeclaringSyntaxReferences)
        {
            // The node is newer than the API this assembly is built against, but it is a TypeDeclarationSyntax with a parameter list.
            if (r.GetSyntax() is TypeDeclarationSyntax { ParameterList.Parameters: { Count: > 0 } list } && Compilation.ContainsSyntaxTree(r.SyntaxTree))
                found = Compilation.GetSemanticModel(r.SyntaxTree).GetDeclaredSymbol(list[0]) as IParameterSymbol;
        }

        if (found is null)
        {
            foreach (IMethodSymbol m in type.GetMembers().OfType<IMethodSymbol>())
            {
                if (StaticForm(m) is { } s)
                {
                    found = s.Parameters[0];
                    break;
                }
            }
        }

        _receivers.TryAdd(type, (object?)found ?? type);
        return found;
    }

    /// <summary>The extension-block member a static form stands for; null if the method is no such form.</summary>
    /// <param name="method">A static method.</param>
    /// <returns>The member in the block.</returns>
    internal static IMethodSymbol? BlockForm(IMethodSymbol method)
    {
        if (!method.IsStatic || method.Parameters.IsEmpty || method.ContainingType is not { IsStatic: true } host || method.DeclaringSyntaxReferences.Length > 1)
            return null;
        foreach (INamedTypeSymbol t in host.GetTypeMembers())
        {
            if (!IsExtension(t))
                continue;
            foreach (ISymbol s in t.GetMembers(method.Name))
            {
                if (s is IMethodSymbol { IsStatic: false } m && m.Parameters.Length + 1 == method.Parameters.Length && SameTypes(m, method))
                    return m;
            }
        }

        return null;
    }

    /// <summary>Base members whose contract this member must respect: the overridden one and the implemented ones.</summary>
    /// <param name="method">A method or accessor.</param>
    /// <returns>The base members.</returns>
    internal IEnumerable<IMethodSymbol> Bases(IMethodSymbol method)
    {
        if (method.OverriddenMethod is { } o)
            yield return o;
        if (method.MethodKind is MethodKind.LocalFunction or MethodKind.LambdaMethod or MethodKind.Constructor or MethodKind.StaticConstructor)
            yield break;
        foreach (IMethodSymbol e in method.ExplicitInterfaceImplementations)
            yield return e;
        INamedTypeSymbol? type = method.ContainingType;
        if (type is null || method.IsStatic || type.TypeKind == TypeKind.Interface || method.DeclaredAccessibility != Accessibility.Public)
            yield break;
        foreach (INamedTypeSymbol i in type.AllInterfaces)
        {
            foreach (ISymbol m in i.GetMembers(method.Name))
            {
                if (m is IMethodSymbol im && SymbolEqualityComparer.Default.Equals(type.FindImplementationForInterfaceMember(im), method))
                    yield return im;
            }
        }
    }

    private static bool SameTypes(IMethodSymbol block, IMethodSymbol form)
    {
        for (int i = 0; i < block.Parameters.Length; i++)
        {
            if (block.Parameters[i].Type.Name != form.Parameters[i + 1].Type.Name)
                return false;
        }

        return true;
    }

    private static IMethodSymbol? StaticForm(IMethodSymbol block)
    {
        if (block.ContainingType?.ContainingType is not { } host)
            return null;
        foreach (ISymbol s in host.GetMembers(block.Name))
        {
            if (s is IMethodSymbol { IsStatic: true } m && m.Parameters.Length == block.Parameters.Length + 1 && SameTypes(block, m))
                return m;
        }

        return null;
    }

    private static List<AttributeInfo>? Union(List<AttributeInfo>? a, List<AttributeInfo>? b)
    {
        if (b is null)
            return a;
        if (a is null)
            return b;
        var list = new List<AttributeInfo>(a);
        foreach (AttributeInfo x in b)
        {
            if (x.Syntax is null || !list.Exists(y => y.Syntax is not null && y.Syntax.SyntaxTree == x.Syntax.SyntaxTree && y.Syntax.Span == x.Syntax.Span))
                list.Add(x);
        }

        return list;
    }

    private ISymbol? InterfaceMember(ISymbol symbol)
    {
        INamedTypeSymbol? type = symbol.ContainingType;
        if (type is null || symbol.IsStatic || type.TypeKind == TypeKind.Interface)
            return null;
        if (symbol is IPropertySymbol { ExplicitInterfaceImplementations: { IsEmpty: false } ep })
            return ep[0];
        if (symbol is IMethodSymbol { ExplicitInterfaceImplementations: { IsEmpty: false } em })
            return em[0];
        foreach (INamedTypeSymbol i in type.AllInterfaces)
        {
            foreach (ISymbol m in i.GetMembers(symbol.Name))
            {
                if (m.Kind == symbol.Kind && SymbolEqualityComparer.Default.Equals(type.FindImplementationForInterfaceMember(m), symbol))
                    return m;
            }
        }

        return null;
    }

    private Contract Build(IMethodSymbol method, int depth)
    {
        if (BlockForm(method) is { } block)
            return AsStaticForm(Of(block));
        var attributes = Attributes(method);
        if (method.AssociatedSymbol is IPropertySymbol or IEventSymbol)
            attributes = Union(attributes, Attributes(method.AssociatedSymbol)?.Where(static a => a.Name is not ("GuardedBy" or "PtGuardedBy" or "AcquiredBefore" or "AcquiredAfter")).ToList());
        Contract known = _known.Contract(method);
        bool own = attributes is not null && attributes.Exists(static a => IsOwn(a.Name));
        own |= ReturnAttributes(method) is not null || method.Parameters.Any(p => Attributes(p) is { } list && list.Exists(static a => IsOwn(a.Name)));
        Contract? inherited = null;
        if (!own && depth < 16)
        {
            foreach (IMethodSymbol b in Bases(method))
            {
                Contract c = Of(b);
                if (!c.IsEmpty)
                    inherited = inherited is null ? c : Merge(inherited, c);
            }
        }

        Contract result = BuildFrom(method, attributes, method, inherited, own);
        return known.IsEmpty ? result : Merge(known, result);
    }

    private static Contract Merge(Contract a, Contract b) => new()
    {
        IsEmpty = a.IsEmpty && b.IsEmpty,
        HasOwn = a.HasOwn || b.HasOwn,
        Unsafe = a.Unsafe || b.Unsafe,
        Clauses = a.Clauses.AddRange(b.Clauses.Where(x => !a.Clauses.Any(y => y.Kind == x.Kind && y.Path.Key == x.Path.Key))),
        ReturnsLock = a.ReturnsLock ?? b.ReturnsLock,
        MightSleep = a.MightSleep || b.MightSleep,
        AtomicContext = a.AtomicContext || b.AtomicContext,
        ReturnsReference = a.ReturnsReference || b.ReturnsReference,
        BorrowsReturn = a.BorrowsReturn || b.BorrowsReturn,
        Receiver = a.Receiver != RefEffect.None ? a.Receiver : b.Receiver,
        MustCheck = a.MustCheck || b.MustCheck,
        ErrorPointer = a.ErrorPointer || b.ErrorPointer,
        IsGet = a.IsGet || b.IsGet,
        IsPut = a.IsPut || b.IsPut,
        Parameters = a.Parameters.IsEmpty ? b.Parameters : a.Parameters,
    };

    private static Contract AsStaticForm(Contract c)
    {
        if (c.IsEmpty)
            return c;
        BoundPath Shift(BoundPath p) => p.Root switch
        {
            RootKind.Receiver => new BoundPath(p.Text, RootKind.Parameter, null, 0, p.Segments, p.Type),
            RootKind.Parameter => new BoundPath(p.Text, RootKind.Parameter, null, p.Ordinal + 1, p.Segments, p.Type),
            _ => p,
        };
        var parameters = ImmutableArray.CreateBuilder<ParameterContract>();
        parameters.Add(new ParameterContract { Effect = c.Receiver });
        parameters.AddRange(c.Parameters);
        return new Contract
        {
            IsEmpty = false,
            HasOwn = c.HasOwn,
            Unsafe = c.Unsafe,
            Clauses = c.Clauses.Select(x => new LockClause(x.Kind, x.When, Shift(x.Path), x.Tweak)).ToImmutableArray(),
            ReturnsLock = c.ReturnsLock is null ? null : Shift(c.ReturnsLock),
            MightSleep = c.MightSleep,
            AtomicContext = c.AtomicContext,
            ReturnsReference = c.ReturnsReference,
            BorrowsReturn = c.BorrowsReturn,
            MustCheck = c.MustCheck,
            ErrorPointer = c.ErrorPointer,
            IsGet = c.IsGet,
            IsPut = c.IsPut,
            Parameters = parameters.ToImmutable(),
        };
    }

    private Contract BuildFrom(ISymbol owner, List<AttributeInfo>? attributes, IMethodSymbol? signature, Contract? inherited, bool own)
    {
        var clauses = ImmutableArray.CreateBuilder<LockClause>();
        BoundPath? returnsLock = null;
        bool isUnsafe = false, sleeps = false, atomic = false, returnsRef = false, borrowsReturn = false, mustCheck = false, errorPointer = false;
        RefEffect receiver = RefEffect.None;
        ISymbol scope = owner;
        bool iterator = owner is IMethodSymbol im && IsIterator(im);
        foreach (AttributeInfo a in (IEnumerable<AttributeInfo>?)attributes ?? ImmutableArray<AttributeInfo>.Empty)
        {
            switch (a.Name)
            {
                case "ContextUnsafe": isUnsafe = true; break;
                case "MightSleep": sleeps = true; break;
                case "AtomicContext": atomic = true; break;
                case "ReturnsReference": returnsRef = true; break;
                case "MustCheck": mustCheck = true; break;
                case "ErrorPointer": errorPointer = true; break;
                case "BorrowsReference": borrowsReturn = true; receiver = RefEffect.Borrows; break;
                case "ConsumesReference" or "AcquiresReference" or "DropsReference": receiver = EffectOf(a.Name); break;
                case "ReturnsLock": returnsLock = Binder.Bind(a.Strings.FirstOrDefault(), scope, a.Syntax, out _); break;
                default:
                    if (ClauseOf(a.Name) is { } kind && !(iterator && kind != ClauseKind.MustNotHold && kind < ClauseKind.CondAcquires))
                    {
                        foreach (string? s in a.Strings)
                        {
                            if (Binder.Bind(s, scope, a.Syntax, out _) is { } path)
                                clauses.Add(new LockClause(kind, a.When, path));
                        }
                    }

                    break;
            }
        }

        if (signature is not null && ReturnAttributes(signature) is { } onReturn)
        {
            foreach (AttributeInfo a in onReturn)
            {
                returnsRef |= a.Name == "ReturnsReference";
                borrowsReturn |= a.Name == "BorrowsReference";
                mustCheck |= a.Name == "MustCheck";
                errorPointer |= a.Name == "ErrorPointer";
            }
        }

        if (owner is IMethodSymbol { ContainingType: { } type, MethodKind: not (MethodKind.LambdaMethod or MethodKind.LocalFunction) })
            sleeps |= Type(type).MightSleep;
        if (signature is { ReturnsVoid: false })
            mustCheck |= Type(TypeFacts.Awaited(signature.ReturnType)).MustCheck;

        var parameters = ImmutableArray.CreateBuilder<ParameterContract>();
        bool anyParameter = false;
        bool isGet = false, isPut = false;
        if (signature is not null)
        {
            foreach (IParameterSymbol p in signature.Parameters)
            {
                ParameterContract pc = BuildParameter(p);
                anyParameter |= !ReferenceEquals(pc, ParameterContract.None);
                parameters.Add(pc);
            }

            ByName(signature, ref receiver, parameters, ref anyParameter, out isGet, out isPut);
        }

        if (inherited is not null && !own)
        {
            clauses.AddRange(inherited.Clauses);
            returnsLock ??= inherited.ReturnsLock;
            sleeps |= inherited.MightSleep;
            atomic |= inherited.AtomicContext;
            returnsRef |= inherited.ReturnsReference;
            borrowsReturn |= inherited.BorrowsReturn;
            mustCheck |= inherited.MustCheck;
            errorPointer |= inherited.ErrorPointer;
            isGet |= inherited.IsGet;
            isPut |= inherited.IsPut;
            if (receiver == RefEffect.None)
                receiver = inherited.Receiver;
            if (!anyParameter && !inherited.Parameters.IsEmpty)
            {
                parameters.Clear();
                parameters.AddRange(inherited.Parameters);
                anyParameter = true;
            }
        }

        if (clauses.Count == 0 && returnsLock is null && !isUnsafe && !sleeps && !atomic && !returnsRef && !borrowsReturn && !mustCheck && !errorPointer
            && receiver == RefEffect.None && !anyParameter)
            return own ? new Contract { HasOwn = true } : Contract.Empty;
        return new Contract
        {
            IsEmpty = false,
            HasOwn = own,
            Unsafe = isUnsafe,
            Clauses = clauses.ToImmutable(),
            ReturnsLock = returnsLock,
            MightSleep = sleeps,
            AtomicContext = atomic,
            ReturnsReference = returnsRef,
            BorrowsReturn = borrowsReturn,
            Receiver = receiver,
            MustCheck = mustCheck,
            ErrorPointer = errorPointer,
            IsGet = isGet,
            IsPut = isPut,
            Parameters = anyParameter ? parameters.ToImmutable() : ImmutableArray<ParameterContract>.Empty,
        };
    }

    internal static bool IsIterator(IMethodSymbol method)
    {
        if (method.ReturnType is not INamedTypeSymbol { Name: "IEnumerable" or "IEnumerator" or "IAsyncEnumerable" or "IAsyncEnumerator" })
            return false;
        foreach (SyntaxReference r in method.DeclaringSyntaxReferences)
        {
            if (HasYield(r.GetSyntax()))
                return true;
        }

        return method.PartialImplementationPart is { } part && IsIterator(part);
    }

    private static bool HasYield(SyntaxNode body)
    {
        foreach (SyntaxNode n in body.DescendantNodes(n => n == body || n is not (LocalFunctionStatementSyntax or AnonymousFunctionExpressionSyntax)))
        {
            if (n is YieldStatementSyntax)
                return true;
        }

        return false;
    }

    // Operations on counted types are known by their names.
    private void ByName(IMethodSymbol m, ref RefEffect receiver, ImmutableArray<ParameterContract>.Builder parameters, ref bool any, out bool isGet, out bool isPut)
    {
        isGet = isPut = false;
        if (m.MethodKind is not (MethodKind.Ordinary or MethodKind.ExplicitInterfaceImplementation))
            return;
        if (!m.IsStatic)
        {
            ITypeSymbol? self = ExtensionReceiver(m.ContainingType)?.Type ?? m.ContainingType;
            TypeContract t = Type(self);
            if (t.IsCounted && m.Name.Length > 0)
            {
                // Attributes win; those that say the same do not make it another method.
                isGet = m.Name == t.Get && receiver is RefEffect.None or RefEffect.Acquires;
                isPut = m.Name == t.Put && receiver is RefEffect.None or RefEffect.Drops;
                receiver = isGet ? RefEffect.Acquires : isPut ? RefEffect.Drops : receiver;
            }

            return;
        }

        if (m.Parameters.IsEmpty)
            return;
        TypeContract first = Type(m.Parameters[0].Type);
        if (!first.IsCounted)
            return;
        bool near = SymbolEqualityComparer.Default.Equals(m.ContainingNamespace, first.CountedType?.ContainingNamespace);
        if (!near || (m.Name != first.Get && m.Name != first.Put))
            return;
        isGet = m.Name == first.Get && parameters[0].Effect is RefEffect.None or RefEffect.Acquires;
        isPut = m.Name == first.Put && parameters[0].Effect is RefEffect.None or RefEffect.Drops;
        if (parameters[0].Effect != RefEffect.None)
            return;
        parameters[0] = new ParameterContract
        {
            Effect = isGet ? RefEffect.Acquires : RefEffect.Drops,
            ReturnsReference = parameters[0].ReturnsReference,
            ErrorPointer = parameters[0].ErrorPointer,
            NotNullWhen = parameters[0].NotNullWhen,
        };
        any = true;
    }

    private ParameterContract BuildParameter(IParameterSymbol p)
    {
        var attributes = Attributes(p);
        bool? notNull = null;
        if (p.RefKind == RefKind.Out)
        {
            foreach (AttributeData a in p.GetAttributes())
            {
                if (a.AttributeClass?.Name == "NotNullWhenAttribute" && a.ConstructorArguments.Length == 1 && a.ConstructorArguments[0].Value is bool b)
                    notNull = b;
            }
        }

        if (attributes is null && notNull is null)
            return ParameterContract.None;
        RefEffect effect = RefEffect.None;
        bool returns = false, error = false;
        foreach (AttributeInfo a in (IEnumerable<AttributeInfo>?)attributes ?? ImmutableArray<AttributeInfo>.Empty)
        {
            RefEffect e = EffectOf(a.Name);
            effect = e != RefEffect.None ? e : effect;
            returns |= a.Name == "ReturnsReference";
            error |= a.Name == "ErrorPointer";
        }

        return new ParameterContract { Effect = effect, ReturnsReference = returns, ErrorPointer = error, NotNullWhen = notNull };
    }

    private DataContract BuildData(ISymbol symbol, int depth)
    {
        var attributes = Attributes(symbol);
        if (symbol is IFieldSymbol { AssociatedSymbol: IParameterSymbol ap })
            attributes = Union(attributes, Attributes(ap));
        if (attributes is null)
        {
            if (symbol is IPropertySymbol p && depth < 16)
            {
                if (p.OverriddenProperty is { } o)
                    return Data(o);
                if (InterfaceMember(p) is { } i)
                    return Data(i);
            }

            return DataContract.Empty;
        }

        var guarded = ImmutableArray.CreateBuilder<BoundPath>();
        var pt = ImmutableArray.CreateBuilder<BoundPath>();
        bool isUnsafe = false;
        RefEffect effect = RefEffect.None;
        foreach (AttributeInfo a in attributes)
        {
            if (a.Name is "GuardedBy" || (a.Name is "PtGuardedBy" && HasPointee(TypeOf(symbol))))
            {
                foreach (string? s in a.Strings)
                {
                    if (Binder.Bind(s, symbol, a.Syntax, out _) is { } path)
                        (a.Name == "GuardedBy" ? guarded : pt).Add(path);
                }
            }

            isUnsafe |= a.Name == "ContextUnsafe";
            RefEffect e = EffectOf(a.Name);
            effect = e != RefEffect.None ? e : effect;
        }

        return new DataContract { GuardedBy = guarded.ToImmutable(), PtGuardedBy = pt.ToImmutable(), Unsafe = isUnsafe, Effect = effect, IsEmpty = false };
    }

    /// <summary>Whether values of a type refer to an object behind them.</summary>
    /// <param name="type">The type of storage.</param>
    /// <returns>Whether a guard of the pointee makes sense.</returns>
    internal bool HasPointee(ITypeSymbol? type)
        => type is null || type.IsReferenceType || type is IPointerTypeSymbol or IErrorTypeSymbol || type is ITypeParameterSymbol { IsValueType: false } || Type(type).IsHandle;

    private static ITypeSymbol? TypeOf(ISymbol symbol) => symbol switch
    {
        IFieldSymbol f => f.Type,
        IPropertySymbol p => p.Type,
        IParameterSymbol p => p.Type,
        _ => null,
    };

    private TypeContract BuildType(ITypeSymbol type, int depth)
    {
        bool isLock = false, atomic = false, reentrant = false, scoped = false, counted = false, sleeps = false, mustCheck = false;
        string get = string.Empty, put = string.Empty;
        string? name = null;
        ITypeSymbol? countedType = null;
        foreach (AttributeInfo a in (IEnumerable<AttributeInfo>?)Attributes(type) ?? ImmutableArray<AttributeInfo>.Empty)
        {
            switch (a.Name)
            {
                case "ContextLock":
                    isLock = true;
                    atomic = a.Flag("Atomic");
                    reentrant = a.Flag("Reentrant");
                    foreach (var (n, v) in a.Named)
                        name = n == "Name" ? v as string : name;
                    break;
                case "ScopedLock": scoped = true; break;
                case "MightSleep": sleeps = true; break;
                case "MustCheck": mustCheck = true; break;
                case "RefCounted":
                    counted = true;
                    countedType = type;
                    get = a.Strings.Length > 0 ? a.Strings[0] ?? string.Empty : string.Empty;
                    put = a.Strings.Length > 1 ? a.Strings[1] ?? string.Empty : string.Empty;
                    break;
            }
        }

        if (depth < 16)
        {
            IEnumerable<ITypeSymbol> bases = type is ITypeParameterSymbol tp
                ? tp.ConstraintTypes
                : type.BaseType is { SpecialType: not (SpecialType.System_Object or SpecialType.System_ValueType or SpecialType.System_Enum) } b ? new ITypeSymbol[] { b }.Concat(type.Interfaces) : type.Interfaces;
            foreach (ITypeSymbol t in bases)
            {
                if (SymbolEqualityComparer.Default.Equals(t.OriginalDefinition, type))
                    continue;
                TypeContract c = t is ITypeParameterSymbol ? BuildType(t, depth + 1) : Type(t);
                if (!isLock && c.IsLock)
                    (isLock, atomic, reentrant, name) = (true, c.Atomic, c.Reentrant, c.LockName);
                scoped |= c.IsScoped;
                if (!counted && c.IsCounted)
                    (counted, get, put, countedType) = (true, c.Get, c.Put, c.CountedType);
                mustCheck |= c.MustCheck;
                sleeps |= c.MightSleep && type is ITypeParameterSymbol;
            }
        }

        if (!isLock && !scoped && !counted && !sleeps && !mustCheck)
            return TypeContract.Empty;
        return new TypeContract
        {
            IsLock = isLock,
            LockName = name,
            Atomic = atomic,
            Reentrant = reentrant,
            IsScoped = scoped,
            IsCounted = counted,
            Get = get,
            Put = put,
            CountedType = countedType,
            MightSleep = sleeps,
            MustCheck = mustCheck,
            IsHandle = type is INamedTypeSymbol { TypeKind: TypeKind.Struct, IsReadOnly: true } && (isLock || counted),
        };
    }
}
