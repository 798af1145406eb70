// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Editing;

/// <summary>Puts a statement in front of an exit point, whatever form it has.</summary>
internal static class Exits
{
    /// <summary>Runs a statement before the exit the diagnostic is on; what is returned is worked out first.</summary>
    /// <param name="target">Diagnostic on a <c>return</c>, a jump, a <c>throw</c>, a closing brace or an expression body.</param>
    /// <param name="statement">Statement to run.</param>
    /// <param name="valueFirst">Whether the returned value is to be worked out before the statement.</param>
    /// <returns>The edits, or null.</returns>
    public static Edits? RunBefore(FixTarget target, string statement, bool valueFirst = true)
    {
        var edits = new Edits(target);
        if (target.Token.IsKind(SyntaxKind.CloseBraceToken) && target.Token.Parent is BlockSyntax block)
            return edits.InsertAtEnd(block, statement);
        switch (target.Token.Parent?.FirstAncestorOrSelf<StatementSyntax>())
        {
            case ReturnStatementSyntax { Expression: RefExpressionSyntax }:
                return null;
            case ReturnStatementSyntax { Expression: { } value } exit when exit.ReturnKeyword == target.Token:
                if (!valueFirst || IsSimple(target, value))
                    return edits.InsertBefore(exit, statement);
                if (Store(target, value) is not { } store)
                    return null;
                edits.InsertBefore(exit, store, statement);
                return edits.Replace(value.Span, "result");
            case ReturnStatementSyntax or BreakStatementSyntax or ContinueStatementSyntax or GotoStatementSyntax or ThrowStatementSyntax or YieldStatementSyntax { Expression: null }:
                StatementSyntax jump = target.Token.Parent!.FirstAncestorOrSelf<StatementSyntax>()!;
                return jump.GetFirstToken() == target.Token ? edits.InsertBefore(jump, statement) : null;
        }

        return InBody(target, edits, statement, valueFirst);
    }

    /// <summary>Runs a statement in an expression body.</summary>
    private static Edits? InBody(FixTarget target, Edits edits, string statement, bool valueFirst)
    {
        ArrowExpressionClauseSyntax? arrow = target.Node.FirstAncestorOrSelf<ArrowExpressionClauseSyntax>();
        if (arrow is null || arrow.Expression is RefExpressionSyntax || target.Node.FirstAncestorOrSelf<AnonymousFunctionExpressionSyntax>() is { } lambda && arrow.Contains(lambda))
            return null;
        if (Contracts.ReturnType(target) is null)
            return edits.ReplaceBody(arrow, valueFirst ? new[] { arrow.Expression + ";", statement } : new[] { statement, arrow.Expression + ";" });
        if (!valueFirst || IsSimple(target, arrow.Expression))
            return edits.ReplaceBody(arrow, statement, "return " + arrow.Expression + ";");
        return Store(target, arrow.Expression) is { } store ? edits.ReplaceBody(arrow, store, statement, "return result;") : null;
    }

    private static string? Store(FixTarget target, ExpressionSyntax value)
    {
        if (target.Model.LookupSymbols(value.SpanStart, name: "result").Any(symbol => symbol is ILocalSymbol or IParameterSymbol))
            return null;
        ITypeSymbol? type = target.Model.GetTypeInfo(value, target.Cancellation).ConvertedType;
        return type is null or IErrorTypeSymbol ? null : type.ToMinimalDisplayString(target.Model, value.SpanStart) + " result = " + value + ";";
    }

    private static bool IsSimple(FixTarget target, ExpressionSyntax value)
        => target.Model.GetConstantValue(value, target.Cancellation).HasValue
            || value.IsKind(SyntaxKind.NullLiteralExpression) || value.IsKind(SyntaxKind.DefaultLiteralExpression) || value is ThisExpressionSyntax
            || (value is IdentifierNameSyntax name && target.Model.GetSymbolInfo(name, target.Cancellation).Symbol is ILocalSymbol or IParameterSymbol);
}
