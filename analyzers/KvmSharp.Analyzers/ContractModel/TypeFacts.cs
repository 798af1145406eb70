// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.ContractModel;

/// <summary>Plain questions about types that need no contract cache.</summary>
internal static class TypeFacts
{
    internal static bool IsIn(ISymbol? symbol, string first, string? second = null, string? third = null)
    {
        INamespaceSymbol? ns = symbol?.ContainingNamespace;
        if (third is not null)
        {
            if (ns is null || ns.Name != third)
                return false;
            ns = ns.ContainingNamespace;
        }

        if (second is not null)
        {
            if (ns is null || ns.Name != second)
                return false;
            ns = ns.ContainingNamespace;
        }

        return ns is not null && ns.Name == first && ns.ContainingNamespace is { IsGlobalNamespace: true };
    }

    internal static bool IsThreading(ITypeSymbol? type, string name)
        => type is not null && type.Name == name && IsIn(type, "System", "Threading");

    internal static bool IsTask(ITypeSymbol? type)
        => type is INamedTypeSymbol { Name: "Task" or "ValueTask" } && IsIn(type, "System", "Threading", "Tasks");

    /// <summary>The type a caller sees after awaiting; the type itself if it is no task, null for a task without result.</summary>
    /// <param name="type">Result type of a member.</param>
    /// <returns>The awaited type.</returns>
    internal static ITypeSymbol? Awaited(ITypeSymbol? type)
    {
        if (!IsTask(type))
            return type;
        var named = (INamedTypeSymbol)type!;
        return named.TypeArguments.Length == 1 ? named.TypeArguments[0] : null;
    }

    internal static bool IsLockScope(ITypeSymbol? type)
        => type is { Name: "Scope", ContainingType: { Name: "Lock" } outer } && IsIn(outer, "System", "Threading");

    internal static bool IsDotNetLock(ITypeSymbol? type)
        => type is { Name: "Lock" or "Mutex" or "SemaphoreSlim" or "ReaderWriterLockSlim" or "SpinLock" } && IsIn(type, "System", "Threading");

    internal static bool IsSystemCollections(ISymbol? symbol)
    {
        INamespaceSymbol? ns = symbol?.ContainingNamespace;
        while (ns is { IsGlobalNamespace: false })
        {
            if (ns.Name == "Collections" && ns.ContainingNamespace is { Name: "System", ContainingNamespace.IsGlobalNamespace: true })
                return true;
            ns = ns.ContainingNamespace;
        }

        return false;
    }

    /// <summary>Element type of an array or list; null if the type is neither.</summary>
    /// <param name="type">The type of the collection.</param>
    /// <returns>The element type.</returns>
    internal static ITypeSymbol? ElementType(ITypeSymbol? type)
    {
        if (type is IArrayTypeSymbol a)
            return a.ElementType;
        if (type is IPointerTypeSymbol p)
            return p.PointedAtType;
        for (ITypeSymbol? t = type; t is not null; t = t.BaseType)
        {
            foreach (ISymbol m in t.GetMembers())
            {
                if (m is IPropertySymbol { IsIndexer: true, Parameters: { Length: 1 } ps } i && ps[0].Type.SpecialType == SpecialType.System_Int32)
                    return i.Type;
            }
        }

        if (type is not null)
        {
            foreach (INamedTypeSymbol i in type.AllInterfaces)
            {
                if (i.OriginalDefinition.SpecialType is SpecialType.System_Collections_Generic_IList_T
                    or SpecialType.System_Collections_Generic_IReadOnlyList_T
                    or SpecialType.System_Collections_Generic_IEnumerable_T)
                    return i.TypeArguments[0];
            }
        }

        return null;
    }

    internal static bool IsNullTestName(string name) => name is "IsNull" or "IS_NULL";

    /// <summary>Members of the name in the type, its bases, its interfaces or, for a type parameter, its constraints.</summary>
    /// <param name="type">Where to look.</param>
    /// <param name="name">Name of the member.</param>
    /// <returns>The members found at the first type that has any.</returns>
    internal static IEnumerable<ISymbol> Lookup(ITypeSymbol? type, string name)
    {
        if (type is IPointerTypeSymbol p)
            type = p.PointedAtType;
        if (type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } n)
            type = n.TypeArguments[0];
        if (type is ITypeParameterSymbol tp)
        {
            foreach (ITypeSymbol c in tp.ConstraintTypes)
            {
                foreach (ISymbol s in Lookup(c, name))
                    yield return s;
            }

            yield break;
        }

        for (ITypeSymbol? t = type; t is not null; t = t.BaseType)
        {
            bool any = false;
            foreach (ISymbol s in t.GetMembers(name))
            {
                any = true;
                yield return s;
            }

            if (any)
                yield break;
        }

        if (type is { TypeKind: TypeKind.Interface })
        {
            foreach (INamedTypeSymbol i in type.AllInterfaces)
            {
                foreach (ISymbol s in i.GetMembers(name))
                    yield return s;
            }
        }
    }
}
