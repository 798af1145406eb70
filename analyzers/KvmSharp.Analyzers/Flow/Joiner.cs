// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using KvmSharp.Analyzers.Domains.Locks;
using KvmSharp.Analyzers.Domains.References;
using KvmSharp.Analyzers.Util;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Flow;

/// <summary>What kind of meeting of paths a join is.</summary>
internal enum JoinKind
{
    /// <summary>Branches of a statement or expression.</summary>
    Branch,

    /// <summary>Entry and back edge of a loop.</summary>
    LoopHead,

    /// <summary>Points of a try body that can throw.</summary>
    Exceptional,
}

/// <summary>Joins states. Worlds are kept apart while something the source knows tells them apart; what cannot be kept apart is joined by the lattice.</summary>
internal sealed class Joiner
{
    private const int MaxWorlds = 64;

    private readonly ObjTable _objs;
    private readonly ITypeSymbol _boolean;
    private readonly int _maxBooleanWorlds;
    private readonly Action<SyntaxNode, Obj, LockState?, LockState?> _conflict;
    private readonly Func<Obj, RefState?> _defaultRef;

    internal Joiner(ObjTable objs, ITypeSymbol boolean, int maxCorrelations, Action<SyntaxNode, Obj, LockState?, LockState?> conflict, Func<Obj, RefState?> defaultRef)
    {
        _objs = objs;
        _boolean = boolean;
        _maxBooleanWorlds = 1 << maxCorrelations;
        _conflict = conflict;
        _defaultRef = defaultRef;
    }

    // How well two worlds can be told apart.
    private enum Apart
    {
        No,
        BySoftFact,
        ByBoolean,
        ByOutcome,
    }

    internal FlowState Join(FlowState? a, FlowState? b, SyntaxNode site, JoinKind kind = JoinKind.Branch)
    {
        if (a is null || !a.IsReachable)
            return b ?? new FlowState();
        if (b is null || !b.IsReachable)
            return a;
        var result = new List<World>(a.Worlds);
        foreach (World w in b.Worlds)
            Add(result, w, site, kind, 0);
        var s = new FlowState();
        s.Worlds.AddRange(result);
        return s;
    }

    /// <summary>Merges the worlds of one state that nothing tells apart any more.</summary>
    /// <param name="s">The state.</param>
    /// <param name="site">Statement for KS1009.</param>
    /// <returns>The smaller state.</returns>
    internal FlowState Normalize(FlowState s, SyntaxNode site)
    {
        if (s.Worlds.Count < 2)
            return s;
        var result = new List<World>();
        foreach (World w in s.Worlds)
            Add(result, w, site, JoinKind.Branch, 0);
        if (result.Count == s.Worlds.Count)
            return s;
        var n = new FlowState();
        n.Worlds.AddRange(result);
        return n;
    }

    internal bool Same(FlowState a, FlowState b)
    {
        if (a.Worlds.Count != b.Worlds.Count)
            return false;
        for (int i = 0; i < a.Worlds.Count; i++)
        {
            World x = a.Worlds[i], y = b.Worlds[i];
            if (!x.SameHard(y) || !x.SameSoft(y) || !x.Env.SameAs(y.Env, Value.Same) || !x.Facts.SameAs(y.Facts, Bits.Same)
                || !x.Published.SameAs(y.Published, Bits.Same)
                || !x.Unread.SameAs(y.Unread, static (l, r) => l is not null && r is not null && l.Nodes.Length == r.Nodes.Length))
                return false;
        }

        return true;
    }

    /// <summary>Joins two values of one location or of one stack slot.</summary>
    private Value JoinValue(Value a, Value b, World wa, World wb, object slot, ITypeSymbol? type, World into)
    {
        if (Value.Same(a, b))
            return a.Unstable ? a : b;
        if (a.Kind == ValueKind.None && b.Kind == ValueKind.None)
            return Value.None;
        if (a.Kind is ValueKind.Bool or ValueKind.Test && b.Kind is ValueKind.Bool or ValueKind.Test && wa.Known(a) is { } x && wb.Known(b) is { } y && x == y)
            return Value.Bool(x);
        if (a.Kind == ValueKind.Null && b.Kind == ValueKind.Obj && wb.Refs[b.Obj!.Id] is { } rb)
        {
            into.Refs = into.Refs.Set(b.Obj.Id, rb.With(rb.Bits | RefState.NullBit));
            return b;
        }

        if (b.Kind == ValueKind.Null && a.Kind == ValueKind.Obj && wa.Refs[a.Obj!.Id] is { } ra)
        {
            into.Refs = into.Refs.Set(a.Obj.Id, ra.With(ra.Bits | RefState.NullBit));
            return a;
        }

        bool boolean = a.Kind is ValueKind.Bool or ValueKind.Test || b.Kind is ValueKind.Bool or ValueKind.Test;
        type = boolean ? _boolean : type ?? a.Obj?.Type ?? b.Obj?.Type;
        Obj phi = _objs.Get(ObjKind.Phi, site: slot, type: type);
        into.Facts = into.Facts.Remove(phi.Id);
        JoinRefs(a, b, wa, wb, phi, into, slot is ValueTuple<SyntaxNode, string, int> ? 0 : 1);
        if ((a.Obj is not null && wa.Errors[a.Obj.Id] is not null) || (b.Obj is not null && wb.Errors[b.Obj.Id] is not null))
        {
            int bits = (a.Obj is null ? 0 : wa.Errors[a.Obj.Id]?.Value ?? 0) | (b.Obj is null ? 0 : wb.Errors[b.Obj.Id]?.Value ?? 0);
            into.Errors = into.Errors.Set(phi.Id, Bits.Of(bits));
        }

        Value v = phi.IsBoolean ? Value.Testing(TestKind.Truth, phi, false, a.Unstable || b.Unstable) : Value.Of(phi, a.Unstable || b.Unstable);
        if (a.Errno is not null && b.Errno is not null)
            v = v.WithErrno(a.Errno);
        return v.WithGuard(a.Guard ?? b.Guard).WithAlias(a.Alias ?? b.Alias);
    }

    private void JoinRefs(Value a, Value b, World wa, World wb, Obj phi, World into, int ownHandles)
    {
        RefState? ra = RefOf(a, wa), rb = RefOf(b, wb);
        if (ra is null && rb is null)
        {
            into.Refs = into.Refs.Remove(phi.Id);
            return;
        }

        bool shared = false;
        foreach (Value v in new[] { a, b })
        {
            World w = ReferenceEquals(v, a) ? wa : wb;
            if (v.Obj is null || w.Refs[v.Obj.Id] is not { } state || ReferenceEquals(v.Obj, phi))
                continue;
            int handles = 0;
            foreach (var p in w.Env.ToList())
                handles += ReferenceEquals(p.Value.Obj, v.Obj) && p.Value.Kind == ValueKind.Obj ? 1 : 0;
            if (handles > ownHandles || v.Obj.Kind is ObjKind.Parameter)
            {
                shared = true;
                into.Refs = into.Refs.Set(v.Obj.Id, state.With(RefState.Escaped));
            }
            else
            {
                into.Refs = into.Refs.Remove(v.Obj.Id);
            }
        }

        RefState joined = RefState.Join(ra ?? new RefState(RefState.Unknown, null, null), rb ?? new RefState(RefState.Unknown, null, null))!;
        into.Refs = into.Refs.Set(phi.Id, shared ? joined.With(RefState.Escaped) : joined);
    }

    private RefState? RefOf(Value v, World w)
    {
        if (v.Kind == ValueKind.Null)
            return new RefState(RefState.NullBit, null, null);
        return v.Kind == ValueKind.Obj ? w.Refs[v.Obj!.Id] ?? _defaultRef(v.Obj) : null;
    }

    private void Add(List<World> result, World w, SyntaxNode site, JoinKind kind, int depth)
    {
        if (kind == JoinKind.Exceptional)
        {
            for (int i = 0; i < result.Count; i++)
            {
                if (result[i].SameHard(w) && (result[i].SameSoft(w) || Distance(result[i], w) == Apart.No))
                {
                    result[i] = Merge(result[i], w, site, kind);
                    return;
                }
            }
        }

        if (depth < 4 && result.Count > 1 && Split(result, w) is { } on)
        {
            foreach (Bits b in new[] { Bits.True, Bits.False })
            {
                World half = w.Clone();
                half.Facts = half.Facts.Set(on.Id, b);
                if (half.Refs[on.Id] is { } s)
                {
                    // What the fact says of a handle: one that is null owns nothing.
                    int bits = b.Value == 0 ? RefState.NullBit : s.Bits & ~RefState.NullBit;
                    if (bits == 0)
                        continue;
                    half.Refs = half.Refs.Set(on.Id, s.With(bits));
                }

                Add(result, half, site, kind, depth + 1);
            }

            return;
        }

        int booleans = 0;
        for (int i = 0; i < result.Count; i++)
        {
            World r = result[i];
            bool hard = r.SameHard(w);
            bool merge = hard && r.SameSoft(w);
            if (!merge)
            {
                Apart apart = Distance(r, w);
                if (result.Count >= MaxWorlds)
                    apart = Apart.No;
                if (apart == Apart.ByBoolean && ++booleans >= _maxBooleanWorlds)
                    apart = Apart.No;
                if (hard)
                {
                    merge = apart == Apart.No || r.SameSoft(w);
                }
                else if (apart == Apart.ByBoolean && kind != JoinKind.Exceptional)
                {
                    Silence(r, w, kind);
                    SettleHeldOnBoth(r, w, site, kind);
                    merge = r.SameHard(w) && r.SameSoft(w);
                }
                else if (apart is Apart.BySoftFact or Apart.ByBoolean)
                {
                    Unify(r, w, site, kind);
                }
                else
                {
                    merge = apart == Apart.No;
                }
            }

            if (!merge)
                continue;
            if (hard && result.Count < 16 && LosesDistinction(result, i, r, w))
                continue;
            World merged = Merge(r, w, site, kind);
            result.RemoveAt(i);
            Add(result, merged, site, kind, depth);
            return;
        }

        result.Add(w);
    }

    // Two worlds that are alike stay apart if what tells each of them from a third one would be lost.
    private bool LosesDistinction(List<World> result, int index, World a, World b)
    {
        for (int i = 0; i < result.Count; i++)
        {
            World other = result[i];
            if (i == index || (other.SameHard(a) && other.SameSoft(a)))
                continue;
            if (Distance(other, a) == Apart.No || Distance(other, b) == Apart.No)
                continue;
            bool kept = false;
            foreach (var (key, left, right) in other.Facts.Differences(a.Facts))
                kept |= left is not null && right is not null && !Bits.Same(left, right) && Bits.Same(a.Facts[key], b.Facts[key]);
            foreach (var (key, left, right) in other.Env.Differences(a.Env))
            {
                kept |= left is not null && right is not null && other.Known(left) is { } x && a.Known(right) is { } y && x != y
                    && b.Env[key] is { } third && b.Known(third) == y;
            }

            if (!kept)
                return true;
        }

        return false;
    }

    // A boolean that tells two known worlds apart but is not known in the new one: the new one is cut along it.
    private Obj? Split(List<World> result, World w)
    {
        World? first = null;
        foreach (World r in result)
        {
            if ((r.SameHard(w) && r.SameSoft(w)) || Distance(r, w) != Apart.No)
                continue;
            if (first is null)
            {
                first = r;
                continue;
            }

            foreach (var (key, left, right) in first.Facts.Differences(r.Facts))
            {
                if (left is not null && right is not null && !Bits.Same(left, right) && w.Facts[key] is null)
                    return _objs[key];
            }
        }

        return null;
    }

    private Apart Distance(World a, World b)
    {
        Apart best = Apart.No;
        foreach (var (key, left, right) in a.Facts.Differences(b.Facts))
        {
            if (left is null || right is null || Bits.Same(left, right))
                continue;
            Obj o = _objs[key];
            Apart by = o.IsLockOutcome ? Apart.ByOutcome : o.IsBoolean ? (o.IsOutcome && !a.Names(o) ? Apart.BySoftFact : Apart.ByBoolean) : Apart.BySoftFact;
            if (by > best)
                best = by;
        }

        if (best == Apart.ByOutcome)
            return best;
        foreach (var (_, left, right) in a.Env.Differences(b.Env))
        {
            if (left is not null && right is not null && a.Known(left) is { } x && b.Known(right) is { } y && x != y
                && left.Kind is ValueKind.Bool or ValueKind.Test && right.Kind is ValueKind.Bool or ValueKind.Test)
                return Apart.ByBoolean;
        }

        if (best == Apart.No && a.Stack is { } sa && b.Stack is { } sb && !ReferenceEquals(sa, sb) && a.Known(sa.Value) is { } p && b.Known(sb.Value) is { } q && p != q)
            return Apart.ByBoolean;
        return best;
    }

    // Rules 2 and 3: a lock of a guard, or an asserted one, that is held on one side only is silently not held.
    private static void Silence(World a, World b, JoinKind kind)
    {
        foreach (var (key, left, right) in a.Locks.Differences(b.Locks))
        {
            if ((left is null) == (right is null))
                continue;
            LockState? joined = LockState.Join(left, right, kind == JoinKind.LoopHead, out bool conflict);
            if (conflict || joined is not null)
                continue;
            a.Locks = a.Locks.Remove(key);
            b.Locks = b.Locks.Remove(key);
        }
    }

    // Rules 5 and 6: a boolean tells apart whether a lock is held, never how often or in which mode.
    private void SettleHeldOnBoth(World a, World b, SyntaxNode site, JoinKind kind)
    {
        foreach (var (key, left, right) in a.Locks.Differences(b.Locks))
        {
            if (left is null || right is null || LockState.Same(left, right))
                continue;
            LockState? joined = LockState.Join(left, right, kind == JoinKind.LoopHead, out bool conflict);
            if (!conflict)
                continue;
            _conflict(site, _objs[key], left, right);
            a.Locks = a.Locks.Set(key, joined!);
            b.Locks = b.Locks.Set(key, joined!);
        }
    }

    private void Unify(World a, World b, SyntaxNode site, JoinKind kind)
    {
        a.Locks = b.Locks = JoinLocks(a, b, site, kind);
        a.Guards = b.Guards = a.Guards.Merge(b.Guards, static (_, l, r) => l ?? r);
    }

    private IntMap<LockState> JoinLocks(World a, World b, SyntaxNode site, JoinKind kind)
        => a.Locks.Merge(b.Locks, (key, l, r) =>
        {
            LockState? joined = LockState.Join(l, r, kind == JoinKind.LoopHead, out bool conflict);
            if (kind == JoinKind.Exceptional)
                return LockState.Same(l, r) ? joined : LockState.Unknown;
            if (conflict)
                _conflict(site, _objs[key], l, r);
            return joined;
        });

    private World Merge(World a, World b, SyntaxNode site, JoinKind kind)
    {
        World m = a.Clone();
        m.Locks = JoinLocks(a, b, site, kind);
        m.Guards = a.Guards.Merge(b.Guards, static (_, l, r) => l ?? r);
        m.Refs = a.Refs.Merge(b.Refs, (key, l, r) =>
        {
            if (l is null || r is null)
            {
                RefState? d = _defaultRef(_objs[key]);
                l ??= d;
                r ??= d;
            }

            return RefState.Join(l, r, kind == JoinKind.LoopHead);
        });
        m.Errors = a.Errors.Merge(b.Errors, static (_, l, r) => l is null || r is null ? l ?? r : Bits.Of(l.Value | r.Value));
        m.Maps = a.Maps.Merge(b.Maps, static (_, l, r) => l is null || r is null ? l ?? r : Bits.Of(l.Value | r.Value));
        m.Published = a.Published.Merge(b.Published, static (_, l, r) => l ?? r);
        m.Unread = a.Unread.Merge(b.Unread, static (_, l, r) => l is null || r is null ? l ?? r : SiteList.Union(l, r));
        m.Facts = a.Facts.Merge(b.Facts, static (_, l, r) => Bits.Same(l, r) ? l : null);
        m.Env = a.Env;
        foreach (var (key, left, right) in a.Env.Differences(b.Env))
        {
            Obj location = _objs[key];
            Value l = left ?? Value.Of(location), r = right ?? Value.Of(location);
            m.Env = m.Env.Set(key, JoinValue(l, r, a, b, (site, key, kind), location.Type, m));
        }

        m.Stack = JoinStacks(a.Stack, b.Stack, a, b, site, m);
        if (!ReferenceEquals(a.Ret, b.Ret))
            m.Ret = a.Ret is null || b.Ret is null ? a.Ret ?? b.Ret : JoinValue(a.Ret, b.Ret, a, b, (site, "return"), a.Ret.Obj?.Type ?? b.Ret.Obj?.Type, m);
        return m;
    }

    private ValueStack? JoinStacks(ValueStack? x, ValueStack? y, World a, World b, SyntaxNode site, World into)
    {
        while (x is not null && y is not null && x.Depth > y.Depth)
            x = x.Next;
        while (x is not null && y is not null && y.Depth > x.Depth)
            y = y.Next;
        if (ReferenceEquals(x, y) || x is null || y is null)
            return x is null || y is null ? null : x;
        ValueStack? rest = JoinStacks(x.Next, y.Next, a, b, site, into);
        return new ValueStack(JoinValue(x.Value, y.Value, a, b, (site, "stack", x.Depth), null, into), rest);
    }
}
