// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Drops the count before it is lost.</summary>
internal sealed class InsertDrop : Fix
{
    public InsertDrop()
        : base("Drop '{0}' here", "KS2001", "KS2005")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Id == "KS2001" && target.Node.FirstAncestorOrSelf<ExpressionStatementSyntax>() is { Expression: InvocationExpressionSyntax or ObjectCreationExpressionSyntax } ignored)
            return Ignored(target, ignored);
        if (target.Handle is not { } handle || Handles.Drop(target, handle) is not { } drop)
            return null;
        if (target.Id == "KS2001")
            return IsReturned(target, handle) ? null : Exits.RunBefore(target, drop);
        return target.Statement is { } statement ? new Edits(target).InsertBefore(statement, drop) : null;
    }

    private static bool IsReturned(FixTarget target, string handle)
        => target.Token.Parent?.FirstAncestorOrSelf<ReturnStatementSyntax>() is { Expression: { } value } && value.ToString() == handle;

    private static Edits? Ignored(FixTarget target, ExpressionStatementSyntax ignored)
    {
        if (Handles.Drop(target, "(" + ignored.Expression + ")") is not { } drop)
            return null;
        TypeInfo type = target.Model.GetTypeInfo(ignored.Expression, target.Cancellation);
        string text = drop.Replace("(" + ignored.Expression + ")", ignored.Expression.ToString());
        if (ignored.Expression is ObjectCreationExpressionSyntax)
            text = drop;
        else if (type.Nullability.Annotation == NullableAnnotation.Annotated && text.StartsWith(ignored.Expression + ".", System.StringComparison.Ordinal))
            text = ignored.Expression + "?" + text.Substring(ignored.Expression.ToString().Length);
        return new Edits(target).Replace(ignored.Span, text);
    }
}
