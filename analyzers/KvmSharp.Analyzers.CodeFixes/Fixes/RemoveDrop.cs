// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Removes a drop of a count that is not there.</summary>
internal sealed class RemoveDrop : Fix
{
    public RemoveDrop()
        : base("Remove the drop of '{0}'", "KS2002", "KS2004")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        var edits = new Edits(target);
        if (target.Handle is not { } handle || Handles.Drop(target, handle) is not { } drop)
            return null;
        if (target.Statement is ExpressionStatementSyntax statement)
            return IsDrop(statement.Expression.ToString(), drop) ? edits.Remove(statement) : null;
        return target.Node.FirstAncestorOrSelf<ArrowExpressionClauseSyntax>() is { } arrow && IsDrop(arrow.Expression.ToString(), drop) && Contracts.ReturnType(target) is null
            ? edits.ReplaceBody(arrow)
            : null;
    }

    private static bool IsDrop(string expression, string drop)
        => Plain(drop).EndsWith(Plain(expression) + ";", System.StringComparison.Ordinal);

    private static string Plain(string text) => text.Replace("?.", ".").Replace("!", string.Empty).Replace("this.", string.Empty);
}
