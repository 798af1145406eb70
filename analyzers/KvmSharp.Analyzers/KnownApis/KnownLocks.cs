// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using System.Linq;
using KvmSharp.Analyzers.ContractModel;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.KnownApis;

/// <summary>Contracts of the .NET locks, in the same form as those that attributes give.</summary>
internal sealed class KnownLocks
{
    private static readonly BoundPath Self = new("this", RootKind.This, null, -1, ImmutableArray<ISymbol?>.Empty, null);
    private static readonly BoundPath First = new("obj", RootKind.Parameter, null, 0, ImmutableArray<ISymbol?>.Empty, null);

    /// <summary>The contract of <c>Mutex.WaitOne</c>, which is declared on a base that is no lock.</summary>
    /// <param name="method">The called method.</param>
    /// <param name="receiver">Static type of the receiver.</param>
    /// <returns>The contract, or null.</returns>
    internal static Contract? ForReceiver(IMethodSymbol method, ITypeSymbol? receiver)
    {
        if (method.Name != "WaitOne" || !TypeFacts.IsThreading(method.ContainingType, "WaitHandle") || !TypeFacts.IsThreading(receiver, "Mutex"))
            return null;
        return method.Parameters.IsEmpty
            ? One(ClauseKind.Acquires, Self, ClauseTweak.Reentrant, sleeps: true)
            : One(ClauseKind.CondAcquires, Self, ClauseTweak.Reentrant, sleeps: true);
    }

    internal ContractModel.Contract Contract(IMethodSymbol method)
    {
        INamedTypeSymbol? type = method.ContainingType;
        if (type is null)
            return ContractModel.Contract.Empty;
        if (!TypeFacts.IsIn(type, "System", "Threading"))
            return KnownSleep.Sleeps(method) ? new Contract { IsEmpty = false, MightSleep = true } : ContractModel.Contract.Empty;
        Contract? c = type.Name switch
        {
            "Monitor" => Monitor(method),
            "Lock" => Lock(method),
            "Mutex" => method.Name == "ReleaseMutex" ? One(ClauseKind.Releases, Self, ClauseTweak.Reentrant) : null,
            "SemaphoreSlim" => Semaphore(method),
            "ReaderWriterLockSlim" => ReaderWriter(method),
            "SpinLock" => Spin(method),
            _ => null,
        };
        return c ?? (KnownSleep.Sleeps(method) ? new Contract { IsEmpty = false, MightSleep = true } : ContractModel.Contract.Empty);
    }

    private static Contract One(ClauseKind kind, BoundPath path, ClauseTweak tweak, bool sleeps = false) => new()
    {
        IsEmpty = false,
        Clauses = ImmutableArray.Create(new LockClause(kind, true, path, tweak)),
        MightSleep = sleeps,
    };

    private static bool HasTaken(IMethodSymbol m) => m.Parameters.Any(static p => p.RefKind == RefKind.Ref && p.Type.SpecialType == SpecialType.System_Boolean);

    private static Contract? Monitor(IMethodSymbol m) => m.Name switch
    {
        "Enter" => One(ClauseKind.Acquires, First, HasTaken(m) ? ClauseTweak.ReentrantTakenArgument : ClauseTweak.Reentrant, sleeps: true),
        "TryEnter" => One(ClauseKind.CondAcquires, First, HasTaken(m) ? ClauseTweak.ReentrantTakenArgument : ClauseTweak.Reentrant),
        "Exit" => One(ClauseKind.Releases, First, ClauseTweak.Reentrant),
        "Wait" => One(ClauseKind.MustHold, First, ClauseTweak.Reentrant, sleeps: true),
        "Pulse" or "PulseAll" => One(ClauseKind.MustHold, First, ClauseTweak.Reentrant),
        _ => null,
    };

    private static Contract? Lock(IMethodSymbol m) => m.Name switch
    {
        "Enter" or "EnterScope" => One(ClauseKind.Acquires, Self, ClauseTweak.Reentrant, sleeps: true),
        "TryEnter" => One(ClauseKind.CondAcquires, Self, ClauseTweak.Reentrant),
        "Exit" => One(ClauseKind.Releases, Self, ClauseTweak.Reentrant),
        _ => null,
    };

    private static Contract? Semaphore(IMethodSymbol m)
    {
        bool timeout = m.Parameters.Any(static p => p.Type.SpecialType == SpecialType.System_Int32 || p.Type.Name == "TimeSpan");
        return m.Name switch
        {
            "Wait" => One(timeout ? ClauseKind.CondAcquires : ClauseKind.Acquires, Self, ClauseTweak.Semaphore, sleeps: true),
            "WaitAsync" => One(timeout ? ClauseKind.CondAcquires : ClauseKind.Acquires, Self, ClauseTweak.Semaphore),
            "Release" => One(ClauseKind.Releases, Self, ClauseTweak.Semaphore),
            _ => null,
        };
    }

    private static Contract? ReaderWriter(IMethodSymbol m) => m.Name switch
    {
        "EnterReadLock" => One(ClauseKind.AcquiresShared, Self, ClauseTweak.None, sleeps: true),
        "TryEnterReadLock" => One(ClauseKind.CondAcquiresShared, Self, ClauseTweak.None),
        "ExitReadLock" => One(ClauseKind.ReleasesShared, Self, ClauseTweak.None),
        "EnterUpgradeableReadLock" => One(ClauseKind.AcquiresShared, Self, ClauseTweak.Upgradeable, sleeps: true),
        "TryEnterUpgradeableReadLock" => One(ClauseKind.CondAcquiresShared, Self, ClauseTweak.Upgradeable),
        "ExitUpgradeableReadLock" => One(ClauseKind.ReleasesShared, Self, ClauseTweak.Upgradeable),
        "EnterWriteLock" => One(ClauseKind.Acquires, Self, ClauseTweak.WriteOverUpgradeable, sleeps: true),
        "TryEnterWriteLock" => One(ClauseKind.CondAcquires, Self, ClauseTweak.WriteOverUpgradeable),
        "ExitWriteLock" => One(ClauseKind.Releases, Self, ClauseTweak.WriteOverUpgradeable),
        _ => null,
    };

    private static Contract? Spin(IMethodSymbol m) => m.Name switch
    {
        "Enter" => One(ClauseKind.Acquires, Self, ClauseTweak.TakenArgument),
        "TryEnter" => One(ClauseKind.CondAcquires, Self, ClauseTweak.TakenArgument),
        "Exit" => One(ClauseKind.Releases, Self, ClauseTweak.None),
        _ => null,
    };
}
