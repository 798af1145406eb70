// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Lets the end of its scope dispose a guard.</summary>
internal sealed class ConvertToUsing : Fix
{
    public ConvertToUsing()
        : base("Dispose the guard of '{0}' with using", "KS1007")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Lock is not { } expression || Contracts.Member(target.Node) is not { } member || Contracts.Body(member) is not BlockSyntax body)
            return null;
        var edits = new Edits(target);
        foreach (LocalDeclarationStatementSyntax declaration in body.DescendantNodes().OfType<LocalDeclarationStatementSyntax>())
        {
            if (declaration.Declaration.Variables.Count != 1 || declaration.SpanStart > target.Span.End || declaration.Declaration.Variables[0].Initializer is not { } initializer)
                continue;
            if (target.Model.GetTypeInfo(initializer.Value, target.Cancellation).Type is not { } type || !LockIdiom.Has(type, "ScopedLock"))
                continue;
            if (!initializer.DescendantNodes().Any(node => Contracts.Same(node.ToString(), expression)))
                continue;
            return declaration.UsingKeyword.RawKind == 0 ? edits.Insert(declaration.SpanStart, "using ") : edits;
        }

        return null;
    }
}
