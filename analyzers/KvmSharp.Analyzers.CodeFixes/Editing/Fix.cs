// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;

namespace KvmSharp.Analyzers.CodeFixes.Editing;

/// <summary>One way out of a diagnostic.</summary>
internal abstract class Fix
{
    protected Fix(string title, params string[] ids)
    {
        this.Title = title;
        this.Ids = ImmutableArray.Create(ids);
    }

    /// <summary>Gets what the user reads; {0} is the lock or the handle.</summary>
    public string Title { get; }

    /// <summary>Gets the name that Fix All goes by.</summary>
    public string Key => this.GetType().Name;

    /// <summary>Gets the rules it serves.</summary>
    public ImmutableArray<string> Ids { get; }

    /// <summary>Works out the change.</summary>
    /// <param name="target">Diagnostic.</param>
    /// <returns>The edits, or null where this fix does not apply.</returns>
    public abstract Edits? Apply(FixTarget target);
}
