// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Conditions: which worlds go which way, and what each way learns.</summary>
internal sealed partial class Walker
{
    /// <summary>Evaluates a boolean expression for control flow.</summary>
    private (FlowState True, FlowState False) Cond(IOperation op)
    {
        if (!Reachable)
            return (new FlowState(), new FlowState());
        OperationKind kind = op.Kind;
        if (kind is OperationKind.Invocation or OperationKind.PropertyReference)
        {
            Eval(op);
            return SplitTop();
        }

        if (op.ConstantValue is { HasValue: true, Value: bool constant })
            return constant ? (_s, new FlowState()) : (new FlowState(), _s);
        if (kind == OperationKind.Binary && ((IBinaryOperation)op).OperatorKind is not (BinaryOperatorKind.ConditionalAnd or BinaryOperatorKind.ConditionalOr))
        {
            Eval(op);
            return SplitTop();
        }

        switch (op)
        {
            case IParenthesizedOperation p:
                return Cond(p.Operand);
            case IUnaryOperation { OperatorKind: UnaryOperatorKind.Not, OperatorMethod: null } not:
            {
                var (t, f) = Cond(not.Operand);
                return (f, t);
            }

            case IBinaryOperation { OperatorKind: BinaryOperatorKind.ConditionalAnd, OperatorMethod: null } and:
            {
                var (t1, f1) = Cond(and.LeftOperand);
                _s = t1;
                var (t2, f2) = Cond(and.RightOperand);
                return (t2, Join(f1, f2));
            }

            case IBinaryOperation { OperatorKind: BinaryOperatorKind.ConditionalOr, OperatorMethod: null } or:
            {
                var (t1, f1) = Cond(or.LeftOperand);
                _s = f1;
                var (t2, f2) = Cond(or.RightOperand);
                return (Join(t1, t2), f2);
            }

            case IConditionalOperation { WhenFalse: not null } c when c.Type?.SpecialType == SpecialType.System_Boolean:
            {
                var (t, f) = Cond(c.Condition);
                _s = t;
                var (tt, tf) = Cond(c.WhenTrue);
                _s = f;
                var (ft, ff) = Cond(c.WhenFalse!);
                return (Join(tt, ft), Join(tf, ff));
            }

            case IConversionOperation { OperatorMethod: null } conv when conv.Type?.SpecialType == SpecialType.System_Boolean && conv.Operand.Type?.SpecialType == SpecialType.System_Boolean:
                return Cond(conv.Operand);
            case IIsPatternOperation p:
                Eval(p.Value);
                return MatchTop(p.Pattern, p.Value.Type);
            default:
                Eval(op);
                return SplitTop();
        }
    }

    /// <summary>Splits the state on the value on top of the stack.</summary>
    private (FlowState True, FlowState False) SplitTop()
    {
        var t = new FlowState();
        var f = new FlowState();
        foreach (World w in _s.Worlds)
        {
            Value v = w.Pop();
            bool? known = w.Known(v);
            if (known != false)
            {
                World x = known is null ? w.Clone() : w;
                if (Learn(x, v, true))
                    t.Worlds.Add(x);
            }

            if (known != true)
            {
                if (Learn(w, v, false))
                    f.Worlds.Add(w);
            }
        }

        return (t, f);
    }

    /// <summary>Makes a value of a condition: the worlds where it is true get true, the others false.</summary>
    private void PushCondition(IOperation op)
    {
        // The right side of a short circuit keeps its own value, so that only a known outcome tells the paths apart.
        FlowState t, f;
        switch (op)
        {
            case IBinaryOperation { OperatorKind: BinaryOperatorKind.ConditionalAnd } and:
                (t, f) = Cond(and.LeftOperand);
                _s = t;
                Eval(and.RightOperand);
                t = _s;
                f.Push(Value.False);
                break;
            case IBinaryOperation { OperatorKind: BinaryOperatorKind.ConditionalOr } or:
                (t, f) = Cond(or.LeftOperand);
                _s = f;
                Eval(or.RightOperand);
                f = _s;
                t.Push(Value.True);
                break;
            case IConditionalOperation { WhenFalse: not null } c:
                (t, f) = Cond(c.Condition);
                _s = t;
                Eval(c.WhenTrue);
                t = _s;
                _s = f;
                Eval(c.WhenFalse!);
                f = _s;
                break;
            default:
                (t, f) = Cond(op);
                t.Push(Value.True);
                f.Push(Value.False);
                break;
        }

        _s = Join(t, f, _statement);
        if (!_s.Any(static w => w.Peek().Kind != ValueKind.Bool))
            return;
        foreach (World w in _s.Worlds)
        {
            // A joined outcome that nothing tells apart is an unnamed boolean until somebody stores it.
            if (w.Peek().Kind == ValueKind.Test)
                w.Push(w.Pop().AsUnstable());
        }
    }

    /// <summary>Records what a test of a value teaches.</summary>
    /// <param name="w">The world.</param>
    /// <param name="v">The tested value.</param>
    /// <param name="outcome">What the test said.</param>
    /// <returns>False if the world contradicts the outcome.</returns>
    internal bool Learn(World w, Value v, bool outcome)
    {
        if (v.Kind == ValueKind.Bool)
            return v.Flag == outcome;
        if (v.Kind != ValueKind.Test)
            return true;
        Obj o = v.Obj!;
        bool actual = outcome != v.Flag;
        switch (v.Test)
        {
            case TestKind.Truth:
                bool number = o.Type is { IsValueType: true, SpecialType: not SpecialType.System_Boolean } && !Contracts.Type(o.Type).IsHandle;
                bool field = o.Root.Kind is ObjKind.This or ObjKind.Static || o.Kind is ObjKind.Member or ObjKind.Element or ObjKind.SomeElement;
                if (w.Facts[o.Id] is { } known && (known.Value != 0) != actual)
                    return false;
                if (o.IsOutcome || o.IsLockOutcome || (!v.Unstable && !number && !field))
                    w.Facts = w.Facts.Set(o.Id, Bits.Of(actual));
                return o.IsBoolean || number || References.LearnNull(w, o, !actual);
            case TestKind.IsError:
                return ReturnCodes.LearnError(w, o, actual) && (!actual || References.LearnNull(w, o, true));
            default:
                return actual
                    ? ReturnCodes.LearnError(w, o, true) && References.LearnNull(w, o, true)
                    : ReturnCodes.LearnError(w, o, false) && References.LearnNull(w, o, false);
        }
    }

    /// <summary>Turns the value on top of the stack into the outcome of comparing it with another operand.</summary>
    private void ComparePop(BinaryOperatorKind kind, IOperation rightOperation)
    {
        // Stack: left, right.
        foreach (World w in _s.Worlds)
        {
            Value right = w.Pop(), left = w.Pop();
            w.Push(Compare(w, kind, left, right, rightOperation));
        }
    }

    private Value Compare(World w, BinaryOperatorKind kind, Value left, Value right, IOperation? rightOperation)
    {
        bool equals = kind is BinaryOperatorKind.Equals;
        object? constant = rightOperation?.ConstantValue is { HasValue: true } c ? c.Value : null;
        if (kind is BinaryOperatorKind.Equals or BinaryOperatorKind.NotEquals)
        {
            if (left.Kind == ValueKind.Null && right.Kind == ValueKind.Null)
                return Value.Bool(equals);
            if (right.Kind == ValueKind.Null && left.Kind == ValueKind.Obj)
                return Value.Testing(TestKind.Truth, left.Obj!, equals, left.Unstable);
            if (left.Kind == ValueKind.Null && right.Kind == ValueKind.Obj)
                return Value.Testing(TestKind.Truth, right.Obj!, equals, right.Unstable);
            if (right.Kind == ValueKind.Bool && left.Kind is ValueKind.Test or ValueKind.Bool)
                return right.Flag == equals ? left : left.Negate();
            if (left.Kind == ValueKind.Bool && right.Kind is ValueKind.Test)
                return left.Flag == equals ? right : right.Negate();
            if (IsZero(constant) && left.Kind == ValueKind.Obj && IsNumber(left.Obj!.Type))
                return Value.Testing(TestKind.Truth, left.Obj!, !equals, left.Unstable);
        }

        if (kind == BinaryOperatorKind.LessThan && IsZero(constant) && left.Kind == ValueKind.Obj && IsNumber(left.Obj!.Type))
            return Value.Testing(TestKind.Truth, left.Obj!, true, left.Unstable);
        return Value.None;
    }

    private static bool IsZero(object? constant) => constant is 0 or 0L or 0u or 0ul or (short)0 or (byte)0 or (sbyte)0 or (ushort)0;

    private static bool IsNumber(ITypeSymbol? type) => type?.SpecialType is SpecialType.System_Int32 or SpecialType.System_Int64 or SpecialType.System_Int16
        or SpecialType.System_SByte or SpecialType.System_Byte or SpecialType.System_UInt32 or SpecialType.System_UInt64 or SpecialType.System_UInt16
        or SpecialType.System_IntPtr or SpecialType.System_UIntPtr || type?.TypeKind == TypeKind.Enum;

    /// <summary>Matches the value on top of the stack against a pattern.</summary>
    private (FlowState True, FlowState False) MatchTop(IPatternOperation pattern, ITypeSymbol? type)
    {
        SubPatterns(pattern);
        var t = new FlowState();
        var f = new FlowState();
        foreach (World w in _s.Worlds)
        {
            Value v = w.Pop();
            Value test = PatternTest(w, pattern, v, type, out bool exact, out Value whenTrue);
            bool? known = w.Known(test);
            if (!(known == false && exact))
            {
                World x = w.Clone();
                if (Learn(x, whenTrue, true))
                {
                    Bind(x, pattern, v);
                    t.Worlds.Add(x);
                }
            }

            if (!(known == true && exact) && (!exact || Learn(w, test, false)))
            {
                // The variable of a negated pattern is assigned where the pattern does not match.
                if (pattern is INegatedPatternOperation negated)
                    Bind(w, negated.Pattern, v);
                f.Worlds.Add(w);
            }
        }

        return (t, f);
    }

    // The outcome of a pattern as a test of the value. An inexact pattern teaches something only where it matches.
    private Value PatternTest(World w, IPatternOperation pattern, Value v, ITypeSymbol? type, out bool exact, out Value whenTrue)
    {
        exact = true;
        Value test = Value.None;
        switch (pattern)
        {
            case IConstantPatternOperation c:
                object? constant = c.Value.ConstantValue is { HasValue: true } k ? k.Value : null;
                if (c.Value.ConstantValue is { HasValue: true, Value: null })
                    test = Compare(w, BinaryOperatorKind.Equals, v, Value.Null, c.Value);
                else if (constant is bool b)
                    test = b ? v : v.Negate();
                else if (IsZero(constant))
                    test = Compare(w, BinaryOperatorKind.Equals, v, Value.None, c.Value);
                exact = test.Kind != ValueKind.None;
                whenTrue = test;
                return test;
            case INegatedPatternOperation n:
                test = PatternTest(w, n.Pattern, v, type, out exact, out _).Negate();
                whenTrue = exact ? test : Value.None;
                return test;
            case IRelationalPatternOperation { OperatorKind: BinaryOperatorKind.LessThan } r:
                test = Compare(w, BinaryOperatorKind.LessThan, v, Value.None, r.Value);
                exact = test.Kind != ValueKind.None;
                whenTrue = test;
                return test;
            case IDiscardPatternOperation:
                whenTrue = Value.True;
                return Value.True;
            case IDeclarationPatternOperation d:
                if (d.MatchesNull)
                {
                    whenTrue = Value.True;
                    return Value.True;
                }

                whenTrue = test = NotNull(v);
                exact = test.Kind != ValueKind.None && SymbolEqualityComparer.Default.Equals(d.MatchedType, type);
                return test;
            case ITypePatternOperation tp:
                whenTrue = test = NotNull(v);
                exact = test.Kind != ValueKind.None && SymbolEqualityComparer.Default.Equals(tp.MatchedType, type);
                return test;
            case IRecursivePatternOperation r:
                whenTrue = test = NotNull(v);
                exact = test.Kind != ValueKind.None && r.DeconstructionSubpatterns.IsEmpty && r.PropertySubpatterns.IsEmpty
                    && (r.MatchedType is null || SymbolEqualityComparer.Default.Equals(r.MatchedType, type) || SymbolEqualityComparer.Default.Equals(r.MatchedType, r.InputType));
                return test;
            case IBinaryPatternOperation { OperatorKind: BinaryOperatorKind.And } and:
            {
                Value left = PatternTest(w, and.LeftPattern, v, type, out bool le, out Value lt);
                Value right = PatternTest(w, and.RightPattern, v, type, out bool re, out Value rt);
                exact = false;
                whenTrue = lt.Kind != ValueKind.None ? lt : rt;
                return le && re ? Value.None : Value.None;
            }

            default:
                exact = false;
                whenTrue = Value.None;
                return Value.None;
        }
    }

    private static Value NotNull(Value v) => v.Kind switch
    {
        ValueKind.Null => Value.False,
        ValueKind.Obj => Value.Testing(TestKind.Truth, v.Obj!, false, v.Unstable),
        _ => Value.None,
    };

    private void Bind(World w, IPatternOperation pattern, Value v)
    {
        ISymbol? declared = pattern switch
        {
            IDeclarationPatternOperation d => d.DeclaredSymbol,
            IRecursivePatternOperation r => r.DeclaredSymbol,
            IListPatternOperation l => l.DeclaredSymbol,
            _ => null,
        };
        if (declared is ILocalSymbol local)
            w.Env = w.Env.Set(LocalObj(local).Id, IsCopied(local.Type) ? Value.Of(LocalObj(local)) : v.Kind == ValueKind.None ? Value.Of(LocalObj(local)) : v.Named());
        if (pattern is IBinaryPatternOperation b)
        {
            Bind(w, b.LeftPattern, v);
            Bind(w, b.RightPattern, v);
        }
    }

    // Members read by a pattern are read like anywhere else.
    private void SubPatterns(IPatternOperation pattern)
    {
        switch (pattern)
        {
            case IRecursivePatternOperation r:
                foreach (IPropertySubpatternOperation p in r.PropertySubpatterns)
                {
                    PushInput();
                    EvalPatternMember(p.Member);
                    if (p.Pattern is IRecursivePatternOperation or IBinaryPatternOperation or INegatedPatternOperation)
                        SubPatterns(p.Pattern);
                    BindAll(p.Pattern);
                    _s.Drop();
                }

                foreach (IPatternOperation p in r.DeconstructionSubpatterns)
                {
                    _s.Push(Value.None);
                    SubPatterns(p);
                    BindAll(p);
                    _s.Drop();
                }

                break;
            case IBinaryPatternOperation b:
                SubPatterns(b.LeftPattern);
                SubPatterns(b.RightPattern);
                break;
            case INegatedPatternOperation n:
                SubPatterns(n.Pattern);
                break;
            case IListPatternOperation l:
                foreach (IPatternOperation p in l.Patterns)
                {
                    _s.Push(Value.None);
                    SubPatterns(p);
                    _s.Drop();
                }

                break;
        }
    }

    private void BindAll(IPatternOperation p)
    {
        foreach (World w in _s.Worlds)
            Bind(w, p, w.Peek());
    }

    private void PushInput()
    {
        foreach (World w in _s.Worlds)
            w.Push(w.Peek());
    }
}
