// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Rules;

/// <summary>Every rule of the analyzer: id, title, message and category. Ids are never reused.</summary>
public static class Descriptors
{
    /// <summary>Guarded data read without its lock.</summary>
    public static readonly DiagnosticDescriptor GuardedRead = Make(
        "KS1001", "Guarded read without lock", "Reading '{0}' needs '{1}' to be held at least shared{2}", Locking);

    /// <summary>Guarded data written without its lock, or with the lock held shared only.</summary>
    public static readonly DiagnosticDescriptor GuardedWrite = Make(
        "KS1002", "Guarded write without lock", "Writing '{0}' needs '{1}' to be held exclusively{2}", Locking);

    /// <summary>A call whose contract needs a lock the caller does not hold.</summary>
    public static readonly DiagnosticDescriptor CallNeedsLock = Make(
        "KS1003", "Call needs lock", "'{0}' needs '{1}' to be held {2}{3}", Locking);

    /// <summary>A call that is forbidden while the lock is held.</summary>
    public static readonly DiagnosticDescriptor CallForbidden = Make(
        "KS1004", "Call forbidden while holding lock", "'{0}' must not be called while '{1}' is held", Locking);

    /// <summary>A lock is acquired that is held already.</summary>
    public static readonly DiagnosticDescriptor AcquiredTwice = Make(
        "KS1005", "Lock acquired twice", "'{0}' is acquired here but is held already", Locking);

    /// <summary>A lock is released that is not held, or not in this mode.</summary>
    public static readonly DiagnosticDescriptor ReleaseNotHeld = Make(
        "KS1006", "Release of a lock not held", "'{0}' is released here but is not held{1}", Locking);

    /// <summary>A lock is still held at an exit of the function.</summary>
    public static readonly DiagnosticDescriptor HeldAtExit = Make(
        "KS1007", "Lock still held at exit of the function", "'{0}' may still be held here and no contract says so", Locking);

    /// <summary>A lock that a contract promises is not held at an exit.</summary>
    public static readonly DiagnosticDescriptor NotHeldAtExit = Make(
        "KS1008", "Lock not held at exit although promised", "'{0}' is not held here although the contract promises it", Locking);

    /// <summary>Paths that join disagree about a lock.</summary>
    public static readonly DiagnosticDescriptor JoinDiffers = Make(
        "KS1009", "Lock state differs between paths that join", "The paths that join after this statement disagree about '{0}'", Locking);

    /// <summary>A declared lock order is violated.</summary>
    public static readonly DiagnosticDescriptor OrderViolated = Make(
        "KS1010", "Declared lock order violated", "'{0}' is declared to be acquired before '{1}', which is held here", Locking);

    /// <summary>Something sleeps where sleeping is forbidden.</summary>
    public static readonly DiagnosticDescriptor SleepInAtomic = Make(
        "KS1011", "Sleeping call in atomic context", "'{0}' may sleep, but {1}", Locking);

    /// <summary>A guarded reference gets where it can be used without its lock.</summary>
    public static readonly DiagnosticDescriptor GuardedEscape = Make(
        "KS1012", "Guarded reference escapes", "'{0}' is guarded by '{1}' and can be used from here on without it", Locking);

    /// <summary>A counted reference is leaked.</summary>
    public static readonly DiagnosticDescriptor RefLeaked = Make(
        "KS2001", "Reference leaked", "The counted reference '{0}' is lost here without being dropped", References);

    /// <summary>A counted reference is dropped twice.</summary>
    public static readonly DiagnosticDescriptor RefDroppedTwice = Make(
        "KS2002", "Reference dropped twice", "'{0}' may have been dropped or handed over already", References);

    /// <summary>A counted reference is used after it was dropped.</summary>
    public static readonly DiagnosticDescriptor RefUsedAfterDrop = Make(
        "KS2003", "Use after drop", "'{0}' is used here but may have been dropped or handed over", References);

    /// <summary>A reference is dropped that is not owned.</summary>
    public static readonly DiagnosticDescriptor RefNotOwned = Make(
        "KS2004", "Drop of a reference not owned", "'{0}' is borrowed here; its count is not this member's to give away", References);

    /// <summary>The only handle of an owned reference is overwritten.</summary>
    public static readonly DiagnosticDescriptor RefOverwritten = Make(
        "KS2005", "Owned reference overwritten", "The assignment overwrites the only handle '{0}' of an owned reference", References);

    /// <summary>The direct map is changed without the folio lock.</summary>
    public static readonly DiagnosticDescriptor ChangedWithoutLock = Make(
        "KS3001", "Direct map restored or zapped without the folio lock", "'{0}' changes the direct map of '{1}' without its lock", DirectMap);

    /// <summary>A zapped folio is used through the direct map.</summary>
    public static readonly DiagnosticDescriptor UsedWhileZapped = Make(
        "KS3002", "Zapped folio used through the direct map", "'{0}' accesses '{1}' through the direct map while it is zapped", DirectMap);

    /// <summary>A change of the direct map is not flushed before the folio is given away.</summary>
    public static readonly DiagnosticDescriptor MissingFlush = Make(
        "KS3003", "Direct map changed without the required TLB flush", "The direct map of '{0}' changed without a TLB flush before this {1}", DirectMap);

    /// <summary>A folio is freed while its direct map state is invalid.</summary>
    public static readonly DiagnosticDescriptor FreedWhileZapped = Make(
        "KS3004", "Folio freed while its direct map state is invalid", "'{0}' is freed while it is zapped from the direct map", DirectMap);

    /// <summary>A result that must be checked is not used.</summary>
    public static readonly DiagnosticDescriptor UncheckedResult = Make(
        "KS4001", "Unchecked return code", "The result of '{0}' must be checked", ReturnCodes);

    /// <summary>An error pointer is used before it is tested.</summary>
    public static readonly DiagnosticDescriptor ErrorPointerUse = Make(
        "KS4002", "Error pointer used before test", "'{0}' may be an error pointer here", ReturnCodes);

    /// <summary>A positive errno is returned.</summary>
    public static readonly DiagnosticDescriptor PositiveErrno = Make(
        "KS4003", "Positive errno returned", "'{0}' is returned as a positive number; errors are negative", ReturnCodes);

    /// <summary>A lock expression cannot be resolved.</summary>
    public static readonly DiagnosticDescriptor Unresolved = Make(
        "KS9001", "Lock expression cannot be resolved", "The lock expression '{0}' cannot be resolved: {1}", Annotations);

    /// <summary>Annotations contradict each other or the declaration they are on.</summary>
    public static readonly DiagnosticDescriptor Contradictory = Make(
        "KS9002", "Contradictory annotations", "The annotations of '{0}' contradict: {1}", Annotations);

    /// <summary>The contract of an override or implementation differs from that of its base.</summary>
    public static readonly DiagnosticDescriptor ContractDiffers = Make(
        "KS9003", "Override or implementation contract differs from its base", "The contract of '{0}' differs from that of '{1}': {2}", Annotations);

    /// <summary>All descriptors in the order of their ids.</summary>
    public static readonly ImmutableArray<DiagnosticDescriptor> All = ImmutableArray.CreateRange(new List<DiagnosticDescriptor>
    {
        GuardedRead, GuardedWrite, CallNeedsLock, CallForbidden, AcquiredTwice, ReleaseNotHeld, HeldAtExit, NotHeldAtExit, JoinDiffers,
        OrderViolated, SleepInAtomic, GuardedEscape,
        RefLeaked, RefDroppedTwice, RefUsedAfterDrop, RefNotOwned, RefOverwritten,
        ChangedWithoutLock, UsedWhileZapped, MissingFlush, FreedWhileZapped,
        UncheckedResult, ErrorPointerUse, PositiveErrno,
        Unresolved, Contradictory, ContractDiffers,
    });

    private const string Locking = "Locking";
    private const string References = "References";
    private const string DirectMap = "DirectMap";
    private const string ReturnCodes = "ReturnCodes";
    private const string Annotations = "Annotations";

    private static DiagnosticDescriptor Make(string id, string title, string message, string category) => new(
        id,
        title,
        message,
        category,
        DiagnosticSeverity.Warning,
        isEnabledByDefault: true,
        description: title + ".",
        helpLinkUri: "https://github.com/KvmSharp/KvmSharp/blob/main/Documentation/analyzers/" + id + ".md",
        customTags: new[] { "KvmSharp", category });
}
