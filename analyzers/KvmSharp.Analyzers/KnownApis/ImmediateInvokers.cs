// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Immutable;
using KvmSharp.Analyzers.ContractModel;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.KnownApis;

/// <summary>Members that call the delegates they are given before they return.</summary>
internal static class ImmediateInvokers
{
    internal static bool Is(IMethodSymbol method, ImmutableHashSet<string> configured)
    {
        method = (method.ReducedFrom ?? method).OriginalDefinition;
        INamedTypeSymbol? type = method.ContainingType;
        if (type is null)
            return false;
        string name = method.Name;
        if (!configured.IsEmpty && configured.Contains(FullName(type) + "." + name))
            return true;
        bool list = name is "ForEach" or "Exists" or "TrueForAll" or "ConvertAll" or "Sort" || name.StartsWith("Find", StringComparison.Ordinal);
        return type.Name switch
        {
            "List" => (list || name == "RemoveAll") && TypeFacts.IsIn(type, "System", "Collections", "Generic"),
            "Array" => list && TypeFacts.IsIn(type, "System"),
            "Dictionary" => name is "GetOrAdd" or "AddOrUpdate" && TypeFacts.IsSystemCollections(type),
            "ConcurrentDictionary" => name is "GetOrAdd" or "AddOrUpdate" && TypeFacts.IsSystemCollections(type),
            "MemoryExtensions" or "Span" => name == "Sort" && TypeFacts.IsIn(type, "System"),
            "String" => name == "Create" && type.SpecialType == SpecialType.System_String,
            _ => false,
        };
    }

    internal static string FullName(INamedTypeSymbol type)
    {
        string name = type.Name;
        for (ISymbol? s = type.ContainingSymbol; s is not null and not INamespaceSymbol { IsGlobalNamespace: true }; s = s.ContainingSymbol)
        {
            if (s is INamedTypeSymbol or INamespaceSymbol)
                name = s.Name + "." + name;
        }

        return name;
    }
}
