// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Returns a copy of a guarded array or list.</summary>
internal sealed class ReturnCopy : Fix
{
    public ReturnCopy()
        : base("Return a copy", "KS1012")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        ExpressionSyntax? value = target.Token.Parent?.FirstAncestorOrSelf<ReturnStatementSyntax>()?.Expression
            ?? target.Node.FirstAncestorOrSelf<ArrowExpressionClauseSyntax>()?.Expression;
        if (value is null or RefExpressionSyntax || !(value.Span.Contains(target.Span) || target.Span.Contains(value.Span)))
            return null;
        ITypeSymbol? type = target.Model.GetTypeInfo(value, target.Cancellation).Type;
        string? copy = type switch
        {
            IArrayTypeSymbol array => "(" + array.ToMinimalDisplayString(target.Model, value.SpanStart) + ")" + value + ".Clone()",
            INamedTypeSymbol { Name: "List", TypeArguments.Length: 1 } list => "new " + list.WithNullableAnnotation(NullableAnnotation.None).ToMinimalDisplayString(target.Model, value.SpanStart) + "(" + value + ")",
            _ => null,
        };
        return copy is null ? null : new Edits(target).Replace(value.Span, copy);
    }
}
