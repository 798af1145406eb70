// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Takes a count before one is given away.</summary>
internal sealed class InsertGet : Fix
{
    public InsertGet()
        : base("Take a count of '{0}' first", "KS2004")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Handle is not { } handle || Handles.Get(target, handle) is not { } get)
            return null;
        if (target.Statement is { } statement)
            return new Edits(target).InsertBefore(statement, get);
        return target.Node.FirstAncestorOrSelf<ArrowExpressionClauseSyntax>() is not null ? Exits.RunBefore(target, get, valueFirst: false) : null;
    }
}
