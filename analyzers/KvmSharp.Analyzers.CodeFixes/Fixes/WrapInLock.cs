// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Takes the lock around the statements.</summary>
internal sealed class WrapInLock : Fix
{
    public WrapInLock()
        : base("Take '{0}' here", "KS1001", "KS1002", "KS1003")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Lock is not { } expression || target.Property("Held") is not (null or "none") || target.Property("Lock") is null)
            return null;
        if (LockIdiom.Of(target, expression, target.Shared) is not { Acquire: { } acquire, Release: { } release } idiom)
            return null;
        bool awaitAllowed = acquire.EndsWith(".Wait();", System.StringComparison.Ordinal);
        if (InsideAlready(target, expression, acquire))
            return new Edits(target);
        return target.Statement is { } statement
            ? Statements(target, statement, expression, idiom, acquire, release, awaitAllowed)
            : ExpressionBody(target, expression, idiom, acquire, release);
    }

    private static Edits? Statements(FixTarget target, StatementSyntax first, string expression, LockIdiom idiom, string acquire, string release, bool awaitAllowed)
    {
        StatementSyntax last = Runs.End(target, first, first);
        if (!Runs.CanWrap(first, last, awaitAllowed) || first is LocalFunctionStatementSyntax)
            return null;
        if (!idiom.IsStatement && Mentions(first, last, acquire))
            return null;
        var edits = new Edits(target);
        string indent = "    ";
        if (idiom.IsStatement)
            return edits.Wrap(first, last, new[] { "lock (" + expression + ")", "{" }, new[] { "}" });
        if (idiom.NeedsFlag)
        {
            if (target.Model.LookupSymbols(first.SpanStart, name: "lockTaken").Any())
                return null;
            return edits.Wrap(
                first,
                last,
                new[] { "bool lockTaken = false;", acquire, "try", "{" },
                new[] { "}", "finally", "{", indent + "if (lockTaken)", indent + indent + release, "}" });
        }

        return edits.Wrap(first, last, new[] { acquire, "try", "{" }, new[] { "}", "finally", "{", indent + release, "}" });
    }

    private static Edits? ExpressionBody(FixTarget target, string expression, LockIdiom idiom, string acquire, string release)
    {
        ArrowExpressionClauseSyntax? arrow = target.Node.FirstAncestorOrSelf<ArrowExpressionClauseSyntax>();
        if (arrow is null || arrow.Expression is RefExpressionSyntax || idiom.NeedsFlag)
            return null;
        if (target.Node.FirstAncestorOrSelf<AnonymousFunctionExpressionSyntax>() is { } lambda && arrow.Contains(lambda))
            return null;
        if (arrow.DescendantNodes().Any(node => node is AwaitExpressionSyntax))
            return null;
        string statement = Contracts.ReturnType(target) is null && arrow.Parent is not PropertyDeclarationSyntax and not IndexerDeclarationSyntax
            ? arrow.Expression + ";"
            : "return " + arrow.Expression + ";";
        var edits = new Edits(target);
        return idiom.IsStatement
            ? edits.ReplaceBody(arrow, "lock (" + expression + ")", "{", "    " + statement, "}")
            : edits.ReplaceBody(arrow, acquire, "try", "{", "    " + statement, "}", "finally", "{", "    " + release, "}");
    }

    /// <summary>A fix of a diagnostic nearby may have taken it already.</summary>
    private static bool InsideAlready(FixTarget target, string expression, string acquire)
    {
        foreach (SyntaxNode node in target.Node.AncestorsAndSelf().TakeWhile(node => node is not (AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax or MemberDeclarationSyntax)))
        {
            if (node is LockStatementSyntax statement && Contracts.Same(statement.Expression.ToString(), expression) && statement.Statement.Span.Contains(target.Span))
                return true;
            if (node is TryStatementSyntax attempt && attempt.Block.Span.Contains(target.Span) && Before(attempt) is { } before && before.ToString() == acquire)
                return true;
        }

        return false;
    }

    private static StatementSyntax? Before(StatementSyntax statement)
    {
        IReadOnlyList<StatementSyntax> list = Runs.Siblings(statement);
        int at = Runs.IndexOf(list, statement);
        return at > 0 ? list[at - 1] : null;
    }

    private static bool Mentions(StatementSyntax first, StatementSyntax last, string acquire)
        => Runs.Siblings(first).Where(statement => statement.SpanStart >= first.SpanStart && statement.SpanStart <= last.SpanStart)
            .SelectMany(statement => statement.DescendantNodesAndSelf()).OfType<ExpressionStatementSyntax>().Any(statement => statement.ToString() == acquire);
}
