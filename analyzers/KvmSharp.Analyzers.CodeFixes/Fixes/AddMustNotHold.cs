// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Says that the member is not called with the lock held, instead of the opposite.</summary>
internal sealed class AddMustNotHold : Fix
{
    public AddMustNotHold()
        : base("Forbid '{0}' to the callers", "KS1004", "KS1005")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Lock is not { } expression || Contracts.Member(target.Node) is not { } member || !Contracts.MayChange(target, member))
            return null;
        if (Contracts.Path(target, member, expression) is not { } path)
            return null;
        var edits = new Edits(target);
        if (Contracts.Says(member, "MustNotHold", path))
            return edits;
        AttributeSyntax? needs = Contracts.Named(member, "MustHold").Concat(Contracts.Named(member, "MustHoldShared"))
            .FirstOrDefault(attribute => Contracts.Arguments(attribute).Any(argument => Contracts.Same(argument, path)));
        if (needs is null && !Unproven(target))
            return null;
        if (needs is not null && Contracts.Arguments(needs).Count() == 1)
            return edits.Replace(needs.Name.Span, needs.Name.ToString().Replace("MustHoldShared", "MustNotHold").Replace("MustHold", "MustNotHold"));
        if (needs is not null)
            Contracts.Remove(edits, target, needs, path);
        Contracts.Add(edits, target, member, "MustNotHold(\"" + path + "\")");
        return edits;
    }

    /// <summary>Whether callers must prove that they do not hold a lock, and this one merely has not.</summary>
    private static bool Unproven(FixTarget target) => target.Property("Source") == "unproven";
}
