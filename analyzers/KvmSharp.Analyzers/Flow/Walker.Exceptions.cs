// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using KvmSharp.Analyzers.ContractModel;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Exceptions, and the statements that release on every way out.</summary>
internal sealed partial class Walker
{
    /// <summary>Marks a point that can throw.</summary>
    /// <param name="at">The operation.</param>
    internal void ThrowPoint(SyntaxNode at)
    {
        if (!Reachable)
            return;
        if (_try is null)
        {
            if (Settings.ExceptionalExits == "all" && !Function.IsInlined)
                Locks.ImplicitExceptionalExit(at);
            return;
        }

        Collect(_try, _s);
    }

    private void Collect(TryFrame frame, FlowState s)
    {
        if (s.Worlds.Count == 1 && frame.Last is { } last && Unchanged(s.Worlds[0], last))
            return;
        FlowState point = s.Clone();
        point.Truncate(frame.Depth);
        foreach (World w in point.Worlds)
            w.Ret = null;
        frame.Last = s.Worlds.Count == 1 ? s.Worlds[0].Clone() : null;
        frame.Points = frame.Points is null ? point : Join(frame.Points, point, _statement, JoinKind.Exceptional);
    }

    private static bool Unchanged(World a, World b)
        => a.Env.IsSame(b.Env) && a.Locks.IsSame(b.Locks) && a.Refs.IsSame(b.Refs) && a.Facts.IsSame(b.Facts)
            && a.Guards.IsSame(b.Guards) && a.Errors.IsSame(b.Errors) && a.Maps.IsSame(b.Maps)
            && a.Published.IsSame(b.Published) && a.Unread.IsSame(b.Unread);

    /// <summary>Runs a body, then the cleanup once for each way out of it.</summary>
    private void Protected(Action body, Action cleanup)
    {
        int pending = _pending.Count;
        var frame = new TryFrame(_try, _s.IsReachable ? _s.Worlds[0].Depth : 0);
        _try = frame;
        body();
        _try = frame.Outer;
        FlowState normal = _s;
        List<Jump> jumps = Take(pending, static _ => true);
        if (normal.IsReachable)
        {
            cleanup();
            normal = _s;
        }

        foreach (Jump j in jumps)
        {
            var rets = new List<Value?>();
            foreach (World w in j.State.Worlds)
                rets.Add(w.Ret);
            _s = j.State;
            _s.Truncate(frame.Depth);
            if (Reachable)
                cleanup();
            j.State = _s;
            if (_s.IsReachable || j.Kind == JumpKind.Branch)
                _pending.Add(j);
        }

        if (frame.Points is { IsReachable: true } points)
        {
            _s = points;
            cleanup();
            if (Reachable && _try is not null)
                Collect(_try, _s);
        }

        _s = normal;
    }

    private void Try(ITryOperation t)
    {
        if (t.Finally is not null)
        {
            Protected(() => TryCatch(t), () => Stmt(t.Finally));
            return;
        }

        TryCatch(t);
    }

    private void TryCatch(ITryOperation t)
    {
        if (t.Catches.IsEmpty)
        {
            Stmt(t.Body);
            return;
        }

        int pending = _pending.Count;
        int depth = _s.IsReachable ? _s.Worlds[0].Depth : 0;
        FlowState start = _s.Clone();
        var frame = new TryFrame(_try, depth);
        _try = frame;
        Stmt(t.Body);
        _try = frame.Outer;
        FlowState result = _s;
        bool catchAll = false;
        foreach (ICatchClauseOperation c in t.Catches)
            catchAll |= c.Filter is null && IsCatchAll(c.ExceptionType);
        FlowState? points = frame.Points;
        foreach (Jump j in Take(pending, static j => j.Kind == JumpKind.Throw))
        {
            bool may = false, must = false;
            foreach (ICatchClauseOperation c in t.Catches)
            {
                bool covers = j.Thrown is null ? IsCatchAll(c.ExceptionType) : Derives(j.Thrown, c.ExceptionType) || IsCatchAll(c.ExceptionType);
                may |= covers || j.Thrown is null || Derives(c.ExceptionType, j.Thrown);
                must |= covers && c.Filter is null;
            }

            if (may)
            {
                FlowState s = j.State.Clone();
                s.Truncate(depth);
                points = points is null ? s : Join(points, s, _statement, JoinKind.Exceptional);
            }

            if (!must)
                _pending.Add(j);
        }

        bool canThrow = points is not null;
        foreach (ICatchClauseOperation c in t.Catches)
        {
            _s = (points ?? start).Clone();
            int inner = _pending.Count;
            if (c.ExceptionDeclarationOrExpression is IVariableDeclaratorOperation { Symbol: { } local })
            {
                Obj e = Produce(ObjKind.Result, (c.Syntax, "exception"), local.Type);
                foreach (World w in _s.Worlds)
                    w.Env = w.Env.Set(LocalObj(local).Id, Value.Of(e));
            }

            if (c.Filter is not null)
                _s = Condition(c.Filter).True;
            Stmt(c.Handler);
            EndScope(c.Locals, inner, c.Handler.Syntax);
            result = Join(result, _s, t.Syntax);
        }

        if (canThrow && !catchAll && _try is not null && frame.Points is not null)
            Collect(_try, frame.Points);
        _s = result;
    }

    private static bool IsCatchAll(ITypeSymbol? type)
        => type is null || type.SpecialType == SpecialType.System_Object || (type.Name == "Exception" && TypeFacts.IsIn(type, "System"));

    private static bool Derives(ITypeSymbol? type, ITypeSymbol? from)
    {
        for (ITypeSymbol? t = type; t is not null; t = t.BaseType)
        {
            if (SymbolEqualityComparer.Default.Equals(t, from))
                return true;
        }

        return false;
    }

    private void LockStatement(ILockOperation l)
    {
        Eval(l.LockedValue);
        References.EndExpression();
        if (!Reachable)
            return;

        // The object stays on the stack while the body runs, whatever happens to the variable that named it.
        Locks.EnterLockStatement(l);
        Protected(
            () => Stmt(l.Body),
            () => Locks.ExitLockStatement(l));
        _s.Drop();
    }

    private void UsingStatement(IUsingOperation u)
    {
        int pending = _pending.Count;
        var locals = new List<ILocalSymbol>();
        if (u.Resources is IVariableDeclarationGroupOperation or IVariableDeclarationOperation)
        {
            Stmt(u.Resources);
            foreach (IVariableDeclaratorOperation d in Declarators(u.Resources))
                locals.Add(d.Symbol);
            UsingLocals(locals, 0, u.IsAsynchronous, u.Syntax, () => Stmt(u.Body));
        }
        else if (u.Resources is not null)
        {
            Eval(u.Resources);
            if (!Reachable)
                return;
            Obj temp = Objs.Get(ObjKind.Local, site: (u.Syntax, "using"), type: u.Resources.Type);
            foreach (World w in _s.Worlds)
                w.Env = w.Env.Set(temp.Id, w.Pop().Named());
            References.EndExpression();
            Protected(() => Stmt(u.Body), () => Dispose(temp, u.Resources.Type, u.IsAsynchronous, u.Syntax, implicitUse: true));
            foreach (World w in _s.Worlds)
                w.Env = w.Env.Remove(temp.Id);
        }

        EndScope(u.Locals, pending, u.Body.Syntax);
    }

    private static IEnumerable<IVariableDeclaratorOperation> Declarators(IOperation op)
    {
        if (op is IVariableDeclarationGroupOperation g)
        {
            foreach (IVariableDeclarationOperation d in g.Declarations)
            {
                foreach (IVariableDeclaratorOperation v in d.Declarators)
                    yield return v;
            }
        }
        else if (op is IVariableDeclarationOperation d)
        {
            foreach (IVariableDeclaratorOperation v in d.Declarators)
                yield return v;
        }
    }

    private void UsingRest(IUsingDeclarationOperation u, ImmutableArray<IOperation> ops, int next)
    {
        Visit();
        SyntaxNode outer = _statement;
        _statement = u.Syntax;
        Stmt(u.DeclarationGroup);
        _statement = outer;
        var locals = new List<ILocalSymbol>();
        foreach (IVariableDeclaratorOperation d in Declarators(u.DeclarationGroup))
            locals.Add(d.Symbol);
        UsingLocals(locals, 0, u.IsAsynchronous, u.Syntax, () => Statements(ops, next));
    }

    private void UsingLocals(List<ILocalSymbol> locals, int index, bool isAsync, SyntaxNode syntax, Action body)
    {
        if (index == locals.Count)
        {
            body();
            return;
        }

        Protected(
            () => UsingLocals(locals, index + 1, isAsync, syntax, body),
            () => Dispose(LocalObj(locals[index]), locals[index].Type, isAsync, syntax, implicitUse: true));
    }

    /// <summary>The implicit Dispose of a using. Worlds in which the resource is null are left alone.</summary>
    private void Dispose(Obj location, ITypeSymbol? type, bool isAsync, SyntaxNode syntax, bool implicitUse)
    {
        if (!Reachable)
            return;
        IMethodSymbol? dispose = FindDispose(type, isAsync);
        var without = new List<World>();
        var with = new List<World>();
        foreach (World w in _s.Worlds)
        {
            Value v = w.Read(location);
            bool isNull = v.Kind == ValueKind.Null || (v.Kind == ValueKind.Obj && w.Facts[v.Obj!.Id] is { Value: 0 })
                || (v.Kind == ValueKind.Obj && w.Refs[v.Obj!.Id] is { Bits: Domains.References.RefState.NullBit });
            (isNull ? without : with).Add(w);
        }

        if (with.Count != 0)
        {
            _s = new FlowState();
            _s.Worlds.AddRange(with);
            foreach (World w in with)
                w.Push(w.Read(location));
            if (isAsync)
                Locks.Await(syntax, canSuspend: true);
            if (dispose is not null)
                ImplicitCall(dispose, Body, syntax);
            else
                _s.Drop();
            with = new List<World>(_s.Worlds);
        }

        _s = new FlowState();
        _s.Worlds.AddRange(with);
        if (without.Count != 0)
        {
            var rest = new FlowState();
            rest.Worlds.AddRange(without);
            _s = Join(_s, rest, syntax);
        }
    }

    private static IMethodSymbol? FindDispose(ITypeSymbol? type, bool isAsync)
    {
        string name = isAsync ? "DisposeAsync" : "Dispose";
        foreach (ISymbol s in TypeFacts.Lookup(type, name))
        {
            if (s is IMethodSymbol { IsStatic: false } m && (m.Parameters.IsEmpty || m.Parameters[0].IsOptional))
                return m;
        }

        if (type is not null)
        {
            foreach (INamedTypeSymbol i in type.AllInterfaces)
            {
                if (i.Name == (isAsync ? "IAsyncDisposable" : "IDisposable") && i.GetMembers(name).Length != 0 && i.GetMembers(name)[0] is IMethodSymbol im)
                    return type.FindImplementationForInterfaceMember(im) as IMethodSymbol ?? im;
            }
        }

        return null;
    }
}
