// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Editing;

/// <summary>The attributes of the member around a diagnostic.</summary>
internal static class Contracts
{
    public const string Namespace = "KvmSharp.Annotations";

    private static readonly string[] Effects = { "Acquires", "AcquiresShared", "CondAcquires", "CondAcquiresShared", "Releases", "ReleasesShared" };

    /// <summary>The member, accessor or local function a body belongs to; null inside a lambda, which cannot carry what a fix would add.</summary>
    /// <param name="node">Node inside it.</param>
    /// <returns>The declaration.</returns>
    public static SyntaxNode? Member(SyntaxNode node)
    {
        foreach (SyntaxNode at in node.AncestorsAndSelf())
        {
            switch (at)
            {
                case AnonymousFunctionExpressionSyntax:
                case EqualsValueClauseSyntax { Parent: PropertyDeclarationSyntax }:
                    return null;
                case LocalFunctionStatementSyntax:
                case AccessorDeclarationSyntax:
                case BaseMethodDeclarationSyntax:
                case BasePropertyDeclarationSyntax:
                    return at;
                case MemberDeclarationSyntax:
                    return null;
            }
        }

        return null;
    }

    public static SyntaxList<AttributeListSyntax> Lists(SyntaxNode member) => member switch
    {
        LocalFunctionStatementSyntax local => local.AttributeLists,
        AccessorDeclarationSyntax accessor => accessor.AttributeLists,
        MemberDeclarationSyntax declaration => declaration.AttributeLists,
        _ => default,
    };

    public static IEnumerable<AttributeSyntax> Named(SyntaxNode member, string name)
        => Lists(member).SelectMany(list => list.Attributes).Where(attribute => SimpleName(attribute.Name) == name);

    /// <summary>Whether an attribute of the member names a lock.</summary>
    /// <param name="member">Member.</param>
    /// <param name="name">Attribute.</param>
    /// <param name="path">Lock expression.</param>
    /// <returns>Whether it does.</returns>
    public static bool Says(SyntaxNode member, string name, string path)
        => Named(member, name).Any(attribute => Arguments(attribute).Any(argument => Same(argument, path)));

    public static IEnumerable<string> Arguments(AttributeSyntax attribute)
        => attribute.ArgumentList?.Arguments.Select(argument => (argument.Expression as LiteralExpressionSyntax)?.Token.Value as string ?? string.Empty) ?? Enumerable.Empty<string>();

    public static bool Same(string a, string b) => Normal(a) == Normal(b);

    public static string Normal(string path)
    {
        path = path.Replace("!", string.Empty).Replace("?.", ".").Replace(" ", string.Empty);
        return path.StartsWith("this.", StringComparison.Ordinal) ? path.Substring(5) : path;
    }

    /// <summary>Writes an expression of the body as a lock expression of the member, if the member's contract can name it.</summary>
    /// <param name="target">Diagnostic.</param>
    /// <param name="member">Member.</param>
    /// <param name="expression">C# expression.</param>
    /// <returns>The lock expression, or null.</returns>
    public static string? Path(FixTarget target, SyntaxNode member, string expression)
    {
        ExpressionSyntax parsed = SyntaxFactory.ParseExpression(expression);
        foreach (SyntaxNode node in parsed.DescendantNodesAndSelf())
        {
            if (node is not (IdentifierNameSyntax or MemberAccessExpressionSyntax or ThisExpressionSyntax or PostfixUnaryExpressionSyntax or BaseExpressionSyntax
                or InvocationExpressionSyntax { ArgumentList.Arguments.Count: 0 } or ArgumentListSyntax))
                return null;
        }

        ExpressionSyntax root = parsed;
        while (true)
        {
            ExpressionSyntax? inner = root switch
            {
                MemberAccessExpressionSyntax access => access.Expression,
                InvocationExpressionSyntax call => call.Expression,
                PostfixUnaryExpressionSyntax suppress => suppress.Operand,
                _ => null,
            };
            if (inner is null)
                break;
            root = inner;
        }

        bool isStatic = target.Model.GetDeclaredSymbol(member, target.Cancellation) is { IsStatic: true };
        if (root is ThisExpressionSyntax or BaseExpressionSyntax)
            return isStatic ? null : Normal(expression.Replace("base.", "this."));
        ISymbol? symbol = target.SymbolOf(root);
        return symbol switch
        {
            ILocalSymbol or null => null,
            IParameterSymbol parameter when !BelongsTo(parameter, target.Model.GetDeclaredSymbol(member, target.Cancellation)) => null,
            IFieldSymbol or IPropertySymbol or IMethodSymbol when isStatic && !symbol.IsStatic => null,
            _ => Normal(expression),
        };
    }

    /// <summary>Whether a new contract on the member would contradict the one it inherits, or could not be met.</summary>
    /// <param name="target">Diagnostic.</param>
    /// <param name="member">Member.</param>
    /// <returns>Whether the member's contract is its own to change.</returns>
    public static bool MayChange(FixTarget target, SyntaxNode member)
    {
        ISymbol? symbol = target.Model.GetDeclaredSymbol(member, target.Cancellation);
        ISymbol? visible = symbol is IMethodSymbol { AssociatedSymbol: { } property } ? property : symbol;
        if (visible is null or { IsOverride: true } or IMethodSymbol { MethodKind: MethodKind.Destructor or MethodKind.StaticConstructor })
            return false;
        if (symbol is IMethodSymbol && Body(member) is { } body && body.DescendantNodes(node => node is not (AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax)).OfType<YieldStatementSyntax>().Any())
            return false;
        return visible.ContainingType is not { } type || !type.AllInterfaces.SelectMany(contract => contract.GetMembers())
            .Any(declared => SymbolEqualityComparer.Default.Equals(type.FindImplementationForInterfaceMember(declared), visible));
    }

    /// <summary>Whether a body assigns a part of the lock's path, so that the expression may name another lock by now.</summary>
    /// <param name="member">Member.</param>
    /// <param name="expression">C# expression of the lock.</param>
    /// <returns>Whether it does.</returns>
    public static bool BodyAssigns(SyntaxNode member, string expression)
    {
        string path = Normal(expression);
        return Body(member) is { } body && body.DescendantNodes().Any(node => node switch
        {
            AssignmentExpressionSyntax assignment => IsPrefix(assignment.Left),
            ArgumentSyntax { RefKindKeyword.RawKind: not 0 } argument => IsPrefix(argument.Expression),
            _ => false,
        });

        bool IsPrefix(ExpressionSyntax target) => target is not DeclarationExpressionSyntax && (path + ".").StartsWith(Normal(target.ToString()) + ".", StringComparison.Ordinal);
    }

    /// <summary>Whether a body works on the lock, or waits: then what its callers hold does not settle what is held further down.</summary>
    /// <param name="target">Diagnostic.</param>
    /// <param name="member">Member.</param>
    /// <param name="expression">C# expression of the lock.</param>
    /// <returns>Whether it does.</returns>
    public static bool BodyMentions(FixTarget target, SyntaxNode member, string expression)
    {
        if (Body(member) is not { } body)
            return false;
        foreach (ExpressionSyntax node in body.DescendantNodes().OfType<ExpressionSyntax>())
        {
            if (node is IdentifierNameSyntax or MemberAccessExpressionSyntax && Same(node.ToString(), expression))
                return true;
            if (node is InvocationExpressionSyntax { Expression: not MemberAccessExpressionSyntax { Expression: not (ThisExpressionSyntax or BaseExpressionSyntax) } }
                && target.Model.GetSymbolInfo(node, target.Cancellation).Symbol is { } symbol && Effects.Any(name => LockIdiom.Has(symbol, name)))
                return true;
            if (node is IdentifierNameSyntax && target.Model.GetSymbolInfo(node, target.Cancellation).Symbol is { } alias && LockIdiom.Has(alias, "ReturnsLock"))
                return true;
            if (node is AwaitExpressionSyntax && node.SpanStart < target.Span.Start)
                return true;
        }

        return false;
    }

    public static SyntaxNode? Body(SyntaxNode member) => member switch
    {
        LocalFunctionStatementSyntax local => (SyntaxNode?)local.Body ?? local.ExpressionBody,
        AccessorDeclarationSyntax accessor => (SyntaxNode?)accessor.Body ?? accessor.ExpressionBody,
        BaseMethodDeclarationSyntax method => (SyntaxNode?)method.Body ?? method.ExpressionBody,
        PropertyDeclarationSyntax property => property.ExpressionBody,
        IndexerDeclarationSyntax indexer => indexer.ExpressionBody,
        _ => null,
    };

    /// <summary>The type a body returns; null for none.</summary>
    /// <param name="target">Diagnostic.</param>
    /// <returns>The type.</returns>
    public static ITypeSymbol? ReturnType(FixTarget target)
    {
        ISymbol? symbol = target.Model.GetEnclosingSymbol(target.BindingPosition, target.Cancellation);
        if (symbol is not IMethodSymbol method)
            return null;
        if (!method.IsAsync)
            return method.ReturnsVoid ? null : method.ReturnType;
        return method.ReturnType is INamedTypeSymbol { TypeArguments.Length: 1 } task ? task.TypeArguments[0] : null;
    }

    /// <summary>Adds an attribute above the member, or before an accessor on one line.</summary>
    /// <param name="edits">Edits.</param>
    /// <param name="target">Diagnostic.</param>
    /// <param name="member">Member.</param>
    /// <param name="attribute">Attribute as in C#, without brackets.</param>
    public static void Add(Edits edits, FixTarget target, SyntaxNode member, string attribute)
    {
        int start = member.GetFirstToken().SpanStart;
        string between = edits.IsFirstOnLine(start) ? edits.NewLine + edits.IndentAt(start) : " ";
        string qualifier = target.Model.LookupNamespacesAndTypes(start, name: "GuardedByAttribute").Any() ? string.Empty : Namespace + ".";
        edits.Insert(start, "[" + qualifier + attribute + "]" + between);
    }

    /// <summary>Takes a lock out of an attribute; with the last lock goes the attribute.</summary>
    /// <param name="edits">Edits.</param>
    /// <param name="target">Diagnostic.</param>
    /// <param name="attribute">Attribute.</param>
    /// <param name="path">Lock expression.</param>
    public static void Remove(Edits edits, FixTarget target, AttributeSyntax attribute, string path)
    {
        var arguments = attribute.ArgumentList!.Arguments;
        int at = arguments.IndexOf(argument => (argument.Expression as LiteralExpressionSyntax)?.Token.Value is string text && Same(text, path));
        int locks = arguments.Count(argument => argument.Expression.IsKind(SyntaxKind.StringLiteralExpression));
        if (locks > 1)
        {
            edits.Replace(
                at > 0
                    ? Microsoft.CodeAnalysis.Text.TextSpan.FromBounds(arguments[at - 1].Span.End, arguments[at].Span.End)
                    : Microsoft.CodeAnalysis.Text.TextSpan.FromBounds(arguments[at].SpanStart, arguments[at + 1].SpanStart),
                string.Empty);
            return;
        }

        RemoveWhole(edits, attribute);
    }

    /// <summary>Removes an attribute, and its brackets if it was alone in them.</summary>
    /// <param name="edits">Edits.</param>
    /// <param name="attribute">Attribute.</param>
    public static void RemoveWhole(Edits edits, AttributeSyntax attribute)
    {
        var list = (AttributeListSyntax)attribute.Parent!;
        if (list.Attributes.Count == 1)
        {
            SyntaxToken next = list.GetLastToken().GetNextToken();
            edits.Replace(Microsoft.CodeAnalysis.Text.TextSpan.FromBounds(list.SpanStart, next.SpanStart), string.Empty);
            return;
        }

        int index = list.Attributes.IndexOf(attribute);
        edits.Replace(
            index > 0
                ? Microsoft.CodeAnalysis.Text.TextSpan.FromBounds(list.Attributes[index - 1].Span.End, attribute.Span.End)
                : Microsoft.CodeAnalysis.Text.TextSpan.FromBounds(attribute.SpanStart, list.Attributes[1].SpanStart),
            string.Empty);
    }

    public static string SimpleName(NameSyntax name)
    {
        string text = name switch
        {
            QualifiedNameSyntax qualified => qualified.Right.Identifier.ValueText,
            AliasQualifiedNameSyntax alias => alias.Name.Identifier.ValueText,
            SimpleNameSyntax simple => simple.Identifier.ValueText,
            _ => name.ToString(),
        };
        return text.EndsWith("Attribute", StringComparison.Ordinal) ? text.Substring(0, text.Length - "Attribute".Length) : text;
    }

    private static bool BelongsTo(IParameterSymbol parameter, ISymbol? member)
        => SymbolEqualityComparer.Default.Equals(parameter.ContainingSymbol, member)
            || (parameter.ContainingSymbol is IMethodSymbol { MethodKind: MethodKind.Constructor } constructor
                && SymbolEqualityComparer.Default.Equals(constructor.ContainingType, member?.ContainingType))
            || (member is IPropertySymbol && parameter.ContainingSymbol is IMethodSymbol { AssociatedSymbol: { } property } && SymbolEqualityComparer.Default.Equals(property, member));
}
