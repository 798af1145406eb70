// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Takes back a promise that is not kept.</summary>
internal sealed class DropAttribute : Fix
{
    private static readonly string[] Promises = { "Acquires", "AcquiresShared", "CondAcquires", "CondAcquiresShared", "MustHold", "MustHoldShared" };

    public DropAttribute()
        : base("Do not promise '{0}'", "KS1008")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Lock is not { } expression || Contracts.Member(target.Node) is not { } member)
            return null;
        string path = Contracts.Path(target, member, expression) ?? Contracts.Normal(expression);
        AttributeSyntax? promise = Promises.SelectMany(name => Contracts.Named(member, name)).FirstOrDefault(attribute => Contracts.Arguments(attribute).Any(argument => Contracts.Same(argument, path)));
        if (promise is null)
            return null;
        var edits = new Edits(target);
        Contracts.Remove(edits, target, promise, path);
        return edits;
    }
}
