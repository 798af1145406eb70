// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.CodeFixes.Editing;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Gives the lock back in front of the exit.</summary>
internal sealed class InsertRelease : Fix
{
    public InsertRelease()
        : base("Release '{0}' here", "KS1007")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Lock is not { } expression || ConvertToUsing.Guard(target, expression) is not null)
            return null;
        if (Contracts.Member(target.Node) is { } member && Contracts.BodyAssigns(member, expression))
            return null;
        return LockIdiom.Of(target, expression, target.Shared)?.Release is { } release ? Exits.RunBefore(target, release) : null;
    }
}
