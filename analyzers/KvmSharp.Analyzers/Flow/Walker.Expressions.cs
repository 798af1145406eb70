// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Linq;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Domains.Locks;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Expressions. Each evaluation pushes one value per world.</summary>
internal sealed partial class Walker
{
    private readonly Stack<Obj> _implicit = new();

    internal Obj LocalObj(ILocalSymbol local)
    {
        if (!_variables.TryGetValue(local, out Obj? o))
        {
            o = Objs.Get(ObjKind.Local, symbol: local, type: local.Type);
            _variables.Add(local, o);
        }

        return o;
    }

    internal Obj ParameterObj(IParameterSymbol p)
    {
        if (!_variables.TryGetValue(p, out Obj? o))
        {
            o = IsCaptured(p) ? MemberOf(This(), p) : Objs.Get(ObjKind.Parameter, symbol: p, type: p.Type);
            _variables.Add(p, o);
        }

        return o;
    }

    internal bool IsCaptured(IParameterSymbol p)
        => p.ContainingSymbol is IMethodSymbol { MethodKind: MethodKind.Constructor } ctor
            && ctor.DeclaringSyntaxReferences.Length == 1 && ctor.DeclaringSyntaxReferences[0].GetSyntax() is TypeDeclarationSyntax;

    internal void Eval(IOperation op)
    {
        if (!Reachable)
            return;
        OperationKind kind = op.Kind;
        if (kind is OperationKind.Literal && op.Type is { SpecialType: >= SpecialType.System_Char and <= SpecialType.System_String })
        {
            _s.Push(Value.None);
            return;
        }

        if (kind is not (OperationKind.FieldReference or OperationKind.Invocation or OperationKind.InterpolatedString) && op.ConstantValue is { HasValue: true } constant)
        {
            _s.Push(constant.Value switch
            {
                null => Value.Null,
                bool b => Value.Bool(b),
                _ => ReturnCodes.ConstantValue(op),
            });
            return;
        }

        switch (kind)
        {
            case OperationKind.Parenthesized:
                Eval(((IParenthesizedOperation)op).Operand);
                break;
            case OperationKind.PropertyReference:
                if (((IPropertyReferenceOperation)op).Instance is { } tested && PropertyTest((IPropertyReferenceOperation)op) is { } test)
                    EvalPropertyTest(tested, test.Kind, test.Negated);
                else
                    EvalRead(op);
                break;
            case OperationKind.LocalReference or OperationKind.ParameterReference or OperationKind.FieldReference or OperationKind.ArrayElementReference:
                EvalRead(op);
                break;
            case OperationKind.InstanceReference:
                EvalInstance((IInstanceReferenceOperation)op);
                break;
            case OperationKind.Invocation:
                Invocation((IInvocationOperation)op);
                break;
            case OperationKind.ObjectCreation:
                Creation((IObjectCreationOperation)op);
                break;
            case OperationKind.DelegateCreation:
                DelegateCreation((IDelegateCreationOperation)op);
                break;
            case OperationKind.AnonymousFunction:
                LambdaCreated((IAnonymousFunctionOperation)op, null, immediate: false);
                _s.Push(Value.None);
                break;
            case OperationKind.SimpleAssignment:
                SimpleAssignment((ISimpleAssignmentOperation)op);
                break;
            case OperationKind.CompoundAssignment:
                var compound = (ICompoundAssignmentOperation)op;
                Compound(compound.Target, compound.Value, compound.OperatorMethod, compound);
                break;
            case OperationKind.Increment or OperationKind.Decrement:
                var step = (IIncrementOrDecrementOperation)op;
                Compound(step.Target, null, step.OperatorMethod, step);
                break;
            case OperationKind.CoalesceAssignment:
                CoalesceAssignment((ICoalesceAssignmentOperation)op);
                break;
            case OperationKind.DeconstructionAssignment:
                Deconstruction((IDeconstructionAssignmentOperation)op);
                break;
            case OperationKind.Conversion:
                Conversion((IConversionOperation)op);
                break;
            case OperationKind.Unary:
                Unary((IUnaryOperation)op);
                break;
            case OperationKind.Binary:
                Binary((IBinaryOperation)op);
                break;
            case OperationKind.Conditional when ((IConditionalOperation)op).WhenFalse is not null:
                ConditionalValue((IConditionalOperation)op);
                break;
            case OperationKind.Coalesce:
                Coalesce((ICoalesceOperation)op);
                break;
            case OperationKind.ConditionalAccess:
                ConditionalAccess((IConditionalAccessOperation)op);
                break;
            case OperationKind.ConditionalAccessInstance:
                PushTemp(ConditionalInstance(op));
                break;
            case OperationKind.SwitchExpression:
                SwitchExpression((ISwitchExpressionOperation)op);
                break;
            case OperationKind.IsPattern:
                PushCondition(op);
                break;
            case OperationKind.IsType:
                EvalDrop(((IIsTypeOperation)op).ValueOperand);
                _s.Push(Value.None);
                break;
            case OperationKind.Await:
                Await((IAwaitOperation)op);
                break;
            case OperationKind.Throw:
                Throw((IThrowOperation)op);
                break;
            case OperationKind.TypeOf:
                ITypeSymbol operand = ((ITypeOfOperation)op).TypeOperand;
                _s.Push(Value.Of(Objs.Get(ObjKind.TypeOf, symbol: operand, type: operand)));
                break;
            case OperationKind.NameOf or OperationKind.SizeOf or OperationKind.OmittedArgument or OperationKind.Discard:
                _s.Push(Value.None);
                break;
            case OperationKind.DefaultValue:
                _s.Push(IsHandleLike(op.Type, Contracts) ? Value.Null : Value.None);
                break;
            case OperationKind.Tuple:
                foreach (IOperation e in ((ITupleOperation)op).Elements)
                    EvalEscaping(e, op);
                _s.Push(Value.None);
                break;
            case OperationKind.AnonymousObjectCreation:
                foreach (IOperation e in ((IAnonymousObjectCreationOperation)op).Initializers)
                    EvalEscaping(e is IAssignmentOperation s ? s.Value : e, op);
                _s.Push(Value.None);
                break;
            case OperationKind.ArrayCreation:
                ArrayCreation((IArrayCreationOperation)op);
                break;
            case OperationKind.AddressOf:
                IOperation reference = ((IAddressOfOperation)op).Reference;
                Locate(reference, AccessKind.Write);
                CheckOwn(reference, AccessKind.Write);
                _s.Drop();
                _s.Push(Value.None);
                break;
            case OperationKind.With:
                With((IWithOperation)op);
                break;
            case OperationKind.DeclarationExpression:
                Eval(((IDeclarationExpressionOperation)op).Expression);
                break;
            case OperationKind.EventReference or OperationKind.MethodReference:
                if (((IMemberReferenceOperation)op).Instance is { } receiver)
                    EvalDrop(receiver);
                _s.Push(Value.None);
                break;
            case OperationKind.EventAssignment:
                EventAssignment((IEventAssignmentOperation)op);
                break;
            default:
                Generic(op);
                break;
        }
    }

    private void EvalPropertyTest(IOperation tested, TestKind kind, bool negated)
    {
        Eval(tested);
        foreach (World w in _s.Worlds)
        {
            Value v = w.Pop();
            w.Push(v.Kind == ValueKind.Obj ? Value.Testing(kind, v.Obj!, negated, v.Unstable) : v.Kind == ValueKind.Null ? Value.Bool(negated) : Value.None);
        }
    }

    private void EvalEscaping(IOperation value, IOperation into)
    {
        Eval(value);
        References.Escapes(into);
        Publish();
        _s.Drop();
    }

    internal void EvalDrop(IOperation op)
    {
        Eval(op);
        _s.Drop();
    }

    // A property that says whether its receiver is an error, or null.
    private (TestKind Kind, bool Negated)? PropertyTest(IPropertyReferenceOperation p)
    {
        if (ReturnCodes.ErrorTest(p.Property) is { } kind)
            return (kind, false);
        if (TypeFacts.IsNullTestName(p.Property.Name) && p.Type?.SpecialType == SpecialType.System_Boolean && Contracts.Type(p.Property.ContainingType).IsHandle)
            return (TestKind.Truth, true);
        return null;
    }

    private void PushTemp(Obj temp)
    {
        foreach (World w in _s.Worlds)
            w.Push(w.Read(temp));
    }

    private Obj ConditionalInstance(IOperation op)
    {
        for (IOperation? p = op.Parent; p is not null; p = p.Parent)
        {
            if (p is IConditionalAccessOperation c && c.WhenNotNull.Syntax.Span.Contains(op.Syntax.Span) && !c.Operation.Syntax.Span.Contains(op.Syntax.Span))
                return Objs.Get(ObjKind.Local, site: (c.Syntax, "?."), type: c.Operation.Type);
            if (p is IConditionalAccessOperation c2 && IsUnder(op, c2.WhenNotNull))
                return Objs.Get(ObjKind.Local, site: (c2.Syntax, "?."), type: c2.Operation.Type);
        }

        return Objs.Get(ObjKind.Local, site: (op.Syntax, "?."), type: op.Type);
    }

    private static bool IsUnder(IOperation op, IOperation ancestor)
    {
        for (IOperation? p = op; p is not null; p = p.Parent)
        {
            if (ReferenceEquals(p, ancestor))
                return true;
        }

        return false;
    }

    // Operations without a meaning here: their parts are evaluated in order.
    private void Generic(IOperation op)
    {
        foreach (IOperation child in op.ChildOperations)
        {
            if (child is IBlockOperation b)
                Stmt(b);
            else
                EvalDrop(child);
            if (op is ICollectionExpressionOperation)
                continue;
        }

        _s.Push(op.Type?.SpecialType == SpecialType.System_Boolean ? Fresh(op) : Value.None);
    }

    /// <summary>A value nothing is known about, with an identity of its own.</summary>
    private Value Fresh(IOperation op)
    {
        if (op.Type is null or { SpecialType: SpecialType.System_Void })
            return Value.None;
        Obj o = Produce(ObjKind.Result, op.Syntax, op.Type);
        return o.IsBoolean ? Value.Testing(TestKind.Truth, o, false, true) : Value.Of(o, unstable: true);
    }

    private void EvalInstance(IInstanceReferenceOperation i)
    {
        switch (i.ReferenceKind)
        {
            case InstanceReferenceKind.ImplicitReceiver when _implicit.Count != 0:
                PushTemp(_implicit.Peek());
                break;
            case InstanceReferenceKind.PatternInput:
                foreach (World w in _s.Worlds)
                    w.Push(w.Peek());
                break;
            default:
                _s.Push(Value.Of(This()));
                break;
        }
    }

    // ---- storage -------------------------------------------------------------------------------------------------------------------

    /// <summary>Evaluates the parts of a storage expression and pushes its location. What it is stored in is checked on the way.</summary>
    internal void Locate(IOperation op, AccessKind access)
    {
        if (!Reachable)
            return;
        switch (op.Kind)
        {
            case OperationKind.Parenthesized:
                Locate(((IParenthesizedOperation)op).Operand, access);
                break;
            case OperationKind.LocalReference:
                ILocalSymbol variable = ((ILocalReferenceOperation)op).Local;
                Obj place = LocalObj(variable);
                bool byRef = variable.RefKind != RefKind.None;
                foreach (World w in _s.Worlds)
                    w.Push(byRef ? Value.At(Storage(w, place)).WithAlias(w.Read(place).Alias) : Value.At(place));

                break;
            case OperationKind.DeclarationExpression when op is IDeclarationExpressionOperation { Expression: ILocalReferenceOperation dl }:
                _s.Push(Value.At(LocalObj(dl.Local)));
                break;
            case OperationKind.ParameterReference:
                _s.Push(Value.At(ParameterObj(((IParameterReferenceOperation)op).Parameter)));
                break;
            case OperationKind.FieldReference:
                var f = (IFieldReferenceOperation)op;
                if (f.Field.IsStatic || f.Instance is null)
                {
                    _s.Push(Value.At(StaticOf(f.Field)));
                    break;
                }

                EvalOwner(f.Instance, f.Field.ContainingType, access);
                ToMember(f.Field, f);
                break;
            case OperationKind.PropertyReference:
                LocateProperty((IPropertyReferenceOperation)op, access);
                break;
            case OperationKind.EventReference:
                var e = (IEventReferenceOperation)op;
                if (e.Instance is null)
                {
                    _s.Push(Value.At(StaticOf(e.Event)));
                    break;
                }

                Eval(e.Instance);
                ToMember(e.Event, e);
                break;
            case OperationKind.ArrayElementReference:
                var a = (IArrayElementReferenceOperation)op;
                EvalOwner(a.ArrayReference, null, access);
                ThrowPointFor(a);
                ToElement(a.Indices);
                break;
            case OperationKind.Discard:
                _s.Push(Value.None);
                break;
            case OperationKind.InstanceReference:
                EvalInstance((IInstanceReferenceOperation)op);
                foreach (World w in _s.Worlds)
                {
                    Value v = w.Pop();
                    w.Push(Value.At(v.Obj));
                }

                break;
            case OperationKind.Tuple:
                foreach (IOperation element in ((ITupleOperation)op).Elements)
                {
                    Locate(element, access);
                    _s.Drop();
                }

                _s.Push(Value.None);
                break;
            case OperationKind.Conditional when op is IConditionalOperation { IsRef: true, WhenFalse: not null } c:
                EvalDrop(c.Condition);
                Locate(c.WhenTrue, access);
                CheckOwn(c.WhenTrue, access);
                _s.Drop();
                Locate(c.WhenFalse!, access);
                break;
            case OperationKind.SimpleAssignment when ((ISimpleAssignmentOperation)op).IsRef:
                EvalDrop(op);
                _s.Push(Value.None);
                break;
            default:
                Eval(op);
                foreach (World w in _s.Worlds)
                {
                    Value v = w.Pop();
                    w.Push(Value.At(v.Kind == ValueKind.Obj && IsCopied(op.Type) ? v.Obj : null));
                }

                break;
        }
    }

    /// <summary>The object a member is taken from: a struct and an array are part of the storage they are in, everything else is read.</summary>
    private void EvalOwner(IOperation instance, INamedTypeSymbol? memberType, AccessKind access)
    {
        while (instance is IParenthesizedOperation p)
            instance = p.Operand;
        bool part = memberType is null ? instance.Type is IArrayTypeSymbol : IsCopied(instance.Type) || instance.Type is ITypeParameterSymbol { HasReferenceTypeConstraint: false };
        if (!part || instance is not (IFieldReferenceOperation or ILocalReferenceOperation or IParameterReferenceOperation or IArrayElementReferenceOperation or IPropertyReferenceOperation or IInstanceReferenceOperation))
        {
            Eval(instance);
            return;
        }

        if (instance is IPropertyReferenceOperation { Property.RefKind: RefKind.None })
        {
            if (memberType is not null)
            {
                Eval(instance);
                return;
            }

            Locate(instance, access);
            CheckOwn(instance, access);
            Accessor((IPropertyReferenceOperation)instance, isSet: false);
            Content(instance);
            return;
        }

        Locate(instance, access);
        CheckOwn(instance, access);
        if (access == AccessKind.Read && instance is ILocalReferenceOperation local)
            ReturnCodes.ReadLocal(local.Local);
        Content(instance);
    }

    /// <summary>Replaces the location on top of the stack by what is stored there.</summary>
    private void Content(IOperation op)
    {
        DataContract? data = MemberSymbol(op) is { } m ? Contracts.Data(m) : null;
        foreach (World w in _s.Worlds)
        {
            Value at = w.Pop();
            if (at.Location is not { } location)
            {
                w.Push(Value.None);
                continue;
            }

            Value v = w.Env[location.Id] ?? (IsBooleanVariable(location) ? Value.Testing(TestKind.Truth, location, false, false) : Value.Of(location));
            if (location.Kind == ObjKind.SomeElement || at.Unstable)
                v = v.AsUnstable();
            if (data is { PtGuardedBy.IsEmpty: false, Unsafe: false })
                v = v.WithGuard(new PtGuard(MemberSymbol(op)!, location.Parent ?? (location.Kind == ObjKind.Static ? null : location)));
            w.Push(v);
        }
    }

    private static bool IsBooleanVariable(Obj o) => o.IsBoolean && o.Kind is ObjKind.Local or ObjKind.Parameter && o.IsBoolean;

    internal static ISymbol? MemberSymbol(IOperation op) => op.Kind switch
    {
        OperationKind.Parenthesized => MemberSymbol(((IParenthesizedOperation)op).Operand),
        OperationKind.FieldReference => ((IFieldReferenceOperation)op).Field,
        OperationKind.PropertyReference => ((IPropertyReferenceOperation)op).Property,
        OperationKind.ParameterReference => ((IParameterReferenceOperation)op).Parameter,
        OperationKind.EventReference => ((IEventReferenceOperation)op).Event,
        _ => null,
    };

    private void ToMember(ISymbol member, IOperation op)
    {
        foreach (World w in _s.Worlds)
        {
            Value owner = w.Pop();
            Obj parent = owner.Kind == ValueKind.Obj ? owner.Obj! : Objs.Get(ObjKind.Result, site: (op.Syntax, "owner"));
            Value v = Value.At(MemberOf(parent, member)).WithGuard(owner.Guard);
            w.Push(owner.Unstable || owner.Kind != ValueKind.Obj ? v.AsUnstable() : v);
        }
    }

    private void ToElement(IEnumerable<IOperation> indices)
    {
        int n = 0;
        bool stable = true;
        var constants = new List<object>();
        foreach (IOperation i in indices)
        {
            Eval(i);
            n++;
            IOperation index = i;
            while (index is IConversionOperation { OperatorMethod: null } c)
                index = c.Operand;
            if (index.ConstantValue is { HasValue: true, Value: { } k })
                constants.Add(k.ToString());
            else
                stable &= index is ILocalReferenceOperation or IParameterReferenceOperation;
        }

        foreach (World w in _s.Worlds)
        {
            Obj? key = null;
            for (int i = 0; i < n; i++)
            {
                Value v = w.Pop();
                if (v.Kind == ValueKind.Obj)
                    key = v.Obj;
            }

            Value owner = w.Pop();
            if (owner.Kind != ValueKind.Obj)
            {
                w.Push(Value.None.WithGuard(owner.Guard));
                continue;
            }

            ITypeSymbol? type = TypeFacts.ElementType(owner.Obj!.Type);
            bool named = stable && n == 1 && (constants.Count == 1 || key is not null);
            Obj o = named
                ? Objs.Get(ObjKind.Element, owner.Obj, site: constants.Count == 1 ? constants[0] : null, index: constants.Count == 1 ? null : key, type: type)
                : Objs.Get(ObjKind.SomeElement, owner.Obj, type: type);
            Value at = Value.At(o).WithGuard(owner.Guard);
            w.Push(owner.Unstable ? at.AsUnstable() : at);
        }
    }

    private void LocateProperty(IPropertyReferenceOperation p, AccessKind access)
    {
        if (p.Instance is null)
        {
            foreach (IArgumentOperation a in p.Arguments)
                EvalDrop(a.Value);
            _s.Push(Value.At(StaticOf(p.Property)));
            return;
        }

        IMethodSymbol? accessor = access == AccessKind.Write && p.Property.RefKind == RefKind.None ? p.Property.SetMethod ?? p.Property.GetMethod : p.Property.GetMethod;
        EvalReceiver(p.Instance, accessor);
        References.UseTop(p);
        ReturnCodes.UseTop(p.Instance, p);
        if (!p.Arguments.IsEmpty)
            ToElement(p.Arguments.Select(static a => a.Value));
        else
            ToMember(p.Property, p);
    }

    /// <summary>Evaluates the receiver of a call: a struct is storage that a member may write.</summary>
    private void EvalReceiver(IOperation instance, IMethodSymbol? method)
    {
        while (instance is IParenthesizedOperation p)
            instance = p.Operand;
        bool part = IsCopied(instance.Type) && method?.ContainingType is { IsValueType: true };
        if (!part || instance is not (IFieldReferenceOperation or ILocalReferenceOperation or IParameterReferenceOperation or IArrayElementReferenceOperation or IInstanceReferenceOperation))
        {
            Eval(instance);
            return;
        }

        AccessKind access = IsReadOnlyMember(method!) ? AccessKind.Read : AccessKind.Write;
        if (access == AccessKind.Write && Function.Method is { IsReadOnly: true } && instance is IFieldReferenceOperation { Instance: IInstanceReferenceOperation } own)
            Model.Checks.TakenReadOnly(own.Field, d => _sticky.Add(d));
        Locate(instance, access);
        CheckOwn(instance, access);
        if (instance is ILocalReferenceOperation local)
            ReturnCodes.ReadLocal(local.Local);
        Content(instance);
    }

    private static bool IsReadOnlyMember(IMethodSymbol m)
    {
        if (m.IsReadOnly || m.ContainingType.IsReadOnly || m.IsStatic)
            return true;
        if (m is { MethodKind: MethodKind.PropertyGet, AssociatedSymbol: IPropertySymbol p })
        {
            foreach (ISymbol s in p.ContainingType.GetMembers())
            {
                if (s is IFieldSymbol { AssociatedSymbol: { } a } && SymbolEqualityComparer.Default.Equals(a, p.OriginalDefinition))
                    return true;
                if (s is IFieldSymbol { AssociatedSymbol: { } b } && SymbolEqualityComparer.Default.Equals(b, p))
                    return true;
            }

            return p.ContainingType.SpecialType != SpecialType.None;
        }

        return false;
    }

    /// <summary>Checks the guard of the storage whose location is on top of the stack.</summary>
    internal void CheckOwn(IOperation op, AccessKind access)
    {
        while (op is IParenthesizedOperation p)
            op = p.Operand;
        if (!Reachable || access == AccessKind.None)
            return;
        Locks.CheckAccess(op, access);
    }

    private void EvalRead(IOperation op)
    {
        Locate(op, AccessKind.Read);
        if (!Reachable)
            return;
        if (op is IFieldReferenceOperation f)
        {
            if (f.Field.IsConst)
            {
                _s.Drop();
                _s.Push(ReturnCodes.ConstantValue(op));
                return;
            }

            if (f.Instance is not null)
            {
                References.UseOwner(f);
                ReturnCodes.UseOwner(f);
            }
        }

        CheckOwn(op, AccessKind.Read);
        if (op is IPropertyReferenceOperation p)
        {
            Accessor(p, isSet: false);
            if (!Reachable)
                return;
            PropertyContent(p);
            return;
        }

        if (op is ILocalReferenceOperation l)
            ReturnCodes.ReadLocal(l.Local);
        Content(op);
        References.ReadFrom(op);
    }

    private void PropertyContent(IPropertyReferenceOperation p)
    {
        Contract get = Contracts.Of(p.Property.GetMethod);
        if (get.ReturnsLock is { } path)
        {
            foreach (World w in _s.Worlds)
            {
                Value at = w.Pop();
                Obj? owner = at.Location?.Parent;
                Obj? o = PathEvaluator.Resolve(this, w, path, new Operands(owner is null ? Value.None : Value.Of(owner), System.Array.Empty<Value>()), null);
                w.Push(o is null ? Value.None : Value.Of(o, at.Unstable));
            }

            return;
        }

        bool outcome = get.MustCheck || get.HasCond || get.ReturnsReference || get.ErrorPointer;
        if (outcome)
        {
            // The accessor call has pushed its result over the location.
            foreach (World w in _s.Worlds)
            {
                Value result = w.Pop();
                w.Pop();
                w.Push(result);
            }

            return;
        }

        Content(p);
        References.ReadFrom(p);
    }

    /// <summary>Applies the contract of a property accessor. The location stays on the stack; a result that matters lies above it.</summary>
    private void Accessor(IPropertyReferenceOperation p, bool isSet)
    {
        IMethodSymbol? m = isSet ? p.Property.SetMethod : p.Property.GetMethod;
        m ??= (p.Property.OverriddenProperty is { } o) ? (isSet ? o.SetMethod : o.GetMethod) : null;
        if (m is null || !Reachable)
            return;
        ThrowPointFor(p);
        Contract c = Contracts.Of(m);
        bool inferred = Locks.InfersSleep(m);
        if (c.IsEmpty && !inferred)
            return;
        Value? assigned = null;
        var operands = new List<Operands>();
        foreach (World w in _s.Worlds)
        {
            if (isSet)
                assigned = w.Peek();
            Value at = isSet ? w.Stack?.Next?.Value ?? Value.None : w.Peek();
            Obj? parent = at.Location?.Parent;
            Value receiver = parent is null ? Value.None : at.Unstable ? Value.Of(parent, true) : Value.Of(parent);
            operands.Add(new Operands(receiver, isSet ? new[] { assigned ?? Value.None } : System.Array.Empty<Value>()));
        }

        var site = new CallSite(m, c, p, p.Syntax);
        bool outcome = !isSet && (c.MustCheck || c.HasCond || c.ReturnsReference || c.ErrorPointer);
        ApplyCall(site, operands, null, isSet ? false : outcome && c.ReturnsLock is null);
    }

    private void ThrowPointFor(IOperation op)
    {
        if (_try is not null || Settings.ExceptionalExits == "all")
            ThrowPoint(op.Syntax);
    }

    // ---- assignments ---------------------------------------------------------------------------------------------------------------

    private void SimpleAssignment(ISimpleAssignmentOperation a)
    {
        if (a.Target is IDiscardOperation)
        {
            ReturnCodes.ExplicitDiscard(a.Value);
            Eval(a.Value);
            return;
        }

        if (a.IsRef)
        {
            Locate(a.Target, AccessKind.None);
            _s.Drop();
            if (a.Target is ILocalReferenceOperation { Local: { } refLocal })
            {
                _s.Push(Value.At(LocalObj(refLocal)));
                EvalRefInitializer(a.Value, refLocal);
                Assign(null, refLocal, a.Value, a.Syntax, isDeclaration: true);
            }
            else
            {
                Eval(a.Value);
            }

            return;
        }

        Locate(a.Target, AccessKind.Write);
        Eval(a.Value);
        Assign(a.Target, null, a.Value, a.Syntax, isDeclaration: false);
    }

    /// <summary>Stores the value on top of the stack at the location below it, and leaves the value.</summary>
    private void Assign(IOperation? target, ILocalSymbol? declared, IOperation? valueOperation, SyntaxNode at, bool isDeclaration)
    {
        if (!Reachable)
            return;
        while (target is IParenthesizedOperation paren)
            target = paren.Operand;
        if (target is IPropertyReferenceOperation p && p.Property.RefKind == RefKind.None)
            Accessor(p, isSet: true);
        if (!Reachable)
            return;
        if (target is not null)
        {
            // Swap so that the location is on top for the check.
            foreach (World w in _s.Worlds)
            {
                Value v = w.Pop(), l = w.Pop();
                w.Push(v);
                w.Push(l);
            }

            if (target is IFieldReferenceOperation { Instance: not null } f)
                References.UseOwner(f);
            CheckOwn(target, AccessKind.Write);
            foreach (World w in _s.Worlds)
            {
                Value l = w.Pop(), v = w.Pop();
                w.Push(l);
                w.Push(v);
            }
        }

        ITypeSymbol? type = declared?.Type ?? target?.Type;
        bool isRefLocal = declared is { RefKind: not RefKind.None } && isDeclaration;
        ISymbol? member = target is null ? declared : MemberSymbol(target);
        Locks.Storing(target, member, at, valueOperation);
        References.Storing(target, declared, member, at, valueOperation, isDeclaration);
        DirectMap.Storing(target);
        ReturnCodes.Storing(target, declared, valueOperation);
        var dead = new HashSet<Obj>();
        foreach (World w in _s.Worlds)
        {
            Value v = w.Pop(), l = w.Pop();
            if (l.Location is { } location && l.Alias is null)
                StoreIn(w, location, v, type, at, isRefLocal, dead);
            w.Push(v);
        }

        Settle(dead, at);
    }

    private void StoreIn(World w, Obj location, Value v, ITypeSymbol? type, SyntaxNode at, bool isRefLocal, HashSet<Obj> dead)
    {
        if (location.Kind == ObjKind.SomeElement)
            return;
        Value old = w.Env[location.Id] ?? (location.IsBoolean ? Value.Testing(TestKind.Truth, location, false, false) : Value.Of(location));
        Value stored;
        if (isRefLocal)
        {
            // A lock that is a struct is its storage, under whatever name.
            bool isLock = type is { IsValueType: true } && (TypeFacts.IsDotNetLock(type) || Contracts.Type(type).IsLock);
            stored = Value.Of(isLock && v.Location is { } storage ? storage : location).WithAlias(v.Alias);
        }
        else if (IsCopied(type))
        {
            stored = Value.Of(Produce(ObjKind.Result, (at, location), type));
        }
        else if (v.Kind == ValueKind.None)
        {
            Obj o = Produce(ObjKind.Result, (at, location), type);
            stored = (o.IsBoolean ? Value.Testing(TestKind.Truth, o, false, false) : Value.Of(o)).WithErrno(v.Errno).WithGuard(v.Guard).WithPending(v.Pending);
        }
        else
        {
            stored = v.WithLocation(null).Named();
        }

        // b = !b keeps what b tells, but a lock that is held if b is not held if the new b: it is told by nothing any more.
        if (old.Kind == ValueKind.Test && stored.Kind == ValueKind.Test && ReferenceEquals(old.Obj, stored.Obj) && TellsLocks(old.Obj!))
            stored = Value.Testing(TestKind.Truth, Produce(ObjKind.Result, (at, location), type), false, false);
        w.Env = w.Env.Set(location.Id, stored);
        if (old.Kind == ValueKind.Test && old.Obj is { } gone && !ReferenceEquals(gone, stored.Obj))
            dead.Add(gone);
    }

    private bool TellsLocks(Obj o)
    {
        foreach (World a in _s.Worlds)
        {
            foreach (World b in _s.Worlds)
            {
                if (a.Facts[o.Id] is { } x && b.Facts[o.Id] is { } y && !Bits.Same(x, y) && !a.SameHard(b))
                    return true;
            }
        }

        return false;
    }

    // Facts about values that no variable holds any more are forgotten; a lock that was HeldIf on one of them is KS1009 here.
    private void Settle(HashSet<Obj> dead, SyntaxNode at)
    {
        if (dead.Count == 0)
            return;
        foreach (Obj o in dead)
        {
            foreach (World w in _s.Worlds)
            {
                if (w.Facts[o.Id] is null)
                    continue;
                if (!w.Names(o))
                    w.Facts = w.Facts.Remove(o.Id);
            }
        }

        _s = Joiner.Normalize(_s, at);
    }

    private void Compound(IOperation target, IOperation? value, IMethodSymbol? operatorMethod, IOperation op)
    {
        Locate(target, AccessKind.Write);
        if (!Reachable)
            return;
        if (target is IPropertyReferenceOperation p)
            Accessor(p, isSet: false);
        if (!Reachable)
            return;
        foreach (World w in _s.Worlds)
        {
            // An accessor with an outcome leaves a result; only the location is wanted.
            while (w.Peek().Location is null && w.Depth > 1 && target is IPropertyReferenceOperation && w.Stack!.Next!.Value.Location is not null)
                w.Pop();
        }

        if (target is ILocalReferenceOperation l)
            ReturnCodes.ReadLocal(l.Local);
        if (value is not null)
            EvalDrop(value);
        if (operatorMethod is not null && Reachable)
        {
            ImplicitOperands(operatorMethod, op, 0);
            _s.Drop();
        }

        _s.Push(op.Type?.SpecialType == SpecialType.System_Boolean ? Fresh(op).Named() : Value.None);
        Assign(target, null, value, op.Syntax, isDeclaration: false);
    }

    private void CoalesceAssignment(ICoalesceAssignmentOperation c)
    {
        // One write, whichever way it goes.
        Locate(c.Target, AccessKind.Write);
        if (!Reachable)
            return;
        CheckOwn(c.Target, AccessKind.Write);
        if (c.Target is IPropertyReferenceOperation p)
            Accessor(p, isSet: false);
        Obj temp = Objs.Get(ObjKind.Local, site: (c.Syntax, "??="), type: c.Target.Type);
        foreach (World w in _s.Worlds)
        {
            Value location = w.Peek();
            w.Env = w.Env.Set(temp.Id, location);
            Value content = location.Location is { } l ? w.Read(l) : Value.None;
            w.Pop();
            w.Push(content);
            w.Push(NotNull(content));
        }

        var (notNull, isNull) = SplitTop();
        _s = isNull;
        _s.Drop();
        foreach (World w in _s.Worlds)
            w.Push(w.Read(temp));
        Eval(c.Value);
        if (Reachable)
            AssignChecked(c.Target, c.Value, c.Syntax);
        _s = Join(notNull, _s);
        foreach (World w in _s.Worlds)
            w.Env = w.Env.Remove(temp.Id);
    }

    private void AssignChecked(IOperation target, IOperation value, SyntaxNode at)
    {
        if (target is IPropertyReferenceOperation p)
            Accessor(p, isSet: true);
        Locks.Storing(target, MemberSymbol(target), at, value);
        References.Storing(target, null, MemberSymbol(target), at, value, isDeclaration: false);
        ReturnCodes.Storing(target, null, value);
        var dead = new HashSet<Obj>();
        foreach (World w in _s.Worlds)
        {
            Value v = w.Pop(), l = w.Pop();
            if (l.Location is { } location)
                StoreIn(w, location, v, target.Type, at, false, dead);
            w.Push(v);
        }

        Settle(dead, at);
    }

    private void Deconstruction(IDeconstructionAssignmentOperation d)
    {
        if (d.Value is ITupleOperation values && Flatten(d.Target) is { } targets && targets.Count == values.Elements.Length)
        {
            foreach (IOperation t in targets)
                Locate(t, AccessKind.Write);
            foreach (IOperation v in values.Elements)
                Eval(v);
            if (!Reachable)
                return;
            int n = targets.Count;
            var rows = new List<(Value[] Locations, Value[] Values)>();
            foreach (World w in _s.Worlds)
            {
                var vs = new Value[n];
                var ls = new Value[n];
                for (int i = n - 1; i >= 0; i--)
                    vs[i] = w.Pop();
                for (int i = n - 1; i >= 0; i--)
                    ls[i] = w.Pop();
                w.Push(Value.None);
                rows.Add((ls, vs));
            }

            if (rows.Count == 1)
            {
                for (int i = 0; i < n; i++)
                {
                    foreach (World w in _s.Worlds)
                    {
                        w.Push(rows[0].Locations[i]);
                        w.Push(rows[0].Values[i]);
                    }

                    AssignOne(targets[i], values.Elements[i], d.Syntax);
                    _s.Drop();
                }
            }
            else
            {
                for (int i = 0; i < n; i++)
                {
                    Locate(targets[i], AccessKind.Write);
                    _s.Push(Value.None);
                    AssignOne(targets[i], values.Elements[i], d.Syntax);
                    _s.Drop();
                }
            }

            return;
        }

        Eval(d.Value);
        if (Reachable && d.Syntax is AssignmentExpressionSyntax assignment && Semantics.GetDeconstructionInfo(assignment).Method is { } deconstruct)
            ImplicitCall(deconstruct, d, d.Syntax);
        else
            _s.Drop();
        foreach (IOperation t in Flatten(d.Target) ?? new List<IOperation>())
        {
            Locate(t, AccessKind.Write);
            _s.Push(Value.None);
            AssignOne(t, null, d.Syntax);
            _s.Drop();
        }

        _s.Push(Value.None);
    }

    private void AssignOne(IOperation target, IOperation? value, SyntaxNode at)
    {
        while (target is IParenthesizedOperation p)
            target = p.Operand;
        if (target is ILocalReferenceOperation l && l.IsDeclaration)
            Assign(null, l.Local, value, at, isDeclaration: true);
        else if (target is not IDiscardOperation)
            Assign(target, null, value, at, isDeclaration: false);
        else
            foreach (World w in _s.Worlds)
                w.Push(w.Pop().Kind == ValueKind.None ? w.Pop() : w.Pop());
    }

    private static List<IOperation>? Flatten(IOperation target)
    {
        while (target is IDeclarationExpressionOperation d)
            target = d.Expression;
        if (target is not ITupleOperation t)
            return null;
        var list = new List<IOperation>();
        foreach (IOperation e in t.Elements)
        {
            IOperation x = e;
            while (x is IDeclarationExpressionOperation d)
                x = d.Expression;
            if (x is ITupleOperation)
                list.AddRange(Flatten(x)!);
            else
                list.Add(x);
        }

        return list;
    }

    private static Obj Storage(World w, Obj refLocal) => w.Env[refLocal.Id] is { Kind: ValueKind.Obj, Obj: { Kind: not ObjKind.Phi } storage } ? storage : refLocal;

    private void EvalRefInitializer(IOperation value, ILocalSymbol local)
    {
        while (value is IParenthesizedOperation p)
            value = p.Operand;
        if (value is IFieldReferenceOperation or IArrayElementReferenceOperation or IParameterReferenceOperation or ILocalReferenceOperation)
        {
            // Binding is no access; each use of the local is.
            Locate(value, AccessKind.None);
            ISymbol? symbol = GuardedStorage(value);
            foreach (World w in _s.Worlds)
            {
                Value at = w.Pop();
                PtGuard? alias = at.Alias;
                if (alias is null && symbol is not null)
                    alias = new PtGuard(symbol, OwnerOf(at.Location, symbol));
                w.Push(at.WithAlias(alias));
            }

            return;
        }

        Eval(value);
    }

    private static Obj? OwnerOf(Obj? location, ISymbol symbol)
    {
        for (Obj? o = location; o is not null; o = o.Parent)
        {
            if (o.Kind is ObjKind.Member && o.Symbol!.Name == symbol.Name)
                return o.Parent;
        }

        return null;
    }

    private ISymbol? GuardedStorage(IOperation value)
    {
        for (IOperation? v = value; v is not null;)
        {
            if (MemberSymbol(v) is { } m && Contracts.Data(m) is { GuardedBy.IsEmpty: false, Unsafe: false })
                return m;
            v = v switch
            {
                IFieldReferenceOperation f when IsCopied(f.Instance?.Type) => f.Instance,
                IArrayElementReferenceOperation a => a.ArrayReference,
                _ => null,
            };
        }

        return null;
    }

    private void EvalFixedInitializer(IOperation value)
    {
        IOperation v = value;
        while (v is IConversionOperation or { Kind: OperationKind.None, ChildOperations.Count: 1 })
            v = v is IConversionOperation c ? c.Operand : v.ChildOperations.First();
        if (v is IAddressOfOperation a)
            v = a.Reference;
        if (v is IFieldReferenceOperation or IArrayElementReferenceOperation or IParameterReferenceOperation or IPropertyReferenceOperation)
        {
            Locate(v, AccessKind.Write);
            CheckOwn(v, AccessKind.Write);
            _s.Drop();
            _s.Push(Value.None);
            return;
        }

        Eval(value);
    }

    private void EvalRefReturn(IOperation value)
    {
        while (value is IParenthesizedOperation p)
            value = p.Operand;
        if (value is IFieldReferenceOperation or IArrayElementReferenceOperation or ILocalReferenceOperation { Local.RefKind: not RefKind.None })
        {
            Locate(value, AccessKind.None);
            Locks.ReturnRef(value, GuardedStorage(value));
            _s.Drop();
            _s.Push(Value.None);
            return;
        }

        Eval(value);
    }

    // ---- operators -----------------------------------------------------------------------------------------------------------------

    private void Conversion(IConversionOperation c)
    {
        Eval(c.Operand);
        if (!Reachable)
            return;
        if (c.OperatorMethod is { } m)
        {
            ImplicitOperands(m, c, 1);
            return;
        }

        bool keeps = c.Type is null || c.Operand.Type is null || c.Type.IsReferenceType || c.Type is ITypeParameterSymbol or IPointerTypeSymbol
            || SymbolEqualityComparer.Default.Equals(c.Type, c.Operand.Type)
            || c.Type.OriginalDefinition.SpecialType == SpecialType.System_Nullable_T || IsNumber(c.Type)
            || c.Operand.Type is { IsReferenceType: true };
        if (!keeps)
        {
            _s.Drop();
            _s.Push(Value.None);
        }
        else if (c.Operand.ConstantValue is { HasValue: true, Value: null } && Contracts.Type(c.Type).IsHandle)
        {
            _s.Drop();
            _s.Push(Value.Null);
        }
    }

    private void Unary(IUnaryOperation u)
    {
        if (u is { OperatorKind: UnaryOperatorKind.Not, OperatorMethod: null } && u.Type?.SpecialType == SpecialType.System_Boolean)
        {
            Eval(u.Operand);
            foreach (World w in _s.Worlds)
                w.Push(w.Pop().Negate());
            return;
        }

        Eval(u.Operand);
        if (u.OperatorMethod is { } m && Reachable)
        {
            ImplicitOperands(m, u, 1);
            return;
        }

        _s.Drop();
        _s.Push(Value.None);
    }

    private void Binary(IBinaryOperation b)
    {
        if (b.OperatorKind is BinaryOperatorKind.ConditionalAnd or BinaryOperatorKind.ConditionalOr && b.OperatorMethod is null)
        {
            PushCondition(b);
            return;
        }

        Eval(b.LeftOperand);
        Eval(b.RightOperand);
        if (!Reachable)
            return;
        bool handle = Contracts.Type(b.LeftOperand.Type).IsHandle || Contracts.Type(b.RightOperand.Type).IsHandle;
        if (b.OperatorMethod is { } m && m.ContainingType.SpecialType == SpecialType.None && !TypeFacts.IsIn(m, "System")
            && !(handle && b.OperatorKind is BinaryOperatorKind.Equals or BinaryOperatorKind.NotEquals))
        {
            bool isNullTest = b.OperatorKind is BinaryOperatorKind.Equals or BinaryOperatorKind.NotEquals
                && _s.Any(static w => w.Peek().Kind == ValueKind.Null || w.Stack!.Next!.Value.Kind == ValueKind.Null);
            if (!isNullTest)
            {
                ImplicitOperands(m, b, 2);
                return;
            }
        }

        ComparePop(b.OperatorKind, b.RightOperand);
        if (b.Type?.SpecialType == SpecialType.System_Boolean && _s.Any(static w => w.Peek().Kind == ValueKind.None))
        {
            Value fresh = Fresh(b);
            foreach (World w in _s.Worlds)
            {
                if (w.Peek().Kind == ValueKind.None)
                {
                    w.Pop();
                    w.Push(fresh);
                }
            }
        }
    }

    private void ConditionalValue(IConditionalOperation c)
    {
        if (c.Type?.SpecialType == SpecialType.System_Boolean)
        {
            PushCondition(c);
            return;
        }

        var (t, f) = Cond(c.Condition);
        _s = t;
        Eval(c.WhenTrue);
        t = _s;
        _s = f;
        Eval(c.WhenFalse!);
        _s = Join(t, _s);
    }

    private void Coalesce(ICoalesceOperation c)
    {
        Eval(c.Value);
        foreach (World w in _s.Worlds)
            w.Push(NotNull(w.Peek()));
        var (t, f) = SplitTop();
        _s = f;
        _s.Drop();
        Eval(c.WhenNull);
        _s = Join(t, _s);
    }

    private void ConditionalAccess(IConditionalAccessOperation c)
    {
        Eval(c.Operation);
        if (!Reachable)
            return;
        Obj temp = Objs.Get(ObjKind.Local, site: (c.Syntax, "?."), type: c.Operation.Type);
        foreach (World w in _s.Worlds)
        {
            Value v = w.Pop();
            w.Env = w.Env.Set(temp.Id, v);
            w.Push(NotNull(v));
        }

        var (t, f) = SplitTop();
        _s = t;
        Eval(c.WhenNotNull);
        f.Push(Value.Null);
        _s = Join(_s, f);
        foreach (World w in _s.Worlds)
            w.Env = w.Env.Remove(temp.Id);
    }

    private void SwitchExpression(ISwitchExpressionOperation s)
    {
        Eval(s.Value);
        if (!Reachable)
            return;
        Obj temp = Objs.Get(ObjKind.Local, site: (s.Syntax, "switch"), type: s.Value.Type);
        foreach (World w in _s.Worlds)
            w.Env = w.Env.Set(temp.Id, w.Pop());
        FlowState rest = _s;
        FlowState result = new();
        foreach (ISwitchExpressionArmOperation arm in s.Arms)
        {
            _s = rest;
            if (!Reachable)
                break;
            foreach (World w in _s.Worlds)
                w.Push(w.Read(temp));
            var (t, f) = MatchTop(arm.Pattern, s.Value.Type);
            if (arm.Guard is not null)
            {
                _s = t;
                var (gt, gf) = Cond(arm.Guard);
                f = Join(f, gf);
                t = gt;
            }

            rest = f;
            _s = t;
            Eval(arm.Value);
            result = Join(result, _s);
        }

        _s = result;
        foreach (World w in _s.Worlds)
            w.Env = w.Env.Remove(temp.Id);
    }

    private void Await(IAwaitOperation a)
    {
        Eval(a.Operation);
        if (!Reachable)
            return;
        if (a.Syntax is AwaitExpressionSyntax syntax)
            AwaitPattern(a, Semantics.GetAwaitExpressionInfo(syntax));
        ThrowPointFor(a);
        Locks.Await(a.Syntax, CanSuspend(a.Operation));
        Locks.AwaitedResult(a);
        References.Awaited(a);
    }

    // The members of an awaiter that is not one of .NET are calls like any other.
    private void AwaitPattern(IAwaitOperation a, AwaitExpressionInfo info)
    {
        if (info.GetAwaiterMethod is not { } getAwaiter || TypeFacts.IsTask(getAwaiter.ContainingType))
            return;
        if (!Contracts.Of(getAwaiter).IsEmpty)
        {
            PushInput();
            ImplicitCall(getAwaiter, a, a.Syntax);
        }

        if (info.IsCompletedProperty?.GetMethod is { } completed)
            AwaitMember(completed, a);
        if (info.GetResultMethod is { } result)
            AwaitMember(result, a);
    }

    private void AwaitMember(IMethodSymbol member, IAwaitOperation a)
    {
        if (!Reachable || TypeFacts.IsIn(member.ContainingType, "System", "Runtime", "CompilerServices") || Contracts.Of(member).IsEmpty)
            return;
        _s.Push(Value.None);
        ImplicitCall(member, a, a.Syntax);
    }

    private static bool CanSuspend(IOperation op)
    {
        while (op is IConversionOperation c)
            op = c.Operand;
        return op switch
        {
            IPropertyReferenceOperation { Property: { Name: "CompletedTask" } p } => !TypeFacts.IsTask(p.ContainingType),
            IInvocationOperation { TargetMethod: { Name: "FromResult" } m } => !TypeFacts.IsTask(m.ContainingType),
            IDefaultValueOperation => false,
            _ => true,
        };
    }

    private void ArrayCreation(IArrayCreationOperation a)
    {
        foreach (IOperation d in a.DimensionSizes)
            EvalDrop(d);
        if (a.Initializer is not null)
            ArrayInitializer(a.Initializer);
        _s.Push(Value.Of(Produce(ObjKind.New, a.Syntax, a.Type), unstable: true));
    }

    private void ArrayInitializer(IArrayInitializerOperation init)
    {
        foreach (IOperation e in init.ElementValues)
        {
            if (e is IArrayInitializerOperation nested)
            {
                ArrayInitializer(nested);
                continue;
            }

            Eval(e);
            References.HandOver(e);
            Publish();
            Locks.EscapeStored(e);
            _s.Drop();
        }
    }

    private void EventAssignment(IEventAssignmentOperation e)
    {
        Locate(e.EventReference, AccessKind.Write);
        Eval(e.HandlerValue);
        if (!Reachable)
            return;
        if (e.EventReference is IEventReferenceOperation r)
        {
            IMethodSymbol? m = e.Adds ? r.Event.AddMethod : r.Event.RemoveMethod;
            if (m is not null && Contracts.Of(m) is { IsEmpty: false } c)
            {
                var operands = new List<Operands>();
                foreach (World w in _s.Worlds)
                {
                    Value at = w.Stack?.Next?.Value ?? Value.None;
                    operands.Add(new Operands(at.Location?.Parent is { } o ? Value.Of(o, at.Unstable) : Value.None, new[] { w.Peek() }));
                }

                ApplyCall(new CallSite(m, c, e, e.Syntax), operands, null, pushResult: false);
            }
        }

        _s.Drop();
        _s.Drop();
        _s.Push(Value.None);
    }
}
