// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Domains.Locks;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Kinds of values an expression can have.</summary>
internal enum ValueKind
{
    /// <summary>Nothing is known.</summary>
    None,

    /// <summary>An object.</summary>
    Obj,

    /// <summary>The null reference, or the default of a handle.</summary>
    Null,

    /// <summary>A boolean constant.</summary>
    Bool,

    /// <summary>The outcome of a test of an object.</summary>
    Test,
}

/// <summary>What is tested.</summary>
internal enum TestKind
{
    /// <summary>A boolean is true, an integer is zero, a reference is not null.</summary>
    Truth,

    /// <summary>The object encodes an error.</summary>
    IsError,

    /// <summary>The object encodes an error or is null.</summary>
    IsErrorOrNull,
}

/// <summary>The storage a guarded reference was read from.</summary>
internal sealed class PtGuard
{
    internal PtGuard(ISymbol member, Obj? owner)
    {
        Member = member;
        Owner = owner;
    }

    internal ISymbol Member { get; }

    internal Obj? Owner { get; }

    internal static bool Same(PtGuard? a, PtGuard? b)
        => ReferenceEquals(a, b) || (a is not null && b is not null && ReferenceEquals(a.Owner, b.Owner) && SymbolEqualityComparer.Default.Equals(a.Member, b.Member));
}

/// <summary>The value of an expression in one world. Immutable.</summary>
internal sealed class Value
{
    internal static readonly Value None = new() { Kind = ValueKind.None };
    internal static readonly Value Null = new() { Kind = ValueKind.Null };
    internal static readonly Value True = new() { Kind = ValueKind.Bool, Flag = true };
    internal static readonly Value False = new() { Kind = ValueKind.Bool };

    private Value()
    {
    }

    internal ValueKind Kind { get; private set; }

    internal Obj? Obj { get; private set; }

    /// <summary>Gets a value indicating whether a constant is true, or a test is to be negated.</summary>
    internal bool Flag { get; private set; }

    internal TestKind Test { get; private set; }

    /// <summary>Gets a value indicating whether no variable and no path names the object.</summary>
    internal bool Unstable { get; private set; }

    /// <summary>Gets the name of the positive errno constant this value is.</summary>
    internal string? Errno { get; private set; }

    internal PtGuard? Guard { get; private set; }

    /// <summary>Gets the guarded storage a <c>ref</c> local stands for.</summary>
    internal PtGuard? Alias { get; private set; }

    /// <summary>Gets the location, for by-reference arguments and assignment targets.</summary>
    internal Obj? Location { get; private set; }

    /// <summary>Gets what an <c>await</c> of this value acquires.</summary>
    internal PendingAcquire? Pending { get; private set; }

    internal static Value Of(Obj obj, bool unstable = false) => unstable
        ? obj.Unnamed ??= new() { Kind = ValueKind.Obj, Obj = obj, Unstable = true }
        : obj.Named ??= new() { Kind = ValueKind.Obj, Obj = obj };

    /// <summary>A location and nothing else.</summary>
    /// <param name="location">The location.</param>
    /// <param name="unstable">Whether nothing names it.</param>
    /// <returns>The value.</returns>
    internal static Value At(Obj? location, bool unstable = false) => location is null || unstable
        ? new() { Location = location, Unstable = unstable }
        : location.Place ??= new() { Location = location };

    internal static Value Bool(bool b) => b ? True : False;

    internal static Value Testing(TestKind test, Obj obj, bool negated, bool unstable)
    {
        if (test == TestKind.Truth && !negated)
            return unstable ? obj.UnnamedTruth ??= NewTest(test, obj, false, true) : obj.Truth ??= NewTest(test, obj, false, false);
        return NewTest(test, obj, negated, unstable);
    }

    private static Value NewTest(TestKind test, Obj obj, bool negated, bool unstable) => new()
    {
        Kind = ValueKind.Test,
        Test = test,
        Obj = obj,
        Flag = negated,
        Unstable = unstable,
    };

    internal static bool Same(Value? a, Value? b)
    {
        if (ReferenceEquals(a, b))
            return true;
        if (a is null || b is null)
            return false;
        return a.Kind == b.Kind && ReferenceEquals(a.Obj, b.Obj) && a.Flag == b.Flag && a.Test == b.Test && a.Errno == b.Errno
            && ReferenceEquals(a.Location, b.Location) && PtGuard.Same(a.Guard, b.Guard) && PtGuard.Same(a.Alias, b.Alias) && ReferenceEquals(a.Pending, b.Pending);
    }

    internal Value Negate() => Kind switch
    {
        ValueKind.Bool => Bool(!Flag),
        ValueKind.Test => Testing(Test, Obj!, !Flag, Unstable),
        _ => None,
    };

    internal Value Named()
    {
        if (!Unstable)
            return this;
        if (IsPlain)
            return Kind == ValueKind.Obj ? Of(Obj!) : Testing(Test, Obj!, Flag, false);
        Value v = Clone();
        v.Unstable = false;
        return v;
    }

    internal Value AsUnstable()
    {
        if (Unstable)
            return this;
        if (IsPlain)
            return Kind == ValueKind.Obj ? Of(Obj!, unstable: true) : Testing(Test, Obj!, Flag, true);
        Value v = Clone();
        v.Unstable = true;
        return v;
    }

    internal Value WithGuard(PtGuard? guard)
    {
        if (PtGuard.Same(guard, Guard))
            return this;
        Value v = Clone();
        v.Guard = guard;
        return v;
    }

    internal Value WithAlias(PtGuard? alias)
    {
        if (PtGuard.Same(alias, Alias))
            return this;
        Value v = Clone();
        v.Alias = alias;
        return v;
    }

    internal Value WithLocation(Obj? location)
    {
        if (ReferenceEquals(location, Location))
            return this;
        if (location is null && Kind == ValueKind.Obj && Errno is null && Guard is null && Alias is null && Pending is null)
            return Of(Obj!, Unstable);
        Value v = Clone();
        v.Location = location;
        return v;
    }

    internal Value WithErrno(string? errno)
    {
        if (Errno == errno)
            return this;
        Value v = Clone();
        v.Errno = errno;
        return v;
    }

    internal Value WithPending(PendingAcquire? pending)
    {
        if (ReferenceEquals(pending, Pending))
            return this;
        Value v = Clone();
        v.Pending = pending;
        return v;
    }

    internal Value WithObj(Obj obj)
    {
        Value v = Clone();
        v.Obj = obj;
        return v;
    }

    // An object or a test and nothing else: such values exist once for each object.
    private bool IsPlain => Kind is ValueKind.Obj or ValueKind.Test && Errno is null && Guard is null && Alias is null && Location is null && Pending is null;

    // Copied field by field: this runs for every name a body reads, and the runtime's own clone is slow.
    private Value Clone() => new()
    {
        Kind = Kind,
        Obj = Obj,
        Flag = Flag,
        Test = Test,
        Unstable = Unstable,
        Errno = Errno,
        Guard = Guard,
        Alias = Alias,
        Location = Location,
        Pending = Pending,
    };
}

/// <summary>What awaiting a task acquires.</summary>
internal sealed class PendingAcquire
{
    internal PendingAcquire(CallSite call, Operands operands)
    {
        Call = call;
        Operands = operands;
    }

    internal CallSite Call { get; }

    internal Operands Operands { get; }
}

/// <summary>Receiver and arguments of a call in one world.</summary>
internal sealed class Operands
{
    internal Operands(Value receiver, Value[] arguments)
    {
        Receiver = receiver;
        Arguments = arguments;
    }

    internal Value Receiver { get; }

    internal Value[] Arguments { get; }

    internal Value Argument(int ordinal) => ordinal >= 0 && ordinal < Arguments.Length ? Arguments[ordinal] : Value.None;
}

/// <summary>A call as the domains see it.</summary>
internal sealed class CallSite
{
    internal CallSite(IMethodSymbol method, Contract contract, IOperation operation, SyntaxNode syntax)
    {
        Method = method;
        Contract = contract;
        Operation = operation;
        Syntax = syntax;
    }

    internal IMethodSymbol Method { get; }

    internal Contract Contract { get; }

    internal IOperation Operation { get; }

    internal SyntaxNode Syntax { get; }

    /// <summary>Gets or sets a value indicating whether the call leaves every folio unpublished, once somebody asked.</summary>
    internal bool? KeepsAllPrivate { get; set; }

    internal string Name => Method.MethodKind switch
    {
        MethodKind.Constructor => Method.ContainingType.Name,
        _ => Method.AssociatedSymbol?.Name ?? Method.Name,
    };
}

/// <summary>Locks bound to a guard object.</summary>
internal sealed class GuardBinding
{
    internal GuardBinding(IReadOnlyList<(Obj Key, bool Shared, LockState? Before)> locks) => Locks = locks;

    internal IReadOnlyList<(Obj Key, bool Shared, LockState? Before)> Locks { get; }

    internal static bool Same(GuardBinding? a, GuardBinding? b)
    {
        if (ReferenceEquals(a, b))
            return true;
        if (a is null || b is null || a.Locks.Count != b.Locks.Count)
            return false;
        for (int i = 0; i < a.Locks.Count; i++)
        {
            if (!ReferenceEquals(a.Locks[i].Key, b.Locks[i].Key) || a.Locks[i].Shared != b.Locks[i].Shared)
                return false;
        }

        return true;
    }
}
