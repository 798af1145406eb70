// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Domains.Locks;

/// <summary>How a lock came to be held.</summary>
internal enum LockSource
{
    /// <summary>Taken in this body.</summary>
    Acquired,

    /// <summary>Held by contract.</summary>
    Declared,

    /// <summary>Taken by a guard.</summary>
    Managed,

    /// <summary>Asserted.</summary>
    Asserted,
}

/// <summary>What is known about one lock in one world. Immutable; absence means not held.</summary>
internal sealed class LockState
{
    internal static readonly LockState Unknown = new() { IsUnknown = true };

    private LockState()
    {
    }

    internal bool IsUnknown { get; private set; }

    internal bool IsShared { get; private set; }

    internal bool IsUpgradeable { get; private set; }

    internal int Depth { get; private set; }

    internal LockSource Source { get; private set; }

    /// <summary>Gets a value indicating whether the lock was acquired by awaiting a task, so that no thread owns it.</summary>
    internal bool Awaited { get; private set; }

    /// <summary>Gets a value indicating whether the lock is exclusive on top of an upgradeable read.</summary>
    internal bool OverUpgradeable { get; private set; }

    /// <summary>Gets the syntax at which the lock was taken or promised.</summary>
    internal SyntaxNode? Origin { get; private set; }

    internal bool IsHeld => !IsUnknown;

    internal static LockState Held(bool shared, LockSource source, SyntaxNode? origin, bool awaited = false) => new()
    {
        IsShared = shared,
        Depth = 1,
        Source = source,
        Origin = origin,
        Awaited = awaited,
    };

    /// <summary>Equality in the sense of the lattice: where a state came from does not matter, except for the kind of source.</summary>
    /// <param name="a">One side; null is not held.</param>
    /// <param name="b">The other side.</param>
    /// <returns>Whether the states are equal.</returns>
    internal static bool Same(LockState? a, LockState? b)
    {
        if (ReferenceEquals(a, b))
            return true;
        if (a is null || b is null)
            return false;
        return a.IsUnknown == b.IsUnknown && a.IsShared == b.IsShared && a.Depth == b.Depth && a.IsUpgradeable == b.IsUpgradeable
            && a.OverUpgradeable == b.OverUpgradeable;
    }

    /// <summary>The join of two states of one lock that cannot be kept apart.</summary>
    /// <param name="a">One side; null is not held.</param>
    /// <param name="b">The other side.</param>
    /// <param name="loopEntry">The first side enters a loop and the second is the end of an iteration.</param>
    /// <param name="conflict">Set if the sides disagree in a way that is reported.</param>
    /// <returns>The joined state.</returns>
    internal static LockState? Join(LockState? a, LockState? b, bool loopEntry, out bool conflict)
    {
        conflict = false;
        if (ReferenceEquals(a, b))
            return a;
        if (a is { IsUnknown: true } || b is { IsUnknown: true })
            return Unknown;
        if (a is null || b is null)
        {
            LockState held = (a ?? b)!;
            if (held.Source == LockSource.Asserted)
                return null;
            if (held.Source == LockSource.Managed && !(loopEntry && b is null))
                return null;
            conflict = true;
            return Unknown;
        }

        if (a.Depth != b.Depth)
        {
            conflict = true;
            return Unknown;
        }

        if (a.IsShared != b.IsShared)
        {
            if (a.Source is LockSource.Managed or LockSource.Asserted && b.Source is LockSource.Managed or LockSource.Asserted)
                return a.IsShared ? a : b;
            conflict = true;
            return Unknown;
        }

        if (a.Source == b.Source)
            return a.Awaited ? a : b.Awaited ? b : a;
        if (a.Source == LockSource.Asserted)
            return b.With(b.Source);
        if (b.Source == LockSource.Asserted)
            return a;
        return a.Source < b.Source ? a : b;
    }

    internal LockState With(LockSource source)
    {
        if (Source == source)
            return this;
        LockState s = Clone();
        s.Source = source;
        return s;
    }

    internal LockState Deeper(int by)
    {
        LockState s = Clone();
        s.Depth = Depth + by;
        return s;
    }

    internal LockState Upgradeable()
    {
        LockState s = Clone();
        s.IsUpgradeable = true;
        return s;
    }

    internal LockState AsExclusiveOver(SyntaxNode origin)
    {
        LockState s = Clone();
        s.IsShared = false;
        s.OverUpgradeable = true;
        s.Origin = origin;
        return s;
    }

    internal LockState BackToUpgradeable()
    {
        LockState s = Clone();
        s.IsShared = true;
        s.OverUpgradeable = false;
        return s;
    }

    private LockState Clone() => (LockState)MemberwiseClone();
}
