// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Takes two locks in their declared order.</summary>
internal sealed class SwapAcquisitions : Fix
{
    public SwapAcquisitions()
        : base("Acquire '{0}' first", "KS1010")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        var edits = new Edits(target);
        LockStatementSyntax? inner = target.Node.FirstAncestorOrSelf<LockStatementSyntax>();
        if (inner is not null && inner.Span.Start <= target.Span.Start && target.Span.Start <= inner.CloseParenToken.SpanStart)
        {
            LockStatementSyntax? outer = Around(inner);
            return outer is null ? null : edits.Replace(outer.Expression.Span, inner.Expression.ToString()).Replace(inner.Expression.Span, outer.Expression.ToString());
        }

        if (target.Lock is not { } mine || target.Statement is not { } statement)
            return null;
        IReadOnlyList<StatementSyntax> list = Runs.Siblings(statement);
        int at = Runs.IndexOf(list, statement);
        if (at < 1 || !Takes(target, statement, mine) || Taken(list[at - 1]) is not { } other || !Takes(target, list[at - 1], other))
            return null;
        return edits.Replace(list[at - 1].Span, statement.ToString()).Replace(statement.Span, list[at - 1].ToString());
    }

    /// <summary>What a call like <c>x.Lock();</c> or <c>Monitor.Enter(x);</c> may take.</summary>
    private static string? Taken(StatementSyntax statement) => statement switch
    {
        ExpressionStatementSyntax { Expression: InvocationExpressionSyntax { ArgumentList.Arguments: { Count: 1 } arguments } } => arguments[0].ToString(),
        ExpressionStatementSyntax { Expression: InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax access } } => access.Expression.ToString(),
        _ => null,
    };

    private static bool Takes(FixTarget target, StatementSyntax statement, string expression)
        => statement.ToString() == LockIdiom.Of(target, expression, shared: false)?.Acquire || statement.ToString() == LockIdiom.Of(target, expression, shared: true)?.Acquire;

    private static LockStatementSyntax? Around(LockStatementSyntax inner) => inner.Parent switch
    {
        LockStatementSyntax direct => direct,
        BlockSyntax { Statements.Count: 1, Parent: LockStatementSyntax around } => around,
        _ => null,
    };
}
