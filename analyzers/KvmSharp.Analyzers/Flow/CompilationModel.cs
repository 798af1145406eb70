// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.KnownApis;
using Microsoft.CodeAnalysis;
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

/// <summary>Private methods that sleep although nobody said so.</summary>
internal sealed class SleepInference
{
    private readonly ContractReader _reader;
    private readonly ConcurrentDictionary<ISymbol, bool> _known = new(SymbolEqualityComparer.Default);

    internal SleepInference(ContractReader reader) => _reader = reader;

    internal bool Infers(IMethodSymbol m, INamedTypeSymbol? from, string mode)
    {
        m = ContractReader.Definition(m);
        if (_reader.Of(m).HasOwn || m.DeclaringSyntaxReferences.IsEmpty || m.MethodKind is MethodKind.LambdaMethod or MethodKind.Constructor)
            return false;
        bool near = m.MethodKind == MethodKind.LocalFunction
            || (m.DeclaredAccessibility == Accessibility.Private && SymbolEqualityComparer.Default.Equals(m.ContainingType, from?.OriginalDefinition));
        return (near || mode == "assembly") && Sleeps(m, mode, new HashSet<ISymbol>(SymbolEqualityComparer.Default));
    }

    private bool Sleeps(IMethodSymbol m, string mode, HashSet<ISymbol> visiting)
    {
        if (_known.TryGetValue(m, out bool known))
            return known;
        if (!visiting.Add(m))
            return false;
        bool result = false;
        foreach (SyntaxReference r in m.DeclaringSyntaxReferences)
        {
            SyntaxNode node = r.GetSyntax();
            if (!_reader.Compilation.ContainsSyntaxTree(node.SyntaxTree))
                continue;
            IOperation? body = _reader.Compilation.GetSemanticModel(node.SyntaxTree).GetOperation(node);
            if (body is ILocalFunctionOperation f)
                body = f.Body;
            if (body is not null && Contains(body, m, mode, visiting))
                result = true;
        }

        visiting.Remove(m);
        if (visiting.Count == 0 || result)
            _known.TryAdd(m, result);
        return result;
    }

    private bool Contains(IOperation op, IMethodSymbol self, string mode, HashSet<ISymbol> visiting)
    {
        if (op is IAnonymousFunctionOperation or ILocalFunctionOperation)
            return false;
        switch (op)
        {
            case ILockOperation:
                return true;
            case IInvocationOperation i:
                if (Callee(i.TargetMethod, self, mode, visiting) && !KnownSleep.ZeroTimeout(i.Arguments))
                    return true;
                break;
            case IObjectCreationOperation { Constructor: { } c }:
                if (_reader.Of(c).MightSleep)
                    return true;
                break;
            case IPropertyReferenceOperation p:
                if (_reader.Of(p.Property.GetMethod).MightSleep)
                    return true;
                break;
        }

        foreach (IOperation child in op.ChildOperations)
        {
            if (Contains(child, self, mode, visiting))
                return true;
        }

        return false;
    }

    private bool Callee(IMethodSymbol m, IMethodSymbol self, string mode, HashSet<ISymbol> visiting)
    {
        Contract c = _reader.Of(m);
        if (c.MightSleep)
            return true;
        if (c.HasOwn)
            return false;
        m = ContractReader.Definition(m);
        bool near = m.MethodKind == MethodKind.LocalFunction
            || (m.DeclaredAccessibility == Accessibility.Private && SymbolEqualityComparer.Default.Equals(m.ContainingType, self.ContainingType));
        return (near || (mode == "assembly" && !m.DeclaringSyntaxReferences.IsEmpty)) && Sleeps(m, mode, visiting);
    }
}
