// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Removes a release of something that is not held.</summary>
internal sealed class RemoveRelease : Fix
{
    public RemoveRelease()
        : base("Remove the release of '{0}'", "KS1006")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        var edits = new Edits(target);
        if (target.Statement is ExpressionStatementSyntax statement)
            return edits.Remove(statement);
        return target.Node.FirstAncestorOrSelf<ArrowExpressionClauseSyntax>() is { } arrow && arrow.Expression.Span.Start == target.Span.Start && Contracts.ReturnType(target) is null
            ? edits.ReplaceBody(arrow)
            : null;
    }
}
