// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.KnownApis;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Flow;

/// <summary>What is shared by all bodies of one compilation.</summary>
internal sealed class CompilationModel
{
    internal CompilationModel(Compilation compilation, ExternalAnnotations external)
    {
        Compilation = compilation;
        Contracts = new ContractReader(compilation, external);
        Order = new LockOrder(Contracts);
        Semaphores = new BinarySemaphores();
        Sleep = new SleepInference(Contracts);
        Checks = new ContractChecks(Contracts, Order);
    }

    internal Compilation Compilation { get; }

    internal ContractReader Contracts { get; }

    internal LockOrder Order { get; }

    internal BinarySemaphores Semaphores { get; }

    internal SleepInference Sleep { get; }

    internal ContractChecks Checks { get; }
}

/// <summary>Which semaphores are made with one count in a place that can be seen.</summary>
internal sealed class BinarySemaphores
{
    private readonly ConcurrentDictionary<ISymbol, bool> _known = new(SymbolEqualityComparer.Default);

    internal bool IsBinary(Obj key, Walker walker)
    {
        if (key.Kind == ObjKind.New)
            return key.Site is SyntaxNode n && IsOne(n);
        if (key.Kind is ObjKind.Member or ObjKind.Static && key.Symbol is IFieldSymbol or IPropertySymbol)
            return _known.GetOrAdd(key.Symbol!, static s => Decide(s));
        return false;
    }

    private static bool Decide(ISymbol symbol)
    {
        bool any = false;
        foreach (SyntaxReference r in symbol.DeclaringSyntaxReferences)
        {
            ExpressionSyntax? init = r.GetSyntax() switch
            {
                VariableDeclaratorSyntax v => v.Initializer?.Value,
                PropertyDeclarationSyntax p => p.Initializer?.Value,
                _ => null,
            };
            if (init is not null)
            {
                if (!IsOne(init))
                    return false;
                any = true;
            }
        }

        foreach (IMethodSymbol c in symbol.ContainingType.Constructors)
        {
            foreach (SyntaxReference r in c.DeclaringSyntaxReferences)
            {
                if (r.GetSyntax() is not ConstructorDeclarationSyntax body)
                    continue;
                foreach (SyntaxNode n in body.DescendantNodes())
                {
                    if (n is not AssignmentExpressionSyntax a)
                        continue;
                    string? name = a.Left switch
                    {
                        IdentifierNameSyntax i => i.Identifier.ValueText,
                        MemberAccessExpressionSyntax { Expression: ThisExpressionSyntax } m => m.Name.Identifier.ValueText,
                        _ => null,
                    };
                    if (name != symbol.Name)
                        continue;
                    if (!IsOne(a.Right))
                        return false;
                    any = true;
                }
            }
        }

        return any;
    }

    private static bool IsOne(SyntaxNode node)
    {
        if (node is not BaseObjectCreationExpressionSyntax { ArgumentList.Arguments: { Count: 1 or 2 } args })
            return false;
        return args.All(static a => a.Expression is LiteralExpressionSyntax { Token.Value: 1 });
    }
}

/// <summary>
/// Private methods that sleep although nobody said so. What a body calls is read once; the question is then one of reachability.
/// Most bodies are settled by their names alone and are never bound for it.
/// </summary>
internal sealed class SleepInference
{
    private static readonly HashSet<string> SleepingNames = new(System.StringComparer.Ordinal)
    {
        "Sleep", "Join", "Wait", "WaitAll", "WaitAny", "Result", "GetResult", "WaitOne", "Enter", "EnterScope", "SignalAndWait", "Take",
        "EnterReadLock", "EnterWriteLock", "EnterUpgradeableReadLock",
    };

    private readonly ContractReader _reader;
    private readonly ConcurrentDictionary<ISymbol, bool> _known = new(SymbolEqualityComparer.Default);
    private readonly ConcurrentDictionary<ISymbol, Summary> _summaries = new(SymbolEqualityComparer.Default);
    private readonly ConcurrentDictionary<ISymbol, Names> _names = new(SymbolEqualityComparer.Default);

    internal SleepInference(ContractReader reader) => _reader = reader;

    /// <summary>Gets or sets the names of members that are said to sleep; null if names do not tell.</summary>
    internal HashSet<string>? DeclaredNames { get; set; }

    internal bool Infers(IMethodSymbol m, INamedTypeSymbol? from, string mode)
    {
        m = ContractReader.Definition(m);
        if (_known.TryGetValue(m, out bool known))
            return known && IsAsked(m, from, mode);
        if (!IsAsked(m, from, mode))
            return false;
        bool sleeps = (mode == "assembly" || DeclaredNames is null || MayReach(m)) && Reaches(m, mode);
        _known.TryAdd(m, sleeps);
        return sleeps;
    }

    private bool IsAsked(IMethodSymbol m, INamedTypeSymbol? from, string mode)
    {
        if (m.DeclaringSyntaxReferences.IsEmpty || m.MethodKind is MethodKind.LambdaMethod or MethodKind.Constructor)
            return false;
        bool near = m.MethodKind == MethodKind.LocalFunction
            || (m.DeclaredAccessibility == Accessibility.Private && SymbolEqualityComparer.Default.Equals(m.ContainingType, from?.OriginalDefinition));
        return (near || mode == "assembly") && !_reader.Of(m).HasOwn;
    }

    // By names: an over-approximation that needs no binding.
    private bool MayReach(IMethodSymbol root)
    {
        var seen = new HashSet<ISymbol>(SymbolEqualityComparer.Default) { root };
        var work = new Stack<IMethodSymbol>();
        work.Push(root);
        while (work.Count != 0)
        {
            IMethodSymbol m = work.Pop();
            if (m.MethodKind == MethodKind.LocalFunction)
                return true;
            Names names = _names.GetOrAdd(m, s => Read((IMethodSymbol)s));
            if (names.Sleeps)
                return true;
            foreach (IMethodSymbol callee in names.Near)
            {
                if (seen.Add(callee))
                    work.Push(callee);
            }
        }

        return false;
    }

    private Names Read(IMethodSymbol m)
    {
        var near = new List<IMethodSymbol>();
        HashSet<string>? seen = null;
        foreach (SyntaxReference r in Bodies(m))
        {
            foreach (SyntaxToken t in r.GetSyntax().DescendantTokens())
            {
                if (t.IsKind(SyntaxKind.LockKeyword))
                    return new Names(true, near);
                if (!t.IsKind(SyntaxKind.IdentifierToken))
                    continue;
                string text = t.ValueText;
                if (SleepingNames.Contains(text) || DeclaredNames!.Contains(text))
                    return new Names(true, near);
                if (!(seen ??= new HashSet<string>(System.StringComparer.Ordinal)).Add(text))
                    continue;
                foreach (ISymbol s in m.ContainingType.GetMembers(text))
                {
                    if (s is IMethodSymbol { DeclaredAccessibility: Accessibility.Private } callee)
                        near.Add(ContractReader.Definition(callee));
                }
            }
        }

        return new Names(false, near);
    }

    private bool Reaches(IMethodSymbol root, string mode)
    {
        var seen = new HashSet<ISymbol>(SymbolEqualityComparer.Default) { root };
        var work = new Stack<IMethodSymbol>();
        work.Push(root);
        while (work.Count != 0)
        {
            Summary s = _summaries.GetOrAdd(work.Pop(), m => Summarize((IMethodSymbol)m, mode));
            if (s.Sleeps)
                return true;
            foreach (IMethodSymbol callee in s.Callees)
            {
                if (seen.Add(callee))
                    work.Push(callee);
            }
        }

        return false;
    }

    private Summary Summarize(IMethodSymbol m, string mode)
    {
        var callees = new List<IMethodSymbol>();
        foreach (SyntaxReference r in Bodies(m))
        {
            SyntaxNode node = r.GetSyntax();
            if (!_reader.Compilation.ContainsSyntaxTree(node.SyntaxTree))
                continue;
            IOperation? body = _reader.Compilation.GetSemanticModel(node.SyntaxTree).GetOperation(node);
            if (body is ILocalFunctionOperation f)
                body = f.Body;
            if (body is not null && Collect(body, m, mode, callees))
                return new Summary(true, callees);
        }

        return new Summary(false, callees);
    }

    private static IEnumerable<SyntaxReference> Bodies(IMethodSymbol m)
        => m.PartialImplementationPart is { } part ? m.DeclaringSyntaxReferences.Concat(part.DeclaringSyntaxReferences) : m.DeclaringSyntaxReferences;

    private bool Collect(IOperation op, IMethodSymbol self, string mode, List<IMethodSymbol> callees)
    {
        switch (op.Kind)
        {
            case OperationKind.AnonymousFunction or OperationKind.LocalFunction:
                return false;
            case OperationKind.Lock:
                return true;
            case OperationKind.Invocation:
                var call = (IInvocationOperation)op;
                if (Callee(call.TargetMethod, self, mode) is not { } kind || KnownSleep.ZeroTimeout(call.Arguments))
                    break;
                if (kind)
                    return true;
                callees.Add(ContractReader.Definition(call.TargetMethod));
                break;
            case OperationKind.ObjectCreation:
                if (_reader.Of(((IObjectCreationOperation)op).Constructor).MightSleep)
                    return true;
                break;
            case OperationKind.PropertyReference:
                if (_reader.Of(((IPropertyReferenceOperation)op).Property.GetMethod).MightSleep)
                    return true;
                break;
        }

        foreach (IOperation child in op.ChildOperations)
        {
            if (Collect(child, self, mode, callees))
                return true;
        }

        return false;
    }

    // True: sleeps; false: has to be looked into; null: does not matter.
    private bool? Callee(IMethodSymbol m, IMethodSymbol self, string mode)
    {
        Contract c = _reader.Of(m);
        if (c.MightSleep)
            return true;
        if (c.HasOwn)
            return null;
        m = ContractReader.Definition(m);
        bool near = m.MethodKind == MethodKind.LocalFunction
            || (m.DeclaredAccessibility == Accessibility.Private && SymbolEqualityComparer.Default.Equals(m.ContainingType, self.ContainingType));
        return near || (mode == "assembly" && !m.DeclaringSyntaxReferences.IsEmpty) ? false : null;
    }

    private sealed class Names
    {
        internal Names(bool sleeps, List<IMethodSymbol> near)
        {
            Sleeps = sleeps;
            Near = near;
        }

        internal bool Sleeps { get; }

        internal List<IMethodSymbol> Near { get; }
    }

    private sealed class Summary
    {
        internal Summary(bool sleeps, List<IMethodSymbol> callees)
        {
            Sleeps = sleeps;
            Callees = callees;
        }

        internal bool Sleeps { get; }

        internal List<IMethodSymbol> Callees { get; }
    }
}
