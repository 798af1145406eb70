// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Flow;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Domains.Locks;

/// <summary>Entry and exit of bodies.</summary>
internal sealed partial class LockDomain
{
    private static readonly Operands None = new(Value.None, NoValues);

    internal Operands SelfOperands()
    {
        if (Frame.Self is { } known)
            return known;
        IMethodSymbol? m = Frame.Method;
        Value[] values = NoValues;
        if (m is not null && m.Parameters.Length != 0)
        {
            values = new Value[m.Parameters.Length];
            for (int i = 0; i < values.Length; i++)
                values[i] = Value.Of(_walker.ParameterObj(m.Parameters[i]));
        }

        IParameterSymbol? receiver = _walker.Contracts.ExtensionReceiver(Frame.Symbol.ContainingType);
        Value self = receiver is not null ? Value.Of(_walker.ParameterObj(receiver)) : Value.Of(_walker.This());
        return Frame.Self = new Operands(self, values);
    }

    /// <summary>The state at entry: what the contract says is held.</summary>
    internal void Enter(FunctionFrame frame)
    {
        World w = Worlds[0];
        Operands self = frame.Contract.Clauses.IsEmpty && frame.Method?.AssociatedSymbol is null ? None : SelfOperands();
        INamedTypeSymbol? type = frame.Symbol.ContainingType;
        TypeContract own = _walker.Contracts.Type(type);
        foreach (LockClause c in frame.Contract.Clauses)
        {
            if (c.Path.Root == RootKind.This && c.Path.Segments.IsEmpty && (own.IsLock || own.IsScoped))
                frame.ExemptBalance = true;
            if (!c.IsNeed && !c.IsRelease)
                continue;
            if (PathEvaluator.Resolve(_walker, w, c.Path, self, null) is not { } key)
                continue;
            LockState s = LockState.Held(c.IsShared, LockSource.Declared, frame.Syntax);
            w.Locks = w.Locks.Set(key.Id, s);
            if (c.IsNeed)
                frame.Entry[key] = s;
        }

        if (frame.Method is { } m)
        {
            if (own.IsScoped && m.Name is "Dispose" or "DisposeAsync" && own.IsScoped)
                frame.ExemptBalance = true;
            if (m.MethodKind is not (MethodKind.LambdaMethod or MethodKind.LocalFunction) && m.MethodImplementationFlags.HasFlag(System.Reflection.MethodImplAttributes.Synchronized))
            {
                Obj key = m.IsStatic ? _walker.Objs.Get(ObjKind.TypeOf, symbol: type, type: type) : _walker.This();
                w.Locks = w.Locks.Set(key.Id, LockState.Held(false, LockSource.Asserted, frame.Syntax));
            }

            // Inside the accessors of a guarded property its guard is taken as held.
            if (m.AssociatedSymbol is IPropertySymbol p)
            {
                foreach (BoundPath path in _walker.Contracts.Data(p).GuardedBy)
                {
                    Obj? key = PathEvaluator.Resolve(_walker, w, path, new Operands(self.Receiver, NoValues), null);
                    if (key is not null && w.Locks[key.Id] is null)
                        w.Locks = w.Locks.Set(key.Id, LockState.Held(m.MethodKind == MethodKind.PropertyGet, LockSource.Asserted, frame.Syntax));
                }
            }
        }
    }

    /// <summary>Judges one exit point.</summary>
    internal void Judge(FlowState state, Location at, IReturnOperation? ret)
    {
        FunctionFrame frame = Frame;
        if (frame.ExemptBalance || frame.IsIterator && frame.Contract.Clauses.IsEmpty && state.Worlds.Count == 0)
            return;
        if (!frame.Contract.HasAcquire && frame.Entry.Count == 0 && !AnyLocks(state))
            return;
        Operands self = SelfOperands();
        bool? success = Success(ret, out bool judgesCondition);
        var conditional = new HashSet<Obj>();
        var expected = new List<Dictionary<Obj, bool>>();
        foreach (World w in state.Worlds)
        {
            var e = new Dictionary<Obj, bool>();
            foreach (var p in frame.Entry)
                e[p.Key] = p.Value.IsShared;
            Obj? result = w.Ret is { Obj: { } r } ? r : null;
            foreach (LockClause c in frame.Contract.Clauses)
            {
                if (!c.IsAcquire && !c.IsCond)
                    continue;
                if (PathEvaluator.Resolve(_walker, w, c.Path, self, result) is not { } key)
                    continue;
                if (c.IsAcquire)
                {
                    if (!(c.Path.Root == RootKind.Return && _walker.ReturnCodes.IsErrorValue(w, w.Ret)))
                        e[key] = c.IsShared;
                    continue;
                }

                if (success is { } ok && ok == c.When)
                    e[key] = c.IsShared;
                else if (success is null)
                    conditional.Add(key);
            }

            expected.Add(e);
        }

        var keys = new List<Obj>();
        for (int i = 0; i < state.Worlds.Count; i++)
        {
            foreach (var p in state.Worlds[i].Locks.ToList())
                AddKey(keys, _walker.Objs[p.Key]);
            foreach (Obj o in expected[i].Keys)
                AddKey(keys, o);
        }

        keys.Sort(static (a, b) => a.Id.CompareTo(b.Id));

        bool freeForm = frame.Contract.HasCond && ret is not null && success is null;
        foreach (Obj key in keys)
        {
            if (conditional.Contains(key) || frame.LostByAwait.Contains(key))
                continue;
            bool extra = false, missing = false, mixed = false;
            LockState? held = null;
            for (int i = 0; i < state.Worlds.Count; i++)
            {
                LockState? s = state.Worlds[i].Locks[key.Id];
                bool wanted = expected[i].TryGetValue(key, out bool shared);
                if (s is { IsHeld: true })
                {
                    if ((!wanted && s.Source != LockSource.Asserted) || (wanted && s.Depth > 1))
                    {
                        extra = true;
                        held = s;
                    }

                    missing |= wanted && !shared && s.IsShared && s.Source != LockSource.Declared;
                }
                else if (s is null && wanted)
                {
                    missing = true;
                }

                mixed |= i > 0 && (s is { IsHeld: true }) != (state.Worlds[0].Locks[key.Id] is { IsHeld: true });
            }

            if (freeForm && mixed)
                continue;
            if (extra)
                _walker.Report(Descriptors.HeldAtExit, at, Origins(held), Properties(key, held!.IsShared ? "shared" : "exclusive", "Acquires", held), key.ToString());
            if (missing)
                _walker.Report(Descriptors.NotHeldAtExit, at, null, Properties(key, "exclusive", null), key.ToString());
        }
    }

    private static void AddKey(List<Obj> keys, Obj key)
    {
        if (!keys.Contains(key))
            keys.Add(key);
    }

    private static bool AnyLocks(FlowState state)
    {
        foreach (World w in state.Worlds)
        {
            if (!w.Locks.IsEmpty)
                return true;
        }

        return false;
    }

    internal void JudgeThrow(Jump j)
    {
        if (Frame.ExemptBalance || _walker.Settings.ExceptionalExits == "off")
            return;
        ReportThrow(j.State, j.Syntax.GetLocation());
    }

    internal void ImplicitExceptionalExit(SyntaxNode at)
    {
        if (!Frame.ExemptBalance)
            ReportThrow(_walker.State, at.GetLocation());
    }

    internal void YieldReturn(IReturnOperation r)
    {
        if (Frame.ExemptBalance)
            return;
        ReportThrow(_walker.State, r.Syntax.GetLocation());
    }

    private void ReportThrow(FlowState state, Location at)
    {
        if (!AnyLocks(state))
            return;
        var seen = new HashSet<int>();
        foreach (World w in state.Worlds)
        {
            foreach (var p in w.Locks.ToList())
            {
                if (p.Value is { IsHeld: true, Source: LockSource.Acquired or LockSource.Managed } && seen.Add(p.Key))
                {
                    Obj key = _walker.Objs[p.Key];
                    _walker.Report(Descriptors.HeldAtExit, at, Origins(p.Value), Properties(key, p.Value.IsShared ? "shared" : "exclusive", null, p.Value), key.ToString());
                }
            }
        }
    }

    // What a constant result says about the conditional clauses; null if the result is no constant.
    private static bool? Success(IReturnOperation? ret, out bool judged)
    {
        judged = false;
        IOperation? value = ret?.ReturnedValue;
        while (value is IConversionOperation { OperatorMethod: null } c && !value.ConstantValue.HasValue)
            value = c.Operand;
        if (value is null)
            return null;
        if (value is IDefaultValueOperation)
            return false;
        if (!value.ConstantValue.HasValue)
            return null;
        judged = true;
        return value.ConstantValue.Value switch
        {
            bool b => b,
            null => false,
            int i => i == 0,
            long l => l == 0,
            short s => s == 0,
            sbyte s => s == 0,
            uint u => u == 0,
            ulong u => u == 0,
            byte b => b == 0,
            ushort u => u == 0,
            _ => null,
        };
    }
}
