// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.ContractModel;

/// <summary>The declared order of locks: a graph over declarations, built when somebody first asks.</summary>
internal sealed class LockOrder
{
    private readonly ContractReader _reader;
    private Dictionary<ISymbol, List<ISymbol>>? _after;

    internal LockOrder(ContractReader reader) => _reader = reader;

    /// <summary>Gets or sets a value indicating whether an order may be declared anywhere.</summary>
    internal bool IsDeclared { get; set; } = true;

    /// <summary>Gets or sets the names of the members that carry an order; null if names do not tell.</summary>
    internal HashSet<string>? Names { get; set; }

    /// <summary>True if the first lock is declared to be acquired before the second.</summary>
    /// <param name="first">Declaration of a lock.</param>
    /// <param name="second">Declaration of another lock.</param>
    /// <returns>Whether a chain of declarations leads from the first to the second.</returns>
    internal bool Before(ISymbol first, ISymbol second)
    {
        var graph = Graph();
        if (graph.Count == 0)
            return false;
        first = _reader.Canonical(first);
        second = _reader.Canonical(second);
        var seen = new HashSet<ISymbol>(SymbolEqualityComparer.Default);
        var work = new Stack<ISymbol>();
        work.Push(first);
        while (work.Count != 0)
        {
            if (!graph.TryGetValue(work.Pop(), out List<ISymbol>? next))
                continue;
            foreach (ISymbol n in next)
            {
                if (SymbolEqualityComparer.Default.Equals(n, second))
                    return true;
                if (seen.Add(n))
                    work.Push(n);
            }
        }

        return false;
    }

    private Dictionary<ISymbol, List<ISymbol>> Graph()
    {
        if (Volatile.Read(ref _after) is { } known)
            return known;
        var graph = new Dictionary<ISymbol, List<ISymbol>>(SymbolEqualityComparer.Default);
        if (!IsDeclared)
            return graph;
        Visit(_reader.Compilation.Assembly.GlobalNamespace, graph);
        foreach (IAssemblySymbol a in _reader.Compilation.SourceModule.ReferencedAssemblySymbols)
        {
            if (a.Modules.Any(static m => m.ReferencedAssemblies.Any(static r => r.Name == "KvmSharp.Annotations")) || a.GetTypeByMetadataName(AttributeInfo.FullName("AcquiredBefore")) is not null)
                Visit(a.GlobalNamespace, graph);
        }

        Interlocked.CompareExchange(ref _after, graph, null);
        return _after!;
    }

    private void Visit(INamespaceOrTypeSymbol scope, Dictionary<ISymbol, List<ISymbol>> graph)
    {
        foreach (ISymbol m in scope.GetMembers())
        {
            if (m is INamespaceOrTypeSymbol inner)
            {
                Visit(inner, graph);
                continue;
            }

            if (Names is not null && !Names.Contains(m.Name))
                continue;
            if (m is not (IFieldSymbol or IPropertySymbol) || _reader.Attributes(m) is not { } attributes)
                continue;
            foreach (AttributeInfo a in attributes)
            {
                if (a.Name is not ("AcquiredBefore" or "AcquiredAfter"))
                    continue;
                foreach (string? s in a.Strings)
                {
                    if (_reader.Binder.Bind(s, m, a.Syntax, out _) is not { } path || Last(path, m) is not { } other)
                        continue;
                    ISymbol self = _reader.Canonical(m);
                    other = _reader.Canonical(other);
                    var (from, to) = a.Name == "AcquiredBefore" ? (self, other) : (other, self);
                    if (!graph.TryGetValue(from, out List<ISymbol>? list))
                        graph.Add(from, list = new List<ISymbol>());
                    list.Add(to);
                }
            }
        }
    }

    private static ISymbol? Last(BoundPath path, ISymbol self)
    {
        for (int i = path.Segments.Length - 1; i >= 0; i--)
        {
            if (path.Segments[i] is { } s)
                return s;
        }

        return path.RootSymbol;
    }
}
