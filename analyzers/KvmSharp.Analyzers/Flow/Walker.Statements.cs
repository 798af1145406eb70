// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Statements.</summary>
internal sealed partial class Walker
{
    internal void Stmt(IOperation op)
    {
        Visit();
        if (!Reachable && !MayContainLabel(op))
            return;
        SyntaxNode outer = _statement;
        if (op.Kind != OperationKind.Block)
            _statement = EnclosingStatement(op);
        StmtCore(op);
        _statement = outer;
    }

    private static SyntaxNode EnclosingStatement(IOperation op)
    {
        SyntaxNode node = op.Syntax;
        while (node is not (StatementSyntax or MemberDeclarationSyntax or ArrowExpressionClauseSyntax) && node.Parent is { } parent && parent is StatementSyntax)
            node = parent;
        return node;
    }

    private static bool MayContainLabel(IOperation op)
    {
        if (op is ILabeledOperation)
            return true;
        if (op is not (IBlockOperation or IConditionalOperation or ILoopOperation or ISwitchOperation or ITryOperation or ILockOperation or IUsingOperation))
            return false;
        foreach (SyntaxNode n in op.Syntax.DescendantNodes())
        {
            if (n is LabeledStatementSyntax)
                return true;
        }

        return false;
    }

    private void StmtCore(IOperation op)
    {
        switch (op.Kind)
        {
            case OperationKind.Block:
                Block((IBlockOperation)op);
                break;
            case OperationKind.ExpressionStatement:
                ExpressionStatement((IExpressionStatementOperation)op);
                break;
            case OperationKind.VariableDeclarationGroup:
                foreach (IVariableDeclarationOperation d in ((IVariableDeclarationGroupOperation)op).Declarations)
                    Declaration(d);
                EndExpression();
                break;
            case OperationKind.VariableDeclaration:
                Declaration((IVariableDeclarationOperation)op);
                EndExpression();
                break;
            case OperationKind.Conditional:
                If((IConditionalOperation)op);
                break;
            case OperationKind.Loop:
                Loop((ILoopOperation)op);
                break;
            case OperationKind.Switch:
                Switch((ISwitchOperation)op);
                break;
            case OperationKind.Return or OperationKind.YieldReturn or OperationKind.YieldBreak:
                Return((IReturnOperation)op);
                break;
            case OperationKind.Throw:
                Throw((IThrowOperation)op);
                break;
            case OperationKind.Branch:
                if (Reachable)
                    _pending.Add(new Jump(JumpKind.Branch, ((IBranchOperation)op).Target, _s, op.Syntax, op));
                _s = new FlowState();
                break;
            case OperationKind.Try:
                Try((ITryOperation)op);
                break;
            case OperationKind.Lock:
                LockStatement((ILockOperation)op);
                break;
            case OperationKind.Using:
                UsingStatement((IUsingOperation)op);
                break;
            case OperationKind.UsingDeclaration:
                UsingRest((IUsingDeclarationOperation)op, ImmutableArray<IOperation>.Empty, 0);
                break;
            case OperationKind.Labeled:
                Labeled(ImmutableArray.Create(op), 0);
                break;
            case OperationKind.LocalFunction or OperationKind.Empty or OperationKind.Stop or OperationKind.End:
                break;
            default:
                FixedOrOther(op);
                break;
        }
    }

    private void Loop(ILoopOperation op)
    {
        switch (op)
        {
            case IWhileLoopOperation w:
                While(w);
                break;
            case IForLoopOperation f:
                For(f);
                break;
            case IForEachLoopOperation f:
                ForEach(f);
                break;
            default:
                FixedOrOther(op);
                break;
        }
    }

    private void Block(IBlockOperation block)
    {
        int pending = _pending.Count;
        SyntaxNode outer = _statement;
        Statements(block.Operations, 0);
        _statement = outer;
        EndScope(block.Locals, pending, block.Syntax);
    }

    private void EndScope(ImmutableArray<ILocalSymbol> locals, int pending, SyntaxNode scope)
    {
        if (locals.IsDefaultOrEmpty)
            return;
        if (Reachable)
            References.EndScope(_s, locals, CloseOf(scope));
        for (int i = pending; i < _pending.Count; i++)
        {
            Jump j = _pending[i];
            if (j.Kind != JumpKind.Return && j.State.IsReachable)
                References.EndScope(j.State, locals, j.Syntax.GetFirstToken().GetLocation());
        }

        // Whatever is still named by a returned jump is judged at the exit point.
        if (Reachable)
            Forget(_s, locals);
    }

    private void Forget(FlowState s, ImmutableArray<ILocalSymbol> locals)
    {
        foreach (ILocalSymbol l in locals)
        {
            int id = LocalObj(l).Id;
            foreach (World w in s.Worlds)
            {
                w.Env = w.Env.Remove(id);
                w.Unread = w.Unread.Remove(id);
            }
        }
    }

    private static Location CloseOf(SyntaxNode scope) => scope switch
    {
        BlockSyntax b => b.CloseBraceToken.GetLocation(),
        SwitchStatementSyntax s => s.CloseBraceToken.GetLocation(),
        _ => scope.GetLastToken().GetLocation(),
    };

    private void Statements(ImmutableArray<IOperation> ops, int start)
    {
        for (int i = start; i < ops.Length; i++)
        {
            OperationKind kind = ops[i].Kind;
            if (kind == OperationKind.Labeled)
            {
                Labeled(ops, i);
                return;
            }

            if (kind == OperationKind.UsingDeclaration)
            {
                var u = (IUsingDeclarationOperation)ops[i];
                if (Reachable)
                {
                    UsingRest(u, ops, i + 1);
                    return;
                }

                continue;
            }

            Stmt(ops[i]);
        }
    }

    private List<Jump> Take(int from, Func<Jump, bool> test)
    {
        var list = new List<Jump>();
        for (int i = _pending.Count - 1; i >= from; i--)
        {
            if (test(_pending[i]))
            {
                list.Add(_pending[i]);
                _pending.RemoveAt(i);
            }
        }

        list.Reverse();
        return list;
    }

    private void Labeled(ImmutableArray<IOperation> ops, int index)
    {
        var labeled = (ILabeledOperation)ops[index];
        FlowState entry = _s;
        List<Jump> incoming = Take(0, j => j.Kind == JumpKind.Branch && SymbolEqualityComparer.Default.Equals(j.Target, labeled.Label));
        if (incoming.Count != 0)
        {
            SyntaxNode site = GotoSite(ops, index, incoming) ?? labeled.Syntax;
            foreach (Jump j in incoming)
                entry = Join(entry, j.State, site);
        }

        int depth = _pending.Count;
        Fixpoint(entry, labeled.Syntax, () =>
        {
            if (labeled.Operation is { } inner)
                Stmt(inner);
            Statements(ops, index + 1);
            FlowState? back = null;
            foreach (Jump j in Take(depth, j => j.Kind == JumpKind.Branch && SymbolEqualityComparer.Default.Equals(j.Target, labeled.Label)))
                back = back is null ? j.State : Join(back, j.State, labeled.Syntax);
            return back;
        });
    }

    // The statement whose branch sent one path to the label: the first one before it that holds a goto and dominates the label.
    private static SyntaxNode? GotoSite(ImmutableArray<IOperation> ops, int index, List<Jump> jumps)
    {
        for (int i = 0; i < index; i++)
        {
            foreach (Jump j in jumps)
            {
                if (ops[i].Syntax.Span.Contains(j.Syntax.Span))
                    return ops[i].Syntax;
            }
        }

        return null;
    }

    private void ExpressionStatement(IExpressionStatementOperation e)
    {
        ReturnCodes.Discarded(e.Operation);
        Eval(e.Operation);
        _s.Drop();
        EndExpression();
    }

    // The end of a full expression: temporaries die, and worlds nothing tells apart any more meet.
    private void EndExpression()
    {
        References.EndExpression();
        if (_s.Worlds.Count > 1)
            _s = Joiner.Normalize(_s, _statement);
    }

    private void Declaration(IVariableDeclarationOperation d)
    {
        foreach (IVariableDeclaratorOperation v in d.Declarators)
        {
            IVariableInitializerOperation? init = v.Initializer ?? d.Initializer;
            foreach (IOperation dimension in d.IgnoredDimensions)
            {
                Eval(dimension);
                _s.Drop();
            }

            if (!Reachable)
                return;
            if (init is null)
            {
                // Declared again in every iteration: what the local held is gone.
                Obj l = LocalObj(v.Symbol);
                foreach (World w in _s.Worlds)
                {
                    w.Env = w.Env.Remove(l.Id);
                    w.Unread = w.Unread.Remove(l.Id);
                }

                continue;
            }

            _s.Push(Value.At(LocalObj(v.Symbol)));
            if (v.Symbol.RefKind != RefKind.None)
                EvalRefInitializer(init.Value, v.Symbol);
            else if (IsFixed(v.Syntax))
                EvalFixedInitializer(init.Value);
            else
                Eval(init.Value);
            Assign(null, v.Symbol, init.Value, v.Syntax, isDeclaration: true);
            _s.Drop();
        }
    }

    private static bool IsFixed(SyntaxNode declarator) => declarator.Parent?.Parent is FixedStatementSyntax;

    private void FixedOrOther(IOperation op)
    {
        bool statement = op.Syntax is StatementSyntax;
        if (!statement)
        {
            Eval(op);
            _s.Drop();
            EndExpression();
            return;
        }

        foreach (IOperation child in op.ChildOperations)
        {
            if (child is IBlockOperation or IVariableDeclarationGroupOperation or IVariableDeclarationOperation || child.Syntax is StatementSyntax)
            {
                Stmt(child);
            }
            else if (Reachable)
            {
                Eval(child);
                _s.Drop();
            }
        }
    }

    private void If(IConditionalOperation c)
    {
        SyntaxNode site = IfChain(c.Syntax);
        var (t, f) = Condition(c.Condition);
        _s = t;
        if (c.WhenTrue is not null)
            Stmt(c.WhenTrue);
        FlowState afterTrue = _s;
        _s = f;
        if (c.WhenFalse is not null)
            Stmt(c.WhenFalse);
        _s = Join(afterTrue, _s, site);
    }

    private static SyntaxNode IfChain(SyntaxNode node) => node;

    /// <summary>Evaluates a condition as a full expression.</summary>
    private (FlowState True, FlowState False) Condition(IOperation condition)
    {
        if (!Reachable)
            return (new FlowState(), new FlowState());
        var (t, f) = Cond(condition);
        FlowState keep = _s;
        References.EndCondition(t, f);
        _s = keep;
        if (t.Worlds.Count > 1)
            t = Joiner.Normalize(t, _statement);
        if (f.Worlds.Count > 1)
            f = Joiner.Normalize(f, _statement);
        return (t, f);
    }

    private FlowState JoinJumps(FlowState s, int pending, ILabelSymbol target, SyntaxNode site)
    {
        foreach (Jump j in Take(pending, j => j.Kind == JumpKind.Branch && SymbolEqualityComparer.Default.Equals(j.Target, target)))
            s = Join(s, j.State, site);
        return s;
    }

    private void While(IWhileLoopOperation w)
    {
        SyntaxNode site = w.Syntax;
        int pending = _pending.Count;
        FlowState exit = new();
        Fixpoint(_s, site, () =>
        {
            FlowState back;
            if (w.ConditionIsTop)
            {
                var (t, f) = w.Condition is null ? (_s, new FlowState()) : Condition(w.Condition);
                (t, exit) = w.ConditionIsUntil ? (f, t) : (t, f);
                _s = t;
                Stmt(w.Body);
                back = JoinJumps(_s, pending, w.ContinueLabel, site);
            }
            else
            {
                Stmt(w.Body);
                _s = JoinJumps(_s, pending, w.ContinueLabel, site);
                var (t, f) = w.Condition is null ? (_s, new FlowState()) : Condition(w.Condition);
                (back, exit) = w.ConditionIsUntil ? (f, t) : (t, f);
            }

            return back;
        });
        _s = JoinJumps(exit, pending, w.ExitLabel, site);
        EndScope(w.Locals, pending, w.Syntax);
    }

    private void For(IForLoopOperation f)
    {
        SyntaxNode site = f.Syntax;
        int pending = _pending.Count;
        foreach (IOperation op in f.Before)
            Stmt(op);
        FlowState exit = new();
        Fixpoint(_s, site, () =>
        {
            FlowState t = _s;
            exit = new FlowState();
            if (f.Condition is not null)
                (t, exit) = Condition(f.Condition);
            _s = t;
            Stmt(f.Body);
            _s = JoinJumps(_s, pending, f.ContinueLabel, site);
            EndScope(f.ConditionLocals, pending, f.Syntax);
            foreach (IOperation op in f.AtLoopBottom)
                Stmt(op);
            return _s;
        });
        _s = JoinJumps(exit, pending, f.ExitLabel, site);
        EndScope(f.Locals, pending, f.Syntax);
    }

    private void ForEach(IForEachLoopOperation f)
    {
        SyntaxNode site = f.Syntax;
        int pending = _pending.Count;
        Eval(f.Collection);
        ForEachStatementInfo info = f.Syntax is CommonForEachStatementSyntax syntax ? Semantics.GetForEachStatementInfo(syntax) : default;
        bool array = f.Collection.Type is IArrayTypeSymbol || f.Collection is IConversionOperation { Operand.Type: IArrayTypeSymbol };
        if (Reachable)
            Locks.CheckPointee(f.Collection, Domains.Locks.AccessKind.Read);
        if (Reachable && !array && info.GetEnumeratorMethod is { } get)
            ImplicitCall(get, f, f.Collection.Syntax);
        else
            _s.Drop();
        References.EndExpression();
        FlowState exit = new();
        Fixpoint(_s, site, () =>
        {
            if (!array)
                PatternCalls(info, f);
            exit = _s.Clone();
            AssignLoopVariable(f);
            Stmt(f.Body);
            _s = JoinJumps(_s, pending, f.ContinueLabel, site);
            EndScope(f.Locals, pending, f.Body.Syntax);
            return _s;
        });
        _s = JoinJumps(exit, pending, f.ExitLabel, site);
        if (Reachable && !array && info.DisposeMethod is { } dispose && Contracts.Of(dispose) is { IsEmpty: false })
        {
            _s.Push(Value.None);
            ImplicitCall(dispose, f, f.Collection.Syntax);
        }
    }

    private void PatternCalls(ForEachStatementInfo info, IForEachLoopOperation f)
    {
        if (f.IsAsynchronous)
            Locks.Await(f.Syntax, canSuspend: true);
        foreach (IMethodSymbol? m in new[] { info.MoveNextMethod, info.CurrentProperty?.GetMethod })
        {
            if (m is null)
                continue;
            _s.Push(Value.None);
            ImplicitCall(m, f, f.Collection.Syntax);
        }
    }

    private void AssignLoopVariable(IForEachLoopOperation f)
    {
        if (!Reachable)
            return;
        if (f.LoopControlVariable is IVariableDeclaratorOperation { Symbol: { } local })
        {
            Obj o = Produce(ObjKind.Result, (f.Syntax, "each"), local.Type);
            Obj location = LocalObj(local);
            foreach (World w in _s.Worlds)
            {
                w.Env = w.Env.Set(location.Id, BooleanOr(o));
                w.Refs = w.Refs.Remove(o.Id);
            }

            References.Unowned(o, local.Type);
            return;
        }

        foreach (ILocalSymbol l in f.Locals)
        {
            Obj o = Produce(ObjKind.Result, (f.Syntax, l.Name), l.Type);
            foreach (World w in _s.Worlds)
                w.Env = w.Env.Set(LocalObj(l).Id, BooleanOr(o));
            References.Unowned(o, l.Type);
        }
    }

    private static Value BooleanOr(Obj o) => o.IsBoolean ? Value.Testing(TestKind.Truth, o, false, false) : Value.Of(o);

    private void Switch(ISwitchOperation s)
    {
        SyntaxNode site = s.Syntax;
        int pending = _pending.Count;
        Eval(s.Value);
        References.EndExpression();

        // The value stays in a temporary while the clauses are tried in order.
        Obj temp = Objs.Get(ObjKind.Local, site: (s.Syntax, "switch"), type: s.Value.Type);
        foreach (World w in _s.Worlds)
            w.Env = w.Env.Set(temp.Id, w.Pop());
        FlowState start = _s;
        var gotos = new Dictionary<ILabelSymbol, FlowState>(SymbolEqualityComparer.Default);
        int diagnostics = _diagnostics.Count;
        for (int round = 0; ; round++)
        {
            _diagnostics.RemoveRange(diagnostics, _diagnostics.Count - diagnostics);
            _pending.RemoveRange(pending, _pending.Count - pending);
            FlowState rest = start.Clone();
            FlowState end = new();
            FlowState? defaultEntry = null;
            bool hasDefault = false;
            var entries = new List<FlowState>();
            foreach (ISwitchCaseOperation c in s.Cases)
            {
                FlowState entry = new();
                foreach (ICaseClauseOperation clause in c.Clauses)
                {
                    if (clause is IDefaultCaseClauseOperation)
                    {
                        hasDefault = true;
                        continue;
                    }

                    _s = rest;
                    var (t, f) = Clause(clause, temp, s.Value.Type);
                    entry = Join(entry, t, site);
                    rest = f;
                }

                entries.Add(entry);
            }

            defaultEntry = hasDefault ? rest : null;
            if (!hasDefault)
                end = rest;
            bool changed = false;
            for (int i = 0; i < s.Cases.Length; i++)
            {
                ISwitchCaseOperation c = s.Cases[i];
                FlowState entry = entries[i];
                foreach (ICaseClauseOperation clause in c.Clauses)
                {
                    if (clause is IDefaultCaseClauseOperation && defaultEntry is not null)
                        entry = Join(entry, defaultEntry, site);
                    if (clause.Label is { } label && gotos.TryGetValue(label, out FlowState? from))
                        entry = Join(entry, from.Clone(), site);
                }

                _s = entry;
                int inner = _pending.Count;
                Statements(c.Body, 0);
                EndScope(c.Locals, inner, c.Syntax);
                end = Join(end, _s, site);
                foreach (ISwitchCaseOperation target in s.Cases)
                {
                    foreach (ICaseClauseOperation clause in target.Clauses)
                    {
                        if (clause.Label is not { } label)
                            continue;
                        foreach (Jump j in Take(pending, j => j.Kind == JumpKind.Branch && SymbolEqualityComparer.Default.Equals(j.Target, label)))
                        {
                            gotos.TryGetValue(label, out FlowState? before);
                            FlowState now = Join(before?.Clone() ?? new FlowState(), j.State, site);
                            if (before is null || !Joiner.Same(before, now))
                            {
                                gotos[label] = now;
                                changed = true;
                            }
                        }
                    }
                }
            }

            _s = JoinJumps(end, pending, s.ExitLabel, site);
            if (!changed || round > 8)
                break;
        }

        foreach (World w in _s.Worlds)
            w.Env = w.Env.Remove(temp.Id);
        EndScope(s.Locals, pending, s.Syntax);
    }

    private (FlowState True, FlowState False) Clause(ICaseClauseOperation clause, Obj temp, ITypeSymbol? type)
    {
        if (!Reachable)
            return (new FlowState(), new FlowState());
        foreach (World w in _s.Worlds)
            w.Push(w.Read(temp));
        FlowState t, f;
        switch (clause)
        {
            case ISingleValueCaseClauseOperation single:
                Eval(single.Value);
                ComparePop(BinaryOperatorKind.Equals, single.Value);
                (t, f) = SplitTop();
                return (t, f);
            case IPatternCaseClauseOperation pattern:
                (t, f) = MatchTop(pattern.Pattern, type);
                if (pattern.Guard is not null)
                {
                    _s = t;
                    var (gt, gf) = Condition(pattern.Guard);
                    f = Join(f, gf);
                    t = gt;
                }

                return (t, f);
            default:
                _s.Drop();
                return (_s.Clone(), _s);
        }
    }

    private void Return(IReturnOperation r)
    {
        bool isYield = r.Kind == OperationKind.YieldReturn;
        if (r.ReturnedValue is not null)
        {
            bool byRef = Function.Method is { RefKind: not RefKind.None };
            if (byRef)
                EvalRefReturn(r.ReturnedValue);
            else
                Eval(r.ReturnedValue);
        }
        else
        {
            _s.Push(Value.None);
        }

        if (!Reachable)
            return;
        if (isYield)
        {
            References.Returned(r, isYield: true);
            _s.Drop();
            References.EndExpression();
            Locks.YieldReturn(r);
            return;
        }

        Publish();
        Locks.Returned(r);
        ReturnCodes.Returned(r);
        if (!Function.IsInlined)
            References.Returned(r, isYield: false);
        foreach (World w in _s.Worlds)
            w.Ret = w.Pop();
        References.EndExpression();
        _pending.Add(new Jump(JumpKind.Return, null, _s, r.Syntax, r));
        _s = new FlowState();
    }

    private void Throw(IThrowOperation t)
    {
        ITypeSymbol? type = null;
        if (t.Exception is not null)
        {
            Eval(t.Exception);
            _s.Drop();
            IOperation e = t.Exception;
            while (e is IConversionOperation c)
                e = c.Operand;
            type = e.Type;
        }

        References.EndExpression();
        if (Reachable)
            _pending.Add(new Jump(JumpKind.Throw, null, _s, t.Syntax, t) { Thrown = type });
        _s = new FlowState();
    }
}
