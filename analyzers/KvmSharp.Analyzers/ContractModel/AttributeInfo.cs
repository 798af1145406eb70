// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.ContractModel;

/// <summary>One attribute of the package, whether it stands in source, in metadata or in an external annotation file.</summary>
internal sealed class AttributeInfo
{
    private const string Prefix = "KvmSharp.Annotations.";

    internal AttributeInfo(string name, ImmutableArray<string?> strings, bool when, ImmutableArray<(string Name, object? Value)> named, SyntaxReference? syntax)
    {
        Name = name;
        Strings = strings;
        When = when;
        Named = named;
        Syntax = syntax;
    }

    /// <summary>Name without namespace and without the suffix.</summary>
    internal string Name { get; }

    internal ImmutableArray<string?> Strings { get; }

    internal bool When { get; }

    internal ImmutableArray<(string Name, object? Value)> Named { get; }

    internal SyntaxReference? Syntax { get; }

    internal bool Flag(string name)
    {
        foreach (var (n, v) in Named)
        {
            if (n == name && v is bool b)
                return b;
        }

        return false;
    }

    internal static bool IsOurs(INamedTypeSymbol? type)
        => type is { ContainingType: null, ContainingNamespace: { Name: "Annotations", ContainingNamespace: { Name: "KvmSharp", ContainingNamespace.IsGlobalNamespace: true } } };

    /// <summary>Reads the attributes of the package from a list; null if there are none.</summary>
    /// <param name="attributes">All attributes of a symbol.</param>
    /// <returns>Those of the package.</returns>
    internal static List<AttributeInfo>? Read(ImmutableArray<AttributeData> attributes)
    {
        List<AttributeInfo>? list = null;
        foreach (AttributeData a in attributes)
        {
            if (!IsOurs(a.AttributeClass))
                continue;
            string name = a.AttributeClass!.Name;
            if (name.EndsWith("Attribute", System.StringComparison.Ordinal))
                name = name.Substring(0, name.Length - 9);
            var strings = ImmutableArray.CreateBuilder<string?>();
            bool when = true;
            foreach (TypedConstant c in a.ConstructorArguments)
                Add(c, strings, ref when);
            var named = ImmutableArray.CreateBuilder<(string, object?)>();
            foreach (var n in a.NamedArguments)
                named.Add((n.Key, n.Value.Kind == TypedConstantKind.Array ? null : n.Value.Value));
            (list ??= new List<AttributeInfo>()).Add(new AttributeInfo(name, strings.ToImmutable(), when, named.ToImmutable(), a.ApplicationSyntaxReference));
        }

        return list;
    }

    internal static string FullName(string name) => Prefix + name + "Attribute";

    private static void Add(TypedConstant c, ImmutableArray<string?>.Builder strings, ref bool when)
    {
        if (c.Kind == TypedConstantKind.Array)
        {
            if (c.IsNull)
                return;
            foreach (TypedConstant e in c.Values)
                Add(e, strings, ref when);
            return;
        }

        if (c.Kind == TypedConstantKind.Error)
            return;
        if (c.Value is bool b)
            when = b;
        else if (c.Value is string or null)
            strings.Add(c.Value as string);
    }
}
