// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Keeps the result and leaves on an error.</summary>
internal sealed class AssignAndTest : Fix
{
    public AssignAndTest()
        : base("Test the result", "KS4001")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Statement is not ExpressionStatementSyntax statement || statement.Expression is ConditionalAccessExpressionSyntax)
            return null;
        ExpressionSyntax result = statement.Expression is AssignmentExpressionSyntax { Left: IdentifierNameSyntax { Identifier.ValueText: "_" } } discard ? discard.Right : statement.Expression;
        if (result is AssignmentExpressionSyntax)
            return null;
        ITypeSymbol? type = target.Model.GetTypeInfo(result, target.Cancellation).Type;
        bool number = type?.SpecialType is SpecialType.System_Int32 or SpecialType.System_Int64;
        if (!number && type?.SpecialType != SpecialType.System_Boolean)
            return null;
        ITypeSymbol? returns = Contracts.ReturnType(target);
        string? leave = returns switch
        {
            null => "return;",
            _ when number && SymbolEqualityComparer.Default.Equals(returns, type) => "return err;",
            { SpecialType: SpecialType.System_Boolean } => "return false;",
            _ => "throw new " + (target.Model.LookupNamespacesAndTypes(statement.SpanStart, name: "InvalidOperationException").Any() ? string.Empty : "System.") + "InvalidOperationException();",
        };
        if (returns is null && target.Node.FirstAncestorOrSelf<GlobalStatementSyntax>() is not null)
            return null;
        var edits = new Edits(target);
        string indent = edits.IndentAt(statement.SpanStart);
        string between = edits.IsFirstOnLine(statement.SpanStart) ? edits.NewLine + indent : " ";
        string deeper = edits.IsFirstOnLine(statement.SpanStart) ? edits.NewLine + Edits.Deeper(indent) : " ";
        if (!number)
            return edits.Replace(statement.Span, "if (!" + Operand(result) + ")" + deeper + leave);
        if (target.Model.LookupSymbols(statement.SpanStart, name: "err").Any(symbol => symbol is ILocalSymbol or IParameterSymbol) || DeclaredInside(statement) || statement.Parent is not (BlockSyntax or SwitchSectionSyntax))
            return null;
        string keyword = type!.SpecialType == SpecialType.System_Int32 ? "int" : "long";
        return edits.Replace(statement.Span, keyword + " err = " + result + ";" + between + "if (err != 0)" + deeper + leave);
    }

    private static string Operand(ExpressionSyntax expression) => expression is AwaitExpressionSyntax ? "(" + expression + ")" : expression.ToString();

    /// <summary>A local of the name further in or further on would clash.</summary>
    private static bool DeclaredInside(StatementSyntax statement)
        => statement.Ancestors().OfType<BlockSyntax>().Any(block => block.Statements.OfType<LocalDeclarationStatementSyntax>()
            .Any(declaration => declaration.Declaration.Variables.Any(variable => variable.Identifier.ValueText == "err")))
            || statement.Parent!.DescendantNodes().OfType<VariableDeclaratorSyntax>().Any(variable => variable.Identifier.ValueText == "err");
}
