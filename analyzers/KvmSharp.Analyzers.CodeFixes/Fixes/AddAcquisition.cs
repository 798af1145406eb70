// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.CodeFixes.Editing;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Takes the promised lock in front of the exit.</summary>
internal sealed class AddAcquisition : Fix
{
    public AddAcquisition()
        : base("Acquire '{0}' here", "KS1008")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Lock is not { } expression || ConvertToUsing.Guard(target, expression) is not null)
            return null;
        return LockIdiom.Of(target, expression, target.Shared)?.Acquire is { } acquire && !acquire.Contains("ref ") ? Exits.RunBefore(target, acquire, valueFirst: false) : null;
    }
}
