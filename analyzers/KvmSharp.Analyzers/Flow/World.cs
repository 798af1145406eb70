// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using KvmSharp.Analyzers.Domains.Locks;
using KvmSharp.Analyzers.Domains.References;
using KvmSharp.Analyzers.Util;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Flow;

/// <summary>A boxed bit set, so that it can live in a persistent map.</summary>
internal sealed class Bits
{
    internal static readonly Bits True = new(1);
    internal static readonly Bits False = new(0);

    internal Bits(int value) => Value = value;

    internal int Value { get; }

    internal static Bits Of(bool b) => b ? True : False;

    internal static Bits Of(int v) => v switch { 0 => False, 1 => True, _ => new Bits(v) };

    internal static bool Same(Bits? a, Bits? b) => ReferenceEquals(a, b) || (a is not null && b is not null && a.Value == b.Value);
}

/// <summary>A stack of values; each branch of the analysis shares the part below.</summary>
internal sealed class ValueStack
{
    internal ValueStack(Value value, ValueStack? next)
    {
        Value = value;
        Next = next;
        Depth = (next?.Depth ?? 0) + 1;
    }

    internal Value Value { get; }

    internal ValueStack? Next { get; }

    internal int Depth { get; }
}

/// <summary>
/// One of the cases a program point can be in. A point has more than one only while a boolean, or the outcome of a conditional operation, tells them apart:
/// a lock is <c>HeldIf(v)</c> when it is held in the worlds where v is true and not in the others.
/// </summary>
internal sealed class World
{
    internal IntMap<Value> Env = IntMap<Value>.Empty;
    internal IntMap<Bits> Facts = IntMap<Bits>.Empty;
    internal IntMap<LockState> Locks = IntMap<LockState>.Empty;
    internal IntMap<GuardBinding> Guards = IntMap<GuardBinding>.Empty;
    internal IntMap<RefState> Refs = IntMap<RefState>.Empty;
    internal IntMap<Bits> Errors = IntMap<Bits>.Empty;
    internal IntMap<Bits> Maps = IntMap<Bits>.Empty;
    internal IntMap<Bits> Published = IntMap<Bits>.Empty;
    internal IntMap<SiteList> Unread = IntMap<SiteList>.Empty;
    internal ValueStack? Stack;
    internal Value? Ret;

    internal int Depth => Stack?.Depth ?? 0;

    internal World Clone() => new()
    {
        Env = Env,
        Facts = Facts,
        Locks = Locks,
        Guards = Guards,
        Refs = Refs,
        Errors = Errors,
        Maps = Maps,
        Published = Published,
        Unread = Unread,
        Stack = Stack,
        Ret = Ret,
    };

    internal void Push(Value v) => Stack = new ValueStack(v, Stack);

    internal Value Pop()
    {
        if (Stack is null)
            return Value.None;
        Value v = Stack.Value;
        Stack = Stack.Next;
        return v;
    }

    internal Value Peek() => Stack?.Value ?? Value.None;

    internal void Truncate(int depth)
    {
        while (Stack is not null && Stack.Depth > depth)
            Stack = Stack.Next;
    }

    /// <summary>Whether some variable holds a value of the object.</summary>
    /// <param name="o">The object.</param>
    /// <param name="except">Id of a location that does not count.</param>
    /// <returns>Whether there is one.</returns>
    internal bool Names(Obj o, int except = 0)
        => Env.Exists(static (key, value, sought, skipped) => key != skipped && ReferenceEquals(((Value)value).Obj, sought), o, except);

    internal Value Read(Obj location) => Env[location.Id] ?? Value.Of(location);

    /// <summary>The known truth of a value: of a constant, or of a test whose outcome was seen.</summary>
    /// <param name="v">The value.</param>
    /// <returns>True, false, or null if nothing is known.</returns>
    internal bool? Known(Value v)
    {
        if (v.Kind == ValueKind.Bool)
            return v.Flag;
        if (v.Kind == ValueKind.Null)
            return false;
        if (v.Kind != ValueKind.Test)
            return null;
        if (v.Test == TestKind.Truth)
            return Facts[v.Obj!.Id] is { } f ? (f.Value != 0) != v.Flag : null;
        return null;
    }

    internal bool SameHard(World o) => Locks.SameAs(o.Locks, LockState.Same) && Guards.SameAs(o.Guards, GuardBinding.Same);

    internal bool SameSoft(World o) => Refs.SameAs(o.Refs, RefState.Same) && Errors.SameAs(o.Errors, Bits.Same) && Maps.SameAs(o.Maps, Bits.Same);
}

/// <summary>A short immutable set of syntax nodes.</summary>
internal sealed class SiteList
{
    internal SiteList(params SyntaxNode[] nodes) => Nodes = nodes;

    internal SyntaxNode[] Nodes { get; }

    internal static SiteList Union(SiteList a, SiteList b)
    {
        var list = new List<SyntaxNode>(a.Nodes);
        foreach (SyntaxNode n in b.Nodes)
        {
            if (!list.Contains(n))
                list.Add(n);
        }

        return list.Count == a.Nodes.Length ? a : new SiteList(list.ToArray());
    }
}

/// <summary>All worlds of one program point; none means the point is not reachable.</summary>
internal sealed class FlowState
{
    internal readonly List<World> Worlds = new();

    internal bool IsReachable => Worlds.Count != 0;

    internal static FlowState Of(World w)
    {
        var s = new FlowState();
        s.Worlds.Add(w);
        return s;
    }

    internal FlowState Clone()
    {
        var s = new FlowState();
        foreach (World w in Worlds)
            s.Worlds.Add(w.Clone());
        return s;
    }

    internal void Push(Value v)
    {
        foreach (World w in Worlds)
            w.Push(v);
    }

    internal void Drop()
    {
        foreach (World w in Worlds)
            w.Pop();
    }

    internal void Truncate(int depth)
    {
        foreach (World w in Worlds)
            w.Truncate(depth);
    }

    internal bool All(Func<World, bool> test) => Worlds.TrueForAll(w => test(w));

    internal bool Any(Func<World, bool> test) => Worlds.Exists(w => test(w));
}
