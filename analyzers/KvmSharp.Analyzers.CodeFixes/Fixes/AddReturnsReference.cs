// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Hands the count to the caller.</summary>
internal sealed class AddReturnsReference : Fix
{
    public AddReturnsReference()
        : base("Return the reference to the caller", "KS2001")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (Contracts.Member(target.Node) is not { } member || !Contracts.MayChange(target, member))
            return null;
        ExpressionSyntax? value = target.Token.Parent?.FirstAncestorOrSelf<ReturnStatementSyntax>()?.Expression
            ?? (Contracts.Body(member) as ArrowExpressionClauseSyntax)?.Expression;
        if (value is null || (value.ToString() != target.Handle && value.Span != target.Span) || Contracts.ReturnType(target) is not { } type)
            return null;
        if (!LockIdiom.Has(type, "RefCounted"))
            return null;
        var edits = new Edits(target);
        if (!Contracts.Named(member, "ReturnsReference").Any())
            Contracts.Add(edits, target, member, "ReturnsReference");
        return edits;
    }
}
