// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Domains.Locks;
using KvmSharp.Analyzers.KnownApis;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Calls of every kind.</summary>
internal sealed partial class Walker
{
    private static readonly Value[] NoValues = System.Array.Empty<Value>();

    private void Invocation(IInvocationOperation i)
    {
        IMethodSymbol target = i.TargetMethod;
        if (Locks.Assertion(i))
        {
            _s.Push(Value.None);
            return;
        }

        if (ReturnCodes.ErrorTest(target) is { } test)
        {
            EvalTest(i, test);
            return;
        }

        if (IsNullTest(target))
        {
            EvalNullTest(i);
            return;
        }

        if (target.Name == "ReferenceEquals" && target.ContainingType?.SpecialType == SpecialType.System_Object && i.Arguments.Length == 2)
        {
            Eval(i.Arguments[0].Value);
            Eval(i.Arguments[1].Value);
            ComparePop(BinaryOperatorKind.Equals, i.Arguments[1].Value);
            return;
        }

        if (target.Name == "Equals" && i.Instance is not null && i.Arguments.Length == 1 && Contracts.Type(i.Instance.Type).IsHandle && IsDefault(i.Arguments[0].Value))
        {
            Eval(i.Instance);
            _s.Push(Value.Null);
            ComparePop(BinaryOperatorKind.Equals, i.Arguments[0].Value);
            return;
        }

        if (target.MethodKind == MethodKind.DelegateInvoke && i.Instance is not null && InlineTarget(i.Instance) is { } lambda)
        {
            Operands[]? bound = EvalArguments(i.Arguments, lambda.Symbol.Parameters.Length);
            if (Reachable)
                CallLambda(lambda, bound!, i);
            return;
        }

        if (target.MethodKind == MethodKind.LocalFunction && LocalFunction(target) is { } function)
        {
            Operands[]? bound = EvalArguments(i.Arguments, target.Parameters.Length);
            if (Reachable)
                CallLocalFunction(function, target, bound!, i);
            return;
        }

        Contract contract = target.MethodKind == MethodKind.DelegateInvoke ? Contracts.OfDelegate(target.ContainingType) : Contracts.Of(target);
        if (KnownLocks.ForReceiver(target, i.Instance?.Type) is { } known)
            contract = known;
        bool hasReceiver = i.Instance is not null;
        if (hasReceiver)
        {
            EvalReceiver(i.Instance!, target);
            if (!Reachable)
                return;
            if (!DirectMap.IsOperation(target))
                References.ReceiverUse(i, target, contract);
            ReturnCodes.UseTop(i.Instance!, i);
            Locks.CheckPointee(i.Instance!, Settings.PointeeCallsWrite ? AccessKind.Write : AccessKind.Read);
        }

        // A constrained interface call of a type parameter, or an extension block, sees its receiver as the first operand.
        Operands[]? operands = EvalArguments(i.Arguments, target.Parameters.Length, target);
        if (!Reachable)
            return;
        var list = new List<Operands>();
        for (int n = 0; n < _s.Worlds.Count; n++)
            list.Add(new Operands(hasReceiver ? _s.Worlds[n].Pop() : Value.None, operands![n].Arguments));
        var site = new CallSite(target, contract, i, CallSyntax(i));
        ApplyCall(site, list, i.Arguments, pushResult: true);
    }

    private static bool IsDefault(IOperation op)
    {
        while (op is IConversionOperation c)
            op = c.Operand;
        return op is IDefaultValueOperation;
    }

    private static SyntaxNode CallSyntax(IOperation op) => op.Syntax;

    private void EvalTest(IInvocationOperation i, TestKind test)
    {
        if (i.Instance is not null)
            Eval(i.Instance);
        foreach (IArgumentOperation a in i.Arguments)
            Eval(a.Value);
        int count = i.Arguments.Length + (i.Instance is null ? 0 : 1);
        foreach (World w in _s.Worlds)
        {
            Value v = Value.None;
            for (int n = 0; n < count; n++)
                v = w.Pop();
            w.Push(v.Kind == ValueKind.Obj ? Value.Testing(test, v.Obj!, false, v.Unstable) : v.Kind == ValueKind.Null ? Value.Bool(test == TestKind.IsErrorOrNull) : Value.None);
        }
    }

    private bool IsNullTest(IMethodSymbol m)
        => TypeFacts.IsNullTestName(m.Name) && m.ReturnType.SpecialType == SpecialType.System_Boolean
            && (m.IsStatic ? m.Parameters.Length == 1 && Contracts.Type(m.Parameters[0].Type).IsHandle : m.Parameters.IsEmpty && Contracts.Type(m.ContainingType).IsHandle);

    private void EvalNullTest(IInvocationOperation i)
    {
        Eval(i.Instance ?? i.Arguments[0].Value);
        foreach (World w in _s.Worlds)
            w.Push(NotNull(w.Pop()).Negate());
    }

    /// <summary>Evaluates arguments in the order they are written and gives them, by position of their parameters, for each world.</summary>
    private Operands[]? EvalArguments(ImmutableArray<IArgumentOperation> arguments, int parameters, IMethodSymbol? target = null)
    {
        foreach (IArgumentOperation a in arguments)
        {
            EvalArgument(a, target);
            if (!Reachable)
                return null;
        }

        var result = new Operands[_s.Worlds.Count];
        for (int i = 0; i < result.Length; i++)
        {
            World w = _s.Worlds[i];
            var values = parameters == 0 ? NoValues : new Value[parameters];
            for (int k = arguments.Length - 1; k >= 0; k--)
            {
                Value v = w.Pop();
                int ordinal = arguments[k].Parameter?.Ordinal ?? k;
                if (ordinal < values.Length)
                    values[ordinal] = v;
            }

            for (int k = 0; k < values.Length; k++)
                values[k] ??= Value.None;
            result[i] = new Operands(Value.None, values);
        }

        return result;
    }

    private void EvalArgument(IArgumentOperation a, IMethodSymbol? target)
    {
        RefKind kind = a.Parameter?.RefKind ?? RefKind.None;
        IOperation value = a.Value;
        while (value is IParenthesizedOperation p)
            value = p.Operand;
        bool storage = value is ILocalReferenceOperation or IParameterReferenceOperation or IFieldReferenceOperation or IArrayElementReferenceOperation
            or IPropertyReferenceOperation or IDeclarationExpressionOperation or IDiscardOperation;
        if (kind is RefKind.Ref or RefKind.Out && storage)
        {
            AccessKind access = Locks.ByRefAccess(target);
            Locate(value, access);
            if (access != AccessKind.None)
                CheckOwn(value, access);
            ByRef(value);
            return;
        }

        if (kind is RefKind.In or RefKind.RefReadOnly or RefKind.RefReadOnlyParameter && storage && value is not (IPropertyReferenceOperation or IDeclarationExpressionOperation))
        {
            AccessKind access = Locks.ByRefAccess(target) == AccessKind.None ? AccessKind.None : AccessKind.Read;
            Locate(value, access);
            CheckOwn(value, access);
            ByRef(value);
            return;
        }

        if (DelegateBody(value) is { } lambda && target is not null && ImmediateInvokers.Is(target, Settings.ImmediateInvokers))
        {
            LambdaCreated(lambda, value.Type, immediate: true);
            _s.Push(Value.None);
            return;
        }

        Eval(value);
    }

    private void ByRef(IOperation op)
    {
        var locations = new List<Obj?>();
        foreach (World w in _s.Worlds)
            locations.Add(w.Peek().Location);
        var aliases = new List<PtGuard?>();
        foreach (World w in _s.Worlds)
            aliases.Add(w.Peek().Alias);
        Content(op);
        for (int i = 0; i < locations.Count; i++)
        {
            World w = _s.Worlds[i];
            w.Push(w.Pop().WithLocation(aliases[i] is null ? locations[i] : null));
        }
    }

    private static IAnonymousFunctionOperation? DelegateBody(IOperation op)
    {
        while (op is IConversionOperation c)
            op = c.Operand;
        return op switch
        {
            IDelegateCreationOperation { Target: IAnonymousFunctionOperation f } => f,
            IAnonymousFunctionOperation f => f,
            _ => null,
        };
    }

    private void Creation(IObjectCreationOperation c)
    {
        IMethodSymbol? ctor = c.Constructor;
        Operands[]? operands = EvalArguments(c.Arguments, ctor?.Parameters.Length ?? c.Arguments.Length, ctor);
        if (!Reachable)
            return;
        bool handle = Contracts.Type(c.Type).IsHandle;
        bool isDefault = c.Type is { IsValueType: true } && c.Arguments.IsEmpty && c.Initializer is null && (ctor is null || ctor.IsImplicitlyDeclared);
        if (handle && isDefault)
        {
            _s.Push(Value.Null);
            return;
        }

        Obj created = Produce(handle ? ObjKind.Result : ObjKind.New, c.Syntax, c.Type);
        if (ctor is not null)
        {
            var site = new CallSite(ctor, Contracts.Of(ctor), c, c.Syntax);
            ApplyCall(site, new List<Operands>(operands!.Select(o => new Operands(Value.Of(created), o.Arguments))), c.Arguments, pushResult: false, created);
            if (!Reachable)
                return;
        }

        foreach (World w in _s.Worlds)
            w.Published = w.Published.Remove(created.Id);
        References.Created(created, c);
        _s.Push(Value.Of(created, unstable: true));
        if (c.Initializer is not null)
            Initializer(c.Initializer, created, c.Syntax);
    }

    private void Initializer(IObjectOrCollectionInitializerOperation init, Obj target, SyntaxNode site)
    {
        Obj temp = Objs.Get(ObjKind.Local, site: (site, "init"), type: target.Type);
        foreach (World w in _s.Worlds)
            w.Env = w.Env.Set(temp.Id, Value.Of(target));
        RunInitializer(init, temp);
        foreach (World w in _s.Worlds)
            w.Env = w.Env.Remove(temp.Id);
    }

    private void RunInitializer(IObjectOrCollectionInitializerOperation init, Obj temp)
    {
        _implicit.Push(temp);
        foreach (IOperation op in init.Initializers)
        {
            if (!Reachable)
                break;
            if (op is IMemberInitializerOperation m)
            {
                Eval(m.InitializedMember);
                if (!Reachable)
                    break;
                Obj inner = Objs.Get(ObjKind.Local, site: (m.Syntax, "init"), type: m.InitializedMember.Type);
                foreach (World w in _s.Worlds)
                    w.Env = w.Env.Set(inner.Id, w.Pop());
                RunInitializer(m.Initializer, inner);
                foreach (World w in _s.Worlds)
                    w.Env = w.Env.Remove(inner.Id);
            }
            else
            {
                EvalDrop(op);
            }
        }

        _implicit.Pop();
    }

    private void With(IWithOperation w)
    {
        Eval(w.Operand);
        _s.Drop();
        if (!Reachable)
            return;
        Obj clone = Produce(Contracts.Type(w.Type).IsHandle ? ObjKind.Result : ObjKind.New, w.Syntax, w.Type);
        _s.Push(Value.Of(clone, unstable: true));
        Initializer(w.Initializer, clone, w.Syntax);
    }

    private void EvalPatternMember(IOperation member)
    {
        switch (member)
        {
            case IFieldReferenceOperation f:
                ToMember(f.Field, f);
                CheckOwn(f, AccessKind.Read);
                Content(f);
                break;
            case IPropertyReferenceOperation p:
                ToMember(p.Property, p);
                CheckOwn(p, AccessKind.Read);
                Accessor(p, isSet: false);
                if (Reachable)
                    PropertyContent(p);
                break;
            default:
                _s.Drop();
                _s.Push(Value.None);
                break;
        }
    }

    /// <summary>A call the compiler makes; the receiver is on top of the stack and is consumed.</summary>
    private void ImplicitCall(IMethodSymbol m, IOperation op, SyntaxNode syntax)
    {
        if (!Reachable)
            return;
        Contract c = Contracts.Of(m);
        var list = new List<Operands>();
        foreach (World w in _s.Worlds)
        {
            Value v = w.Pop();
            bool extension = m.IsStatic && m.Parameters.Length > 0;
            list.Add(extension ? new Operands(Value.None, new[] { v }) : new Operands(v, NoValues));
        }

        if (c.IsEmpty && !Locks.InfersSleep(m) && !Locks.IsGuardDispose(m))
        {
            ThrowPoint(syntax);
            return;
        }

        ApplyCall(new CallSite(m, c, op, syntax), list, null, pushResult: false);
    }

    /// <summary>An operator or a user-defined conversion: its operands are on the stack.</summary>
    private void ImplicitOperands(IMethodSymbol m, IOperation op, int count)
    {
        if (!Reachable)
            return;
        var list = new List<Operands>();
        foreach (World w in _s.Worlds)
        {
            var values = new Value[m.Parameters.Length];
            for (int i = count - 1; i >= 0; i--)
            {
                Value v = w.Pop();
                if (i < values.Length)
                    values[i] = v;
            }

            for (int i = 0; i < values.Length; i++)
                values[i] ??= Value.None;
            list.Add(new Operands(Value.None, values));
        }

        ApplyCall(new CallSite(m, Contracts.Of(m), op, op.Syntax), list, null, pushResult: true);
    }

    /// <summary>Applies a call: what it needs, what it does, what it returns.</summary>
    /// <param name="site">The call.</param>
    /// <param name="operands">Receiver and arguments for each world.</param>
    /// <param name="arguments">The argument operations, where there are any.</param>
    /// <param name="pushResult">Whether a result is pushed.</param>
    /// <param name="created">The object a constructor makes.</param>
    internal void ApplyCall(CallSite site, List<Operands> operands, ImmutableArray<IArgumentOperation>? arguments, bool pushResult, Obj? created = null)
    {
        Locks.Requirements(site, operands, arguments);
        Locks.EscapeArguments(site, operands, arguments);
        ReturnCodes.UseArguments(site, operands, arguments);
        DirectMap.Before(site, operands);
        References.UseArguments(site, operands, arguments);
        PublishArguments(site, operands);
        if (!Locks.IsLockOperation(site))
            ThrowPointFor(site.Operation);
        References.Effects(site, operands, arguments);
        DirectMap.After(site, operands);

        ITypeSymbol? type = created?.Type ?? ResultType(site);
        bool task = TypeFacts.IsTask(site.Method.ReturnType);
        Obj? result = created;
        if (result is null && type is not null)
            result = Produce(ObjKind.Result, (site.Operation.Syntax, "call", site.Method.MethodKind), type);
        if (result is not null)
        {
            if (site.Contract.HasResultCond)
                result.IsLockOutcome = true;
            result.IsOutcome |= site.Contract.MustCheck || site.Contract.HasOutcomeArgument;
        }

        RebindByRef(site, operands, arguments, result);
        bool deferred = task && created is null && site.Contract.HasAcquire;
        Locks.Effects(site, operands, result, deferred);
        References.Result(site, operands, result, created);
        DirectMap.Result(site, operands, result);
        ReturnCodes.Result(site, result);
        if (pushResult)
        {
            for (int i = 0; i < _s.Worlds.Count; i++)
            {
                World w = _s.Worlds[i];
                Value v = References.ResultValue(site, operands[i], result) ?? LockResult(w, site, operands[i]) ?? Plain(result);
                if (deferred)
                    v = v.WithPending(new PendingAcquire(site, operands[i]));
                else if (site.Method.Name is "ConfigureAwait" or "AsTask" or "Preserve" && operands[i].Receiver.Pending is { } pending)
                    v = v.WithPending(pending);
                w.Push(v);
            }
        }

        if (Contracts.DoesNotReturn(site.Method))
            _s = new FlowState();
    }

    private static Value Plain(Obj? result)
    {
        if (result is null)
            return Value.None;
        return result.IsBoolean ? Value.Testing(TestKind.Truth, result, false, true) : Value.Of(result, unstable: true);
    }

    private Value? LockResult(World w, CallSite site, Operands o)
    {
        if (site.Contract.ReturnsLock is not { } path)
            return null;
        Obj? key = PathEvaluator.Resolve(this, w, path, o, null);
        return key is null ? null : Value.Of(key);
    }

    private static ITypeSymbol? ResultType(CallSite site)
    {
        IMethodSymbol m = site.Method;
        if (m.MethodKind == MethodKind.Constructor || m.ReturnsVoid)
            return null;
        return TypeFacts.Awaited(m.ReturnType);
    }

    private void RebindByRef(CallSite site, List<Operands> operands, ImmutableArray<IArgumentOperation>? arguments, Obj? result)
    {
        bool any = false;
        foreach (IParameterSymbol p in site.Method.Parameters)
            any |= p.RefKind is RefKind.Ref or RefKind.Out;
        if (!any || arguments is null)
            return;
        var dead = new HashSet<Obj>();
        foreach (IParameterSymbol p in site.Method.Parameters)
        {
            if (p.RefKind is not (RefKind.Ref or RefKind.Out))
                continue;
            ITypeSymbol? type = p.Type;
            if (p.RefKind == RefKind.Ref && IsCopied(type))
                continue;
            for (int i = 0; i < _s.Worlds.Count; i++)
            {
                if (operands[i].Argument(p.Ordinal).Location is not { } location || location.Kind == ObjKind.SomeElement)
                    continue;
                World w = _s.Worlds[i];
                References.Rebinding(w, location, site);
                Value old = w.Read(location);
                Obj o = Produce(ObjKind.Result, (site.Operation.Syntax, p.Ordinal), location.Type ?? type);
                w.Env = w.Env.Set(location.Id, IsCopied(type) ? Value.Of(o) : BooleanOr(o));
                w.Unread = w.Unread.Remove(location.Id);
                References.OutArgument(w, site, p, o);
                if (old.Kind == ValueKind.Test && old.Obj is not null)
                    dead.Add(old.Obj);
            }
        }

        References.OutOutcomes(site, operands, result);
        if (dead.Count != 0 && _s.Worlds.Count > 1)
            Forget(dead);
    }

    // As Settle, but without joining: the operands of the call in progress belong to the worlds as they are.
    private void Forget(HashSet<Obj> dead)
    {
        foreach (Obj o in dead)
        {
            foreach (World w in _s.Worlds)
            {
                if (!w.Names(o))
                    w.Facts = w.Facts.Remove(o.Id);
            }
        }
    }

    private void PublishArguments(CallSite site, List<Operands> operands)
    {
        for (int i = 0; i < _s.Worlds.Count; i++)
        {
            World w = _s.Worlds[i];
            for (int k = 0; k < operands[i].Arguments.Length; k++)
            {
                Value v = operands[i].Arguments[k];
                if (v.Kind == ValueKind.Obj && v.Obj is { } o && !DirectMap.KeepsPrivate(site, k))
                    PublishIn(w, o);
            }

            if (operands[i].Receiver is { Kind: ValueKind.Obj, Obj: { } r } && r.Kind != ObjKind.New && !DirectMap.KeepsPrivate(site, -1))
                DirectMap.PublishIn(w, r);
        }
    }

    internal void PublishIn(World w, Obj o)
    {
        DirectMap.PublishIn(w, o);
        if (o.Kind == ObjKind.New && w.Published[o.Id] is null)
            w.Published = w.Published.Set(o.Id, Bits.True);
    }

    /// <summary>The object on top of the stack gets where others can see it.</summary>
    internal void Publish()
    {
        foreach (World w in _s.Worlds)
        {
            if (w.Peek() is { Kind: ValueKind.Obj, Obj: { } o })
                PublishIn(w, o);
        }
    }
}
