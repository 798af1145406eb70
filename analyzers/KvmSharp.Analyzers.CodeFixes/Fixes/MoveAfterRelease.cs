// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Moves the statement behind the one that gives the lock back.</summary>
internal sealed class MoveAfterRelease : Fix
{
    public MoveAfterRelease()
        : base("Move behind the release of '{0}'", "KS1004", "KS1005")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Lock is not { } expression || target.Statement is not ExpressionStatementSyntax statement)
            return null;
        if (target.Option("kvmsharp.negative_contracts") == "true" && target.Id == "KS1004")
            return null;
        IReadOnlyList<StatementSyntax> list = Runs.Siblings(statement);
        StatementSyntax? release = list.Skip(Runs.IndexOf(list, statement) + 1).FirstOrDefault(later => IsRelease(target, later, expression));
        release ??= Around(target, statement, expression);
        if (release is null)
            return null;
        var edits = new Edits(target);
        if (!edits.IsFirstOnLine(statement.SpanStart) || !edits.IsFirstOnLine(release.SpanStart))
            return null;
        TextLineEnd(target, release, out int end);
        edits.Remove(statement);
        return edits.Insert(end, edits.NewLine + edits.IndentAt(release.SpanStart) + statement);
    }

    /// <summary>The <c>lock</c> or <c>using</c> statement, or the <c>try</c> with a release in its <c>finally</c>, that the statement stands in.</summary>
    private static StatementSyntax? Around(FixTarget target, StatementSyntax statement, string expression)
    {
        foreach (SyntaxNode node in statement.Ancestors().TakeWhile(node => node is not (AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax or MemberDeclarationSyntax)))
        {
            bool holds = node switch
            {
                LockStatementSyntax block => Contracts.Same(block.Expression.ToString(), expression),
                UsingStatementSyntax block => ((SyntaxNode?)block.Declaration ?? block.Expression)!.DescendantNodesAndSelf().Any(part => Contracts.Same(part.ToString(), expression)),
                TryStatementSyntax block => block.Finally is { } last && last.Block.Statements.Any(inner => IsRelease(target, inner, expression)),
                _ => false,
            };
            if (holds && node is StatementSyntax around)
                return around.Parent is BlockSyntax && UsesNothingFromInside(target, around, statement) ? around : null;
        }

        return null;
    }

    private static bool UsesNothingFromInside(FixTarget target, StatementSyntax around, StatementSyntax statement)
        => statement.DescendantNodes().OfType<IdentifierNameSyntax>()
            .Select(name => target.Model.GetSymbolInfo(name, target.Cancellation).Symbol)
            .OfType<ILocalSymbol>()
            .All(local => local.DeclaringSyntaxReferences.All(reference => !around.Span.Contains(reference.Span)));

    private static bool IsRelease(FixTarget target, StatementSyntax statement, string expression)
        => statement is ExpressionStatementSyntax
            && (statement.ToString() == LockIdiom.Of(target, expression, shared: false)?.Release || statement.ToString() == LockIdiom.Of(target, expression, shared: true)?.Release);

    private static void TextLineEnd(FixTarget target, StatementSyntax release, out int end)
        => end = target.Text.Lines.GetLineFromPosition(release.Span.End).End;
}
