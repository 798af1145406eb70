// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Replaces a name that means nothing by the most similar one that does.</summary>
internal sealed class NearestName : Fix
{
    public NearestName()
        : base("Use the nearest name", "KS9001")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        AttributeSyntax? attribute = target.Node.FirstAncestorOrSelf<AttributeSyntax>() ?? target.Node.DescendantNodes().OfType<AttributeSyntax>().FirstOrDefault();
        if (attribute?.ArgumentList is not { } arguments || attribute.Parent?.Parent is not { } declaration)
            return null;
        SyntaxNode symbolNode = declaration is BaseFieldDeclarationSyntax field ? field.Declaration.Variables[0] : declaration;
        ISymbol? symbol = target.Model.GetDeclaredSymbol(symbolNode, target.Cancellation);
        INamedTypeSymbol? type = symbol as INamedTypeSymbol ?? symbol?.ContainingType;
        if (symbol is null || type is null)
            return null;
        var edits = new Edits(target);
        foreach (AttributeArgumentSyntax argument in arguments.Arguments)
        {
            if (argument.Expression is not LiteralExpressionSyntax { Token.Value: string text } || text.Length == 0)
                continue;
            if (Resolve(symbol, type, text.Split('.'), out int wrong, out IReadOnlyList<string> names))
                continue;
            string[] words = text.Split('.');
            bool call = words[wrong].EndsWith("()", StringComparison.Ordinal);
            string bare = words[wrong].Replace("()", string.Empty);
            string? nearest = names.OrderBy(name => Distance(name.Replace("()", string.Empty), bare)).ThenBy(name => name, StringComparer.Ordinal).FirstOrDefault();
            if (nearest is null || Distance(nearest.Replace("()", string.Empty), bare) > Math.Max(2, bare.Length / 2))
                continue;
            words[wrong] = nearest;
            string fixedPath = string.Join(".", words);
            if (!Resolve(symbol, type, fixedPath.Split('.'), out _, out _))
                continue;
            edits.Replace(argument.Expression.Span, "\"" + fixedPath + "\"");
        }

        return edits.Changes.Count == 0 ? null : edits;
    }

    /// <summary>Follows a path as far as it goes; the names in reach are those that could stand where it ends.</summary>
    private static bool Resolve(ISymbol symbol, INamedTypeSymbol type, string[] words, out int wrong, out IReadOnlyList<string> names)
    {
        ITypeSymbol? at = null;
        wrong = 0;
        names = Array.Empty<string>();
        for (int i = 0; i < words.Length; i++)
        {
            wrong = i;
            var reach = new Dictionary<string, ITypeSymbol>(StringComparer.Ordinal);
            if (i == 0)
            {
                if (words[0] is "this" && !symbol.IsStatic)
                {
                    at = type;
                    continue;
                }

                if (words[0] is "*" or "value" or "return")
                    return true;
                foreach (IParameterSymbol parameter in (symbol as IMethodSymbol)?.Parameters ?? (symbol as IPropertySymbol)?.Parameters ?? ImmutableArray<IParameterSymbol>.Empty)
                    reach[parameter.Name] = parameter.Type;
                foreach (IParameterSymbol parameter in type.InstanceConstructors.Where(made => made.DeclaringSyntaxReferences.Any(reference => reference.GetSyntax() is TypeDeclarationSyntax)).SelectMany(made => made.Parameters))
                    reach[parameter.Name] = parameter.Type;
                Add(reach, type, includeInstance: !symbol.IsStatic);
                for (INamedTypeSymbol? outer = type.ContainingType; outer is not null; outer = outer.ContainingType)
                    Add(reach, outer, includeInstance: false);
            }
            else
            {
                Add(reach, at!, includeInstance: true);
            }

            bool last = i == words.Length - 1;
            names = reach.Where(pair => !last || IsLock(pair.Value)).Select(pair => pair.Key).ToList();
            if (!reach.TryGetValue(words[i], out ITypeSymbol? next) || (last && !IsLock(next)))
                return false;
            at = next;
        }

        return true;
    }

    private static void Add(Dictionary<string, ITypeSymbol> reach, ITypeSymbol type, bool includeInstance)
    {
        for (ITypeSymbol? at = type; at is not null && at.SpecialType != SpecialType.System_Object; at = at.BaseType)
        {
            foreach (ISymbol member in at.GetMembers())
            {
                if (!member.CanBeReferencedByName || (!includeInstance && !member.IsStatic))
                    continue;
                (string Name, ITypeSymbol? Type) entry = member switch
                {
                    IFieldSymbol field => (field.Name, field.Type),
                    IPropertySymbol { Parameters.Length: 0 } property => (property.Name, property.Type),
                    IMethodSymbol { Parameters.Length: 0, ReturnsVoid: false, MethodKind: MethodKind.Ordinary } method => (method.Name + "()", method.ReturnType),
                    _ => (string.Empty, null),
                };
                if (entry.Type is not null && !reach.ContainsKey(entry.Name))
                    reach.Add(entry.Name, entry.Type);
            }
        }
    }

    private static bool IsLock(ITypeSymbol type) => type.IsReferenceType || LockIdiom.Has(type, "ContextLock") || type.ToDisplayString() == "System.Threading.SpinLock";

    private static int Distance(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
            row[j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            int corner = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                int same = char.ToUpperInvariant(a[i - 1]) == char.ToUpperInvariant(b[j - 1]) ? 0 : 1;
                row[j] = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), corner + same);
                corner = above;
            }
        }

        return row[b.Length];
    }
}
