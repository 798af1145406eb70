// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Puts what follows the acquisition into a <c>try</c> and the release into its <c>finally</c>.</summary>
internal sealed class ConvertToTryFinally : Fix
{
    public ConvertToTryFinally()
        : base("Release '{0}' in a finally block", "KS1006", "KS1007")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Lock is not { } expression || Contracts.Member(target.Node) is not { } member || Contracts.Body(member) is not BlockSyntax body || Contracts.BodyAssigns(member, expression))
            return null;
        if (Contracts.Path(target, member, expression) is { } path && new[] { "Acquires", "AcquiresShared", "MustHold", "MustHoldShared", "Releases", "ReleasesShared" }.Any(name => Contracts.Says(member, name, path)))
            return null;
        if (LockIdiom.Of(target, expression, target.Shared) is not { Acquire: { } acquire, Release: { } release, NeedsFlag: false })
            return null;
        if (target.Id == "KS1006" && target.Statement?.ToString() != release)
            return null;
        ExpressionStatementSyntax? taken = body.DescendantNodes(Own).OfType<ExpressionStatementSyntax>()
            .LastOrDefault(statement => statement.SpanStart < target.Span.Start && statement.ToString() == acquire && statement.Parent!.Span.Contains(target.Span));
        if (taken?.Parent is not BlockSyntax block)
            return null;
        int at = block.Statements.IndexOf(taken);
        if (at + 1 == block.Statements.Count)
            return target.Token == block.CloseBraceToken ? new Edits(target).InsertAtEnd(block, release) : null;
        if (block.Statements[at + 1] is TryStatementSyntax { Finally: { } already } && already.Block.Statements.Any(statement => statement.ToString() == release))
            return null;
        return Convert(target, block, at, release);
    }

    private static bool Own(SyntaxNode node) => node is not (AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax);

    private static Edits? Convert(FixTarget target, BlockSyntax block, int at, string release)
    {
        StatementSyntax first = block.Statements[at + 1];
        StatementSyntax last = block.Statements.LastOrDefault(statement => statement.ToString() == release && statement.SpanStart > first.SpanStart) ?? block.Statements.Last();
        if (target.Token != block.CloseBraceToken && target.Span.Start > last.Span.End)
            last = block.Statements.Last();
        if (target.Token == block.CloseBraceToken)
            last = block.Statements.Last();
        last = Runs.End(target, first, last);
        if (!Runs.CanWrap(first, last, awaitAllowed: true))
            return null;
        List<ExpressionStatementSyntax> releases = block.DescendantNodes(Own).OfType<ExpressionStatementSyntax>()
            .Where(statement => statement.SpanStart >= first.SpanStart && statement.Span.End <= last.Span.End && statement.ToString() == release).ToList();
        var edits = new Edits(target);
        if (releases.Contains(first) || (releases.Contains(last) && releases.Any(statement => statement == last) && first == last))
            return null;

        // The last statement may be the release itself: its line becomes the finally block.
        StatementSyntax end = last;
        while (releases.Contains(end) && end != first)
            end = block.Statements[block.Statements.IndexOf(end) - 1];
        edits.Wrap(first, end, new[] { "try", "{" }, new[] { "}", "finally", "{", "    " + release, "}" });
        foreach (ExpressionStatementSyntax statement in releases)
            edits.Remove(statement);
        return edits.WithoutOverlaps();
    }
}
