// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using System.Threading;
using KvmSharp.Analyzers.ContractModel;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.Flow;

/// <summary>
/// The first sieve: names a body must contain to be worth binding. They are those of annotated members, counted and lock types, the operations of .NET locks
/// and errno constants. What can be called without being named (operators, delegates, results of a must-check type) opens the sieve.
/// </summary>
internal sealed class InterestingNames
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal)
    {
        "Monitor", "Wait", "Enter", "TryEnter", "Exit", "EnterScope", "WaitOne", "ReleaseMutex", "WaitAsync", "Release", "SpinLock", "SemaphoreSlim",
        "EnterReadLock", "EnterWriteLock", "EnterUpgradeableReadLock", "TryEnterReadLock", "TryEnterWriteLock", "TryEnterUpgradeableReadLock",
        "ExitReadLock", "ExitWriteLock", "ExitUpgradeableReadLock",
    };

    private static readonly ImmutableHashSet<string> Attributes = ImmutableHashSet.Create(
        StringComparer.Ordinal,
        "GuardedBy",
        "PtGuardedBy",
        "MustHold",
        "MustHoldShared",
        "MustNotHold",
        "Acquires",
        "AcquiresShared",
        "Releases",
        "ReleasesShared",
        "CondAcquires",
        "CondAcquiresShared",
        "AssertsHeld",
        "AssertsHeldShared",
        "ReturnsLock",
        "ContextLock",
        "ScopedLock",
        "AcquiredBefore",
        "AcquiredAfter",
        "ContextUnsafe",
        "MightSleep",
        "AtomicContext",
        "ReturnsReference",
        "ConsumesReference",
        "AcquiresReference",
        "DropsReference",
        "BorrowsReference",
        "RefCounted",
        "MustCheck",
        "ErrorPointer");

    private readonly TextSieve _lockWords;
    private readonly ConcurrentDictionary<SyntaxTree, bool> _files = new();
    private bool _open;
    private bool _new;
    private bool _foreach;
    private bool _using;
    private bool _errno;

    private InterestingNames() => _lockWords = new TextSieve(_names.Concat(new[] { "lock" }));

    /// <summary>Gets the names of members that are declared to sleep.</summary>
    internal HashSet<string> SleepNames { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets a value indicating whether there is any contract besides those of .NET.</summary>
    internal bool IsUsed { get; private set; }

    /// <summary>Gets the names of members that carry a lock order.</summary>
    internal HashSet<string> OrderNames { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets a value indicating whether an attribute hides behind another name, or in a file of its own.</summary>
    internal bool IsOpaque { get; private set; }

    /// <summary>Gets a value indicating whether something is declared to sleep that can be called without being named.</summary>
    internal bool MaySleep { get; private set; }

    /// <summary>Gets a value indicating whether a lock order may be declared somewhere.</summary>
    internal bool HasOrder { get; private set; }

    /// <summary>Collects the names of a compilation.</summary>
    /// <param name="compilation">The compilation.</param>
    /// <param name="external">External annotations.</param>
    /// <param name="annotated">Whether the compilation knows the attributes.</param>
    /// <param name="token">Cancels the collection.</param>
    /// <returns>The names.</returns>
    internal static InterestingNames Collect(Compilation compilation, ExternalAnnotations external, bool annotated, CancellationToken token)
    {
        var names = new InterestingNames();
        names.HasOrder = names.MaySleep = names.IsOpaque = !external.IsEmpty;
        names.IsUsed = !external.IsEmpty;
        foreach (string id in external.Ids)
            names.AddDocumentationId(id);
        if (!annotated)
            return names;
        names._errno = true;
        foreach (string name in Attributes)
        {
            names._names.Add(name);
            names._names.Add(name + "Attribute");
        }

        var sieve = new TextSieve(names._names.Where(static n => Attributes.Contains(n) || Attributes.Contains(Simple(n))).Concat(new[] { "Errno", "errno", "Err" }));
        foreach (SyntaxTree tree in compilation.SyntaxTrees)
        {
            token.ThrowIfCancellationRequested();
            if (!sieve.Matches(tree, token))
                continue;
            names.IsUsed = true;
            if (tree.GetRoot(token) is CompilationUnitSyntax root)
                names.Declarations(root);
        }

        foreach (IAssemblySymbol a in compilation.SourceModule.ReferencedAssemblySymbols)
        {
            if (!References(a))
                continue;
            names.IsUsed = true;
            names.Metadata(a.GlobalNamespace);
        }

        return names;
    }

    internal bool Match(SyntaxNode body)
    {
        if (_open)
            return true;
        if (!IsUsed && !HasLockWord(body.SyntaxTree))
            return false;
        foreach (SyntaxToken t in body.DescendantTokens())
        {
            switch (t.Kind())
            {
                case SyntaxKind.LockKeyword:
                    return true;
                case SyntaxKind.ForEachKeyword when _foreach:
                case SyntaxKind.UsingKeyword when _using:
                    return true;
                case SyntaxKind.NewKeyword when _new && t.Parent is ImplicitObjectCreationExpressionSyntax:
                case SyntaxKind.ThisKeyword or SyntaxKind.BaseKeyword when _new && t.Parent is ConstructorInitializerSyntax:
                    return true;
                case SyntaxKind.IdentifierToken:
                    string text = t.ValueText;
                    if (_names.Contains(text) || (_errno && IsErrno(text)))
                        return true;
                    break;
            }
        }

        return false;
    }

    private bool HasLockWord(SyntaxTree tree)
    {
        if (!_files.TryGetValue(tree, out bool has))
        {
            has = _lockWords.Matches(tree, CancellationToken.None);
            _files.TryAdd(tree, has);
        }

        return has;
    }

    private static bool References(IAssemblySymbol a)
    {
        foreach (IModuleSymbol m in a.Modules)
        {
            foreach (AssemblyIdentity r in m.ReferencedAssemblies)
            {
                if (r.Name == "KvmSharp.Annotations")
                    return true;
            }
        }

        return a.Name != "KvmSharp.Annotations" && a.GetTypeByMetadataName(AttributeInfo.FullName("MustHold")) is not null;
    }

    private static bool IsErrno(string name)
    {
        if (name.Length < 2 || name[0] != 'E')
            return false;
        foreach (char c in name)
        {
            if (!(c is >= 'A' and <= 'Z' or >= '0' and <= '9'))
                return false;
        }

        return true;
    }

    private static string Simple(NameSyntax name)
    {
        string s = name switch
        {
            QualifiedNameSyntax q => q.Right.Identifier.ValueText,
            AliasQualifiedNameSyntax a => a.Name.Identifier.ValueText,
            SimpleNameSyntax n => n.Identifier.ValueText,
            _ => string.Empty,
        };
        return Simple(s);
    }

    private static string Simple(string s) => s.EndsWith("Attribute", StringComparison.Ordinal) ? s.Substring(0, s.Length - 9) : s;

    // Declarations only: bodies are not entered, and an attribute inside one is found by its own name.
    private void Declarations(CompilationUnitSyntax root)
    {
        foreach (UsingDirectiveSyntax u in root.Usings)
        {
            // An alias may hide a name of ours.
            if (u.Alias is not null)
                Alias(u);
        }

        foreach (SyntaxNode n in root.DescendantNodes(static n => n is not (BlockSyntax or ArrowExpressionClauseSyntax or EqualsValueClauseSyntax)))
        {
            if (n is UsingDirectiveSyntax { Alias: not null, Parent: not CompilationUnitSyntax } alias)
                Alias(alias);
            if (n is not AttributeListSyntax list)
                continue;
            foreach (AttributeSyntax a in list.Attributes)
            {
                string name = Simple(a.Name);
                if (!Attributes.Contains(name))
                    continue;
                HasOrder |= name is "AcquiredBefore" or "AcquiredAfter";
                Declared(list.Parent, name, a);
            }
        }
    }

    // An attribute under another name: whatever it stands on cannot be told by its syntax.
    private void Alias(UsingDirectiveSyntax directive)
    {
        _names.Add(directive.Alias!.Name.Identifier.ValueText);
        if (directive.Name is { } target && Attributes.Contains(Simple(target)))
            _open = HasOrder = MaySleep = IsOpaque = true;
    }

    private void Declared(SyntaxNode? node, string attribute, AttributeSyntax a)
    {
        switch (node)
        {
            case MethodDeclarationSyntax m:
                Add(m.Identifier.ValueText);
                Remember(attribute, m.Identifier.ValueText);
                break;
            case PropertyDeclarationSyntax p:
                Add(p.Identifier.ValueText);
                Remember(attribute, p.Identifier.ValueText);
                break;
            case EventDeclarationSyntax e:
                Add(e.Identifier.ValueText);
                break;
            case BaseFieldDeclarationSyntax f:
                foreach (VariableDeclaratorSyntax v in f.Declaration.Variables)
                {
                    Add(v.Identifier.ValueText);
                    Remember(attribute, v.Identifier.ValueText);
                }

                break;
            case AccessorDeclarationSyntax acc:
                Declared(acc.Parent?.Parent, attribute, a);
                break;
            case ParameterSyntax p:
                Add(p.Identifier.ValueText);
                SyntaxNode? owner = p.Parent?.Parent;
                if (owner is not null)
                    Declared(owner, string.Empty, a);
                break;
            case ConstructorDeclarationSyntax c:
                Add(c.Identifier.ValueText);
                _new = true;
                MaySleep |= attribute == "MightSleep";
                break;
            case LocalFunctionStatementSyntax or AnonymousFunctionExpressionSyntax:
                break;
            case DelegateDeclarationSyntax or OperatorDeclarationSyntax or ConversionOperatorDeclarationSyntax or IndexerDeclarationSyntax:
                _open = true;
                MaySleep |= attribute == "MightSleep";
                break;
            case BaseTypeDeclarationSyntax t:
                Add(t.Identifier.ValueText);
                _new = true;
                _using = true;
                _open |= attribute is "MustCheck" or "MightSleep";
                MaySleep |= attribute == "MightSleep";
                if (attribute == "RefCounted" && a.ArgumentList is { } args)
                {
                    foreach (AttributeArgumentSyntax arg in args.Arguments)
                    {
                        if (arg.Expression is LiteralExpressionSyntax { Token.Value: string s })
                            Add(s);
                        else
                            _open = true;
                    }
                }

                break;
        }
    }

    private void Remember(string attribute, string name)
    {
        if (attribute == "MightSleep")
            SleepNames.Add(name);
        else if (attribute is "AcquiredBefore" or "AcquiredAfter")
            OrderNames.Add(name);
    }

    private void Add(string name)
    {
        _names.Add(name);
        switch (name)
        {
            case "GetEnumerator" or "MoveNext" or "Current" or "GetAsyncEnumerator" or "MoveNextAsync":
                _foreach = true;
                break;
            case "Dispose" or "DisposeAsync":
                _using = true;
                _foreach = true;
                break;
            case "Deconstruct" or "GetAwaiter" or "GetResult" or "Add" or "GetPinnableReference" or "ToString":
                _open = true;
                break;
        }
    }

    private void AddDocumentationId(string id)
    {
        int end = id.IndexOf('(');
        string path = end < 0 ? id : id.Substring(0, end);
        int dot = path.LastIndexOf('.');
        string name = dot < 0 ? path : path.Substring(dot + 1);
        int tick = name.IndexOf('`');
        if (tick >= 0)
            name = name.Substring(0, tick);
        if (name.StartsWith("#ctor", StringComparison.Ordinal))
        {
            string type = path.Substring(0, Math.Max(dot, 0));
            Add(type.Substring(type.LastIndexOf('.') + 1));
            _new = true;
        }
        else if (name.StartsWith("op_", StringComparison.Ordinal) || name == "Item" || id.StartsWith("T:", StringComparison.Ordinal))
        {
            _open = true;
        }
        else
        {
            Add(name);
        }
    }

    private void Metadata(INamespaceOrTypeSymbol scope)
    {
        foreach (ISymbol s in scope.GetMembers())
        {
            if (s is INamespaceOrTypeSymbol inner)
            {
                if (s is INamedTypeSymbol t && AttributeInfo.Read(t.GetAttributes()) is { } onType)
                {
                    Add(t.Name);
                    _new = _using = true;
                    foreach (AttributeInfo a in onType)
                    {
                        MaySleep |= a.Name == "MightSleep";
                        _open |= a.Name is "MustCheck" or "MightSleep" || t.TypeKind == TypeKind.Delegate;
                        if (a.Name == "RefCounted")
                        {
                            foreach (string? text in a.Strings)
                                Add(text ?? string.Empty);
                        }
                    }
                }

                Metadata(inner);
                continue;
            }

            bool ours = false;
            if (AttributeInfo.Read(s.GetAttributes()) is { } own)
            {
                ours = true;
                if (own.Exists(static a => a.Name == "MightSleep"))
                {
                    SleepNames.Add((s as IMethodSymbol)?.AssociatedSymbol?.Name ?? s.Name);
                    MaySleep |= s is IMethodSymbol { MethodKind: not MethodKind.Ordinary };
                }

                if (own.Exists(static a => a.Name is "AcquiredBefore" or "AcquiredAfter"))
                {
                    HasOrder = true;
                    OrderNames.Add(s.Name);
                }
            }

            if (s is IMethodSymbol m)
            {
                ours |= AttributeInfo.Read(m.GetReturnTypeAttributes()) is not null;
                foreach (IParameterSymbol p in m.Parameters)
                    ours |= AttributeInfo.Read(p.GetAttributes()) is not null;
            }

            if (!ours)
                continue;
            if (s is IMethodSymbol { MethodKind: MethodKind.Constructor })
            {
                Add(s.ContainingType.Name);
                _new = true;
            }
            else if (s is IMethodSymbol { MethodKind: MethodKind.UserDefinedOperator or MethodKind.Conversion or MethodKind.DelegateInvoke } or IPropertySymbol { IsIndexer: true })
            {
                _open = true;
            }
            else
            {
                Add((s as IMethodSymbol)?.AssociatedSymbol?.Name ?? s.Name);
            }
        }
    }
}
