// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Says that the result is not wanted.</summary>
internal sealed class DiscardResult : Fix
{
    public DiscardResult()
        : base("Discard the result explicitly", "KS4001")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Option("kvmsharp.mustcheck_discard") == "report")
            return null;
        var edits = new Edits(target);
        ExpressionSyntax? whole = target.Node.AncestorsAndSelf().OfType<ExpressionSyntax>().TakeWhile(expression => expression is not AnonymousFunctionExpressionSyntax).LastOrDefault();
        switch (whole?.Parent)
        {
            case ExpressionStatementSyntax when whole is AssignmentExpressionSyntax { Left: IdentifierNameSyntax left } assignment:
                return edits.Replace(left.Span, "_");
            case ExpressionStatementSyntax or ForStatementSyntax or ArrowExpressionClauseSyntax:
                return edits.Insert(whole.SpanStart, "_ = ");
            case AnonymousFunctionExpressionSyntax:
                return edits.Insert(whole.SpanStart, "_ = ");
            case EqualsValueClauseSyntax { Parent: VariableDeclaratorSyntax { Parent: VariableDeclarationSyntax { Variables.Count: 1, Parent: LocalDeclarationStatementSyntax statement } declaration } variable }:
                return Stored(target, edits, statement, declaration, variable, whole);
            default:
                return null;
        }
    }

    private static Edits? Stored(FixTarget target, Edits edits, LocalDeclarationStatementSyntax statement, VariableDeclarationSyntax declaration, VariableDeclaratorSyntax variable, ExpressionSyntax value)
    {
        ISymbol? local = target.Model.GetDeclaredSymbol(variable, target.Cancellation);
        bool used = statement.Parent!.DescendantNodes().OfType<IdentifierNameSyntax>().Any(name => SymbolEqualityComparer.Default.Equals(target.Model.GetSymbolInfo(name, target.Cancellation).Symbol, local));
        if (!used)
            return edits.Replace(Microsoft.CodeAnalysis.Text.TextSpan.FromBounds(statement.SpanStart, value.SpanStart), "_ = ");
        if (statement.Parent is not BlockSyntax || local is not ILocalSymbol { Type: { } type })
            return null;
        edits.Replace(Microsoft.CodeAnalysis.Text.TextSpan.FromBounds(statement.SpanStart, value.SpanStart), "_ = ");
        string name = declaration.Type.IsVar ? type.ToMinimalDisplayString(target.Model, statement.SpanStart) : declaration.Type.ToString();
        return edits.Insert(statement.Span.End, edits.NewLine + edits.IndentAt(statement.SpanStart) + name + " " + variable.Identifier + ";");
    }
}
