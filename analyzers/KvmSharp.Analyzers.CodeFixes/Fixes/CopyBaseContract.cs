// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Gives an override or implementation the contract of its base.</summary>
internal sealed class CopyBaseContract : Fix
{
    public CopyBaseContract()
        : base("Copy the contract of the base", "KS9003")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (Contracts.Member(target.Node) is not { } member)
            return null;
        if (member is AccessorDeclarationSyntax { AttributeLists.Count: 0, Parent.Parent: BasePropertyDeclarationSyntax property })
            member = property;
        if (target.Model.GetDeclaredSymbol(member, target.Cancellation) is not { } symbol || Base(symbol) is not { } origin)
            return null;
        var edits = new Edits(target);
        foreach (AttributeListSyntax list in Contracts.Lists(member))
        {
            List<AttributeSyntax> own = list.Attributes.Where(attribute => IsContract(target, attribute)).ToList();
            if (own.Count == 0)
                continue;
            if (own.Count == list.Attributes.Count)
            {
                edits.Replace(Microsoft.CodeAnalysis.Text.TextSpan.FromBounds(list.SpanStart, list.GetLastToken().GetNextToken().SpanStart), string.Empty);
                continue;
            }

            foreach (AttributeSyntax attribute in own)
                Contracts.RemoveWhole(edits, attribute);
        }

        int start = member.GetFirstToken().SpanStart;
        string between = edits.IsFirstOnLine(start) ? edits.NewLine + edits.IndentAt(start) : " ";
        string before = string.Concat(Texts(origin.GetAttributes(), origin, symbol).Select(text => "[" + text + "]" + between));
        if (origin is IMethodSymbol method)
            before += string.Concat(Texts(method.GetReturnTypeAttributes(), origin, symbol).Select(text => "[return: " + text + "]" + between));
        if (before.Length > 0)
            edits.Insert(start, before);
        Parameters(target, edits, origin, symbol);
        return edits.WithoutOverlaps();
    }

    private static void Parameters(FixTarget target, Edits edits, ISymbol origin, ISymbol symbol)
    {
        if (origin is not IMethodSymbol from || symbol is not IMethodSymbol to)
            return;
        for (int i = 0; i < from.Parameters.Length && i < to.Parameters.Length; i++)
        {
            if (to.Parameters[i].DeclaringSyntaxReferences.FirstOrDefault()?.GetSyntax(target.Cancellation) is not ParameterSyntax parameter || parameter.SyntaxTree != target.Model.SyntaxTree)
                continue;
            foreach (AttributeListSyntax list in parameter.AttributeLists.Where(list => list.Attributes.All(attribute => IsContract(target, attribute))))
                edits.Replace(Microsoft.CodeAnalysis.Text.TextSpan.FromBounds(list.SpanStart, list.GetLastToken().GetNextToken().SpanStart), string.Empty);
            string attributes = string.Concat(Texts(from.Parameters[i].GetAttributes(), origin, symbol).Select(text => "[" + text + "] "));
            if (attributes.Length > 0)
                edits.Insert(parameter.SpanStart, attributes);
        }
    }

    private static ISymbol? Base(ISymbol symbol)
    {
        ISymbol? overridden = symbol switch
        {
            IMethodSymbol method => method.OverriddenMethod,
            IPropertySymbol property => property.OverriddenProperty,
            IEventSymbol happening => happening.OverriddenEvent,
            _ => null,
        };
        while (overridden is not null && !HasContract(overridden) && Base(overridden) is { } further)
            overridden = further;
        if (overridden is not null || symbol.ContainingType is not { } type)
            return overridden;
        return type.AllInterfaces.SelectMany(contract => contract.GetMembers())
            .FirstOrDefault(declared => SymbolEqualityComparer.Default.Equals(type.FindImplementationForInterfaceMember(declared), symbol));
    }

    private static bool HasContract(ISymbol symbol) => symbol.GetAttributes().Any(data => data.AttributeClass?.ContainingNamespace.ToDisplayString() == Contracts.Namespace);

    private static bool IsContract(FixTarget target, AttributeSyntax attribute)
        => target.Model.GetSymbolInfo(attribute, target.Cancellation).Symbol?.ContainingType is { } type
            && type.ContainingNamespace.ToDisplayString() == Contracts.Namespace && type.Name != "ContextUnsafeAttribute";

    /// <summary>Attributes as in C#; a path that starts at a parameter starts at the parameter of the same position.</summary>
    private static IEnumerable<string> Texts(IEnumerable<AttributeData> attributes, ISymbol origin, ISymbol symbol)
    {
        foreach (AttributeData data in attributes)
        {
            if (data.AttributeClass is not { } type || type.ContainingNamespace.ToDisplayString() != Contracts.Namespace || type.Name == "ContextUnsafeAttribute")
                continue;
            string name = type.Name.Substring(0, type.Name.Length - "Attribute".Length);
            IEnumerable<string> arguments = data.ConstructorArguments
                .SelectMany(argument => argument.Kind == TypedConstantKind.Array ? argument.Values.AsEnumerable() : new[] { argument })
                .Select(argument => argument.Value switch
                {
                    bool flag => flag ? "true" : "false",
                    string path => SymbolDisplay.FormatLiteral(Rename(path, origin, symbol), quote: true),
                    _ => "null",
                });
            string list = string.Join(", ", arguments);
            yield return list.Length == 0 ? name : name + "(" + list + ")";
        }
    }

    private static string Rename(string path, ISymbol origin, ISymbol symbol)
    {
        int dot = path.IndexOf('.');
        string root = dot < 0 ? path : path.Substring(0, dot);
        if (origin is not IMethodSymbol from || symbol is not IMethodSymbol to)
            return path;
        IParameterSymbol? parameter = from.Parameters.FirstOrDefault(candidate => candidate.Name == root);
        return parameter is not null && parameter.Ordinal < to.Parameters.Length ? to.Parameters[parameter.Ordinal].Name + path.Substring(root.Length) : path;
    }
}
