// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.ContractModel;

/// <summary>What a clause of a contract says about its lock.</summary>
internal enum ClauseKind
{
    /// <summary>Held exclusively at entry and exit.</summary>
    MustHold,

    /// <summary>Held at least shared at entry and exit.</summary>
    MustHoldShared,

    /// <summary>Not held at entry.</summary>
    MustNotHold,

    /// <summary>Held exclusively at exit.</summary>
    Acquires,

    /// <summary>Held shared at exit.</summary>
    AcquiresShared,

    /// <summary>Held exclusively at entry, not at exit.</summary>
    Releases,

    /// <summary>Held shared at entry, not at exit.</summary>
    ReleasesShared,

    /// <summary>Held exclusively at exit if the result says so.</summary>
    CondAcquires,

    /// <summary>Held shared at exit if the result says so.</summary>
    CondAcquiresShared,

    /// <summary>May be taken as held exclusively afterwards.</summary>
    AssertsHeld,

    /// <summary>May be taken as held shared afterwards.</summary>
    AssertsHeldShared,
}

/// <summary>What a call does to the count of one of its operands.</summary>
internal enum RefEffect
{
    /// <summary>Nothing is said.</summary>
    None,

    /// <summary>Said to change nothing.</summary>
    Borrows,

    /// <summary>The callee takes over one count.</summary>
    Consumes,

    /// <summary>The callee adds one count.</summary>
    Acquires,

    /// <summary>The callee drops one count.</summary>
    Drops,
}

/// <summary>How a known .NET operation bends the plain meaning of its clause.</summary>
internal enum ClauseTweak
{
    /// <summary>Nothing special.</summary>
    None,

    /// <summary>The lock is reentrant whatever its type says (monitors).</summary>
    Reentrant,

    /// <summary>The upgradeable mode of <c>ReaderWriterLockSlim</c>: shared, and may take write on top.</summary>
    Upgradeable,

    /// <summary>The write mode of <c>ReaderWriterLockSlim</c>: goes back to upgradeable if that is held.</summary>
    WriteOverUpgradeable,

    /// <summary>The success flag is a <c>ref bool</c> argument instead of the result.</summary>
    TakenArgument,

    /// <summary>Reentrant, and the success flag is a <c>ref bool</c> argument.</summary>
    ReentrantTakenArgument,

    /// <summary>Tracked only where the semaphore is known to be binary.</summary>
    Semaphore,
}

/// <summary>One lock clause.</summary>
internal sealed class LockClause
{
    internal LockClause(ClauseKind kind, bool when, BoundPath path, ClauseTweak tweak = ClauseTweak.None)
    {
        Kind = kind;
        When = when;
        Path = path;
        Tweak = tweak;
    }

    internal ClauseKind Kind { get; }

    internal bool When { get; }

    internal BoundPath Path { get; }

    internal ClauseTweak Tweak { get; }

    internal bool IsShared => Kind is ClauseKind.MustHoldShared or ClauseKind.AcquiresShared or ClauseKind.ReleasesShared
        or ClauseKind.CondAcquiresShared or ClauseKind.AssertsHeldShared;

    internal bool IsNeed => Kind is ClauseKind.MustHold or ClauseKind.MustHoldShared;

    internal bool IsAcquire => Kind is ClauseKind.Acquires or ClauseKind.AcquiresShared;

    internal bool IsRelease => Kind is ClauseKind.Releases or ClauseKind.ReleasesShared;

    internal bool IsCond => Kind is ClauseKind.CondAcquires or ClauseKind.CondAcquiresShared;

    internal bool IsAssert => Kind is ClauseKind.AssertsHeld or ClauseKind.AssertsHeldShared;
}

/// <summary>What is said about one parameter.</summary>
internal sealed class ParameterContract
{
    internal static readonly ParameterContract None = new();

    internal RefEffect Effect { get; init; }

    internal bool ReturnsReference { get; init; }

    internal bool ErrorPointer { get; init; }

    /// <summary>Value of <c>NotNullWhen</c> or null.</summary>
    internal bool? NotNullWhen { get; init; }
}

/// <summary>Everything the analysis knows about a member that is called or analysed.</summary>
internal sealed class Contract
{
    internal static readonly Contract Empty = new();

    private readonly ImmutableArray<LockClause> _clauses = ImmutableArray<LockClause>.Empty;
    private readonly ImmutableArray<ParameterContract> _parameters = ImmutableArray<ParameterContract>.Empty;

    /// <summary>The member itself (or its accessors' property) carries at least one attribute of the package.</summary>
    internal bool HasOwn { get; init; }

    internal bool Unsafe { get; init; }

    internal ImmutableArray<LockClause> Clauses
    {
        get => _clauses;
        init
        {
            _clauses = value;
            foreach (LockClause c in value)
            {
                HasCond |= c.IsCond;
                HasResultCond |= c.IsCond && c.Tweak is not (ClauseTweak.TakenArgument or ClauseTweak.ReentrantTakenArgument);
                HasAcquire |= c.IsAcquire || c.IsCond;
                IsOperation |= c.IsAcquire || c.IsRelease || c.IsCond || c.IsAssert;
            }
        }
    }

    /// <summary>Gets a value indicating whether a clause is conditional.</summary>
    internal bool HasCond { get; private init; }

    /// <summary>Gets a value indicating whether a clause depends on the result.</summary>
    internal bool HasResultCond { get; private init; }

    /// <summary>Gets a value indicating whether a lock is taken, conditionally or not.</summary>
    internal bool HasAcquire { get; private init; }

    /// <summary>Gets a value indicating whether a call changes what is held.</summary>
    internal bool IsOperation { get; private init; }

    internal BoundPath? ReturnsLock { get; init; }

    internal bool MightSleep { get; init; }

    internal bool AtomicContext { get; init; }

    internal bool ReturnsReference { get; init; }

    internal bool BorrowsReturn { get; init; }

    internal RefEffect Receiver { get; init; }

    internal bool MustCheck { get; init; }

    internal bool ErrorPointer { get; init; }

    /// <summary>The <c>get</c> operation of a counted type: a result of the type is the same object.</summary>
    internal bool IsGet { get; init; }

    /// <summary>The <c>put</c> operation of a counted type.</summary>
    internal bool IsPut { get; init; }

    internal ImmutableArray<ParameterContract> Parameters
    {
        get => _parameters;
        init
        {
            _parameters = value;
            foreach (ParameterContract p in value)
            {
                HasOutcomeArgument |= p.NotNullWhen is not null;
                HasDrop |= p.Effect == RefEffect.Drops;
            }
        }
    }

    /// <summary>Gets a value indicating whether the result tells about an <c>out</c> argument.</summary>
    internal bool HasOutcomeArgument { get; private init; }

    /// <summary>Gets a value indicating whether an argument is dropped.</summary>
    internal bool HasDrop { get; private init; }

    /// <summary>True if nothing here matters to a caller or to the body.</summary>
    internal bool IsEmpty { get; init; } = true;

    internal ParameterContract Parameter(int ordinal)
        => ordinal >= 0 && ordinal < Parameters.Length ? Parameters[ordinal] : ParameterContract.None;

    internal bool Any(ClauseKind kind)
    {
        foreach (LockClause c in Clauses)
        {
            if (c.Kind == kind)
                return true;
        }

        return false;
    }
}

/// <summary>What is said about a field, a property or a captured parameter as data.</summary>
internal sealed class DataContract
{
    internal static readonly DataContract Empty = new();

    internal ImmutableArray<BoundPath> GuardedBy { get; init; } = ImmutableArray<BoundPath>.Empty;

    internal ImmutableArray<BoundPath> PtGuardedBy { get; init; } = ImmutableArray<BoundPath>.Empty;

    internal bool Unsafe { get; init; }

    internal RefEffect Effect { get; init; }

    internal bool IsEmpty { get; init; } = true;
}

/// <summary>What is said about a type.</summary>
internal sealed class TypeContract
{
    internal static readonly TypeContract Empty = new();

    internal bool IsLock { get; init; }

    internal string? LockName { get; init; }

    internal bool Atomic { get; init; }

    internal bool Reentrant { get; init; }

    internal bool IsScoped { get; init; }

    internal bool IsCounted { get; init; }

    internal string Get { get; init; } = string.Empty;

    internal string Put { get; init; } = string.Empty;

    /// <summary>The type that carries <c>RefCounted</c>.</summary>
    internal ITypeSymbol? CountedType { get; init; }

    internal bool MightSleep { get; init; }

    internal bool MustCheck { get; init; }

    /// <summary>A readonly struct that is a lock or counted: copies denote the same object.</summary>
    internal bool IsHandle { get; init; }
}
