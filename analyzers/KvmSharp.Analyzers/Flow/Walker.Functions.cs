// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Linq;
using KvmSharp.Analyzers.ContractModel;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Bodies: members, lambdas by their three cases, local functions.</summary>
internal sealed partial class Walker
{
    private readonly Dictionary<ISymbol, IAnonymousFunctionOperation> _onlyInvoked = new(SymbolEqualityComparer.Default);
    private readonly Dictionary<ISymbol, ILocalFunctionOperation> _localFunctions = new(SymbolEqualityComparer.Default);
    private readonly HashSet<ISymbol> _converted = new(SymbolEqualityComparer.Default);
    private readonly HashSet<ISymbol> _captured = new(SymbolEqualityComparer.Default);
    private readonly List<(IAnonymousFunctionOperation Function, ITypeSymbol? Delegate)> _queue = new();
    private readonly HashSet<IOperation> _queued = new();

    internal bool IsCapturedByLambda(ISymbol local) => _captured.Contains(local);

    /// <summary>Walks a member: its body and every lambda and local function that is analysed on its own.</summary>
    /// <param name="owner">The member.</param>
    /// <param name="blocks">Its operation blocks in order.</param>
    /// <param name="configure">Sets what is special about the member.</param>
    internal void Run(ISymbol owner, IReadOnlyList<IOperation> blocks, System.Action<FunctionFrame> configure)
    {
        foreach (IOperation b in blocks)
            Scan(b);
        Contract contract = owner is IMethodSymbol m ? Contracts.Of(m) : Contract.Empty;
        var frame = new FunctionFrame(owner, contract, blocks[0].Syntax);
        configure(frame);
        RunFunction(frame, () =>
        {
            foreach (IOperation b in blocks)
                RunBlock(b);
        });
        if (_localFunctions.Count != 0)
            RunLocalFunctions();
        RunLambdas();
    }

    private void RunLocalFunctions()
    {
        foreach (var pair in _localFunctions.OrderBy(static p => p.Value.Syntax.SpanStart))
        {
            var symbol = (IMethodSymbol)pair.Key;
            Contract own = Contracts.Of(symbol);
            Model.Checks.CheckFunction(symbol, d => _sticky.Add(d));
            if (pair.Value.Body is null || own.Unsafe)
                continue;
            if (own.HasOwn || _converted.Contains(symbol) || ContractReader.IsIterator(symbol))
                RunNested(symbol, own.HasOwn ? own : Contract.Empty, pair.Value.Body, isLambda: false);
        }
    }

    private void RunLambdas()
    {
        for (int i = 0; i < _queue.Count; i++)
        {
            var (function, type) = _queue[i];
            Contract own = Contracts.Of(function.Symbol);
            Model.Checks.CheckFunction(function.Symbol, d => _sticky.Add(d));
            if (!own.Unsafe)
                RunNested(function.Symbol, LambdaContract(function.Symbol, type), function.Body, isLambda: true);
        }
    }

    private Contract LambdaContract(IMethodSymbol lambda, ITypeSymbol? type)
    {
        Contract own = Contracts.Of(lambda);
        return own.HasOwn ? own : Contracts.OfDelegate(type);
    }

    private void RunNested(IMethodSymbol symbol, Contract contract, IBlockOperation body, bool isLambda)
    {
        var frame = new FunctionFrame(symbol, contract, body.Syntax)
        {
            IsAsync = symbol.IsAsync,
            IsIterator = ContractReader.IsIterator(symbol),
            IsLambda = isLambda,
        };
        RunFunction(frame, () => Stmt(body));
    }

    private void RunBlock(IOperation b)
    {
        switch (b)
        {
            case IMethodBodyOperation m:
                Stmt(m.BlockBody ?? m.ExpressionBody!);
                break;
            case IConstructorBodyOperation c:
                if (c.Initializer is not null)
                    Stmt(c.Initializer);
                if ((c.BlockBody ?? c.ExpressionBody) is { } body)
                    Stmt(body);
                break;
            case ISymbolInitializerOperation i:
                _statement = i.Syntax;
                InitializerBlock(i);
                break;
            default:
                Stmt(b);
                break;
        }
    }

    // A field or property initializer is an assignment to the member.
    private void InitializerBlock(ISymbolInitializerOperation i)
    {
        Eval(i.Value);
        if (!Reachable)
            return;
        Publish();
        Locks.EscapeStored(i.Value);
        References.HandOver(i.Value);
        _s.Drop();
        References.EndExpression();
    }

    private void RunFunction(FunctionFrame frame, System.Action body)
    {
        FunctionFrame caller = Function;
        TryFrame? handler = _try;
        FlowState before = _s;
        int pending = _pending.Count;
        SyntaxNode statement = _statement;
        Function = frame;
        _try = null;
        _statement = frame.Syntax;
        _s = FlowState.Of(new World());
        Locks.Enter(frame);
        References.Enter(frame);
        body();
        LeaveFunction(frame, pending);
        Function = caller;
        _try = handler;
        _statement = statement;
        _s = before;
    }

    private void LeaveFunction(FunctionFrame frame, int pending)
    {
        if (Reachable)
        {
            foreach (World w in _s.Worlds)
                w.Ret = null;
            Location end = EndOf(frame.Syntax);
            Locks.Judge(_s, end, null);
            References.Exit(_s, end, null);
        }

        foreach (Jump j in Take(pending, static _ => true))
        {
            if (!j.State.IsReachable)
                continue;
            _s = j.State;
            if (j.Kind == JumpKind.Return)
            {
                Location at = ExitLocation(j.Operation);
                Locks.Judge(j.State, at, j.Operation as IReturnOperation);
                References.Exit(j.State, at, j.Operation as IReturnOperation);
            }
            else if (j.Kind == JumpKind.Throw)
            {
                Locks.JudgeThrow(j);
                References.ExitThrow(j);
            }
        }

        _s = new FlowState();
        ReturnCodes.EndFunction();
    }

    private static Location EndOf(SyntaxNode syntax)
    {
        SyntaxNode node = syntax;
        switch (node)
        {
            case BaseMethodDeclarationSyntax { Body: { } b }:
                return b.CloseBraceToken.GetLocation();
            case BaseMethodDeclarationSyntax { ExpressionBody: { } e }:
                return e.Expression.GetLocation();
            case AccessorDeclarationSyntax { Body: { } b }:
                return b.CloseBraceToken.GetLocation();
            case AccessorDeclarationSyntax { ExpressionBody: { } e }:
                return e.Expression.GetLocation();
            case ArrowExpressionClauseSyntax a:
                return a.Expression.GetLocation();
            case BlockSyntax b:
                return b.CloseBraceToken.GetLocation();
            case ExpressionSyntax e:
                return e.GetLocation();
            default:
                return node.GetLastToken().GetLocation();
        }
    }

    private static Location ExitLocation(IOperation op) => op.Syntax switch
    {
        ReturnStatementSyntax r => r.ReturnKeyword.GetLocation(),
        YieldStatementSyntax y => y.YieldKeyword.GetLocation(),
        ArrowExpressionClauseSyntax a => a.Expression.GetLocation(),
        BlockSyntax b => b.CloseBraceToken.GetLocation(),
        { } s => s.GetLocation(),
    };

    // ---- lambdas and local functions -------------------------------------------------------------------------------------------------

    private void Scan(IOperation root)
    {
        if (!HasFunctions(root))
            return;
        var lambdas = new Dictionary<ISymbol, IAnonymousFunctionOperation?>(SymbolEqualityComparer.Default);
        var references = new List<ILocalReferenceOperation>();
        Scan(root, lambdas, references);
        foreach (ILocalReferenceOperation r in references)
        {
            if (Inside(r, r.Local.ContainingSymbol))
                _captured.Add(r.Local);
            if (!lambdas.TryGetValue(r.Local, out IAnonymousFunctionOperation? lambda))
                continue;
            if (lambda is null && r.Parent is ISimpleAssignmentOperation a && ReferenceEquals(a.Target, r) && DelegateBody(a.Value) is { } assigned && a.Parent is IExpressionStatementOperation)
            {
                lambdas[r.Local] = assigned;
                continue;
            }

            bool invoked = r.Parent is IInvocationOperation { TargetMethod.MethodKind: MethodKind.DelegateInvoke } i && ReferenceEquals(i.Instance, r);
            invoked |= r.Parent is IConditionalAccessOperation c && ReferenceEquals(c.Operation, r) && c.WhenNotNull is IInvocationOperation { TargetMethod.MethodKind: MethodKind.DelegateInvoke };
            if (!invoked || _captured.Contains(r.Local) || InsideLambda(r, r.Local.ContainingSymbol))
                lambdas.Remove(r.Local);
        }

        foreach (var p in lambdas)
        {
            if (p.Value is not null)
                _onlyInvoked[p.Key] = p.Value;
        }
    }

    private static bool HasFunctions(IOperation op)
    {
        if (op.Kind is OperationKind.AnonymousFunction or OperationKind.LocalFunction)
            return true;
        foreach (IOperation child in op.ChildOperations)
        {
            if (HasFunctions(child))
                return true;
        }

        return false;
    }

    private void Scan(IOperation op, Dictionary<ISymbol, IAnonymousFunctionOperation?> lambdas, List<ILocalReferenceOperation> references)
    {
        switch (op)
        {
            case ILocalFunctionOperation f:
                _localFunctions[f.Symbol] = f;
                break;
            case IMethodReferenceOperation { Method.MethodKind: MethodKind.LocalFunction } m:
                _converted.Add(m.Method.OriginalDefinition);
                break;
            case IVariableDeclaratorOperation { Initializer.Value: { } v } d when DelegateBody(v) is { } lambda:
                lambdas[d.Symbol] = lambda;
                break;
            case IVariableDeclaratorOperation { Initializer: null } d when d.Symbol.Type.TypeKind == TypeKind.Delegate:
                lambdas[d.Symbol] = null;
                break;
            case ILocalReferenceOperation r:
                references.Add(r);
                break;
            case IParameterReferenceOperation p:
                if (Inside(p, p.Parameter.ContainingSymbol))
                    _captured.Add(p.Parameter);
                break;
        }

        foreach (IOperation child in op.ChildOperations)
            Scan(child, lambdas, references);
    }

    // A lambda between a reference and the function that declares the symbol.
    private static bool Inside(IOperation op, ISymbol declaring) => InsideLambda(op, declaring);

    private static bool InsideLambda(IOperation op, ISymbol declaring)
    {
        for (IOperation? p = op.Parent; p is not null; p = p.Parent)
        {
            if (p is IAnonymousFunctionOperation f)
                return !SymbolEqualityComparer.Default.Equals(f.Symbol, declaring);
            if (p is ILocalFunctionOperation l && SymbolEqualityComparer.Default.Equals(l.Symbol, declaring))
                return false;
        }

        return false;
    }

    private IAnonymousFunctionOperation? InlineTarget(IOperation instance)
    {
        while (instance is IParenthesizedOperation p)
            instance = p.Operand;
        if (instance is IConditionalAccessInstanceOperation && instance.Parent?.Parent is IConditionalAccessOperation { Operation: ILocalReferenceOperation l2 } && _onlyInvoked.TryGetValue(l2.Local, out var g))
            return g;
        return instance is ILocalReferenceOperation l && _onlyInvoked.TryGetValue(l.Local, out var f) ? f : null;
    }

    private ILocalFunctionOperation? LocalFunction(IMethodSymbol target)
        => _localFunctions.TryGetValue(target.OriginalDefinition, out var f) ? f : null;

    private void DelegateCreation(IDelegateCreationOperation d)
    {
        IOperation target = d.Target;
        while (target is IParenthesizedOperation or IConversionOperation)
            target = target is IParenthesizedOperation p ? p.Operand : ((IConversionOperation)target).Operand;
        switch (target)
        {
            case IAnonymousFunctionOperation f:
                LambdaCreated(f, d.Type, immediate: false);
                break;
            case IMethodReferenceOperation m:
                if (m.Instance is not null)
                    Eval(m.Instance);
                else
                    _s.Push(Value.None);
                if (Reachable)
                    Locks.MethodGroup(m, d);
                _s.Drop();
                break;
            default:
                EvalDrop(target);
                break;
        }

        _s.Push(Value.None);
    }

    private void LambdaCreated(IAnonymousFunctionOperation f, ITypeSymbol? type, bool immediate)
    {
        if (!Reachable)
            return;
        if (IsExpressionTree(f))
            return;
        Contract own = Contracts.Of(f.Symbol);
        bool onlyInvoked = _onlyInvoked.ContainsValue(f);
        Locks.Captured(f, immediate || onlyInvoked);
        References.Captured(f);
        CapturedObjects(f);
        if (own.HasOwn || !Contracts.OfDelegate(type).IsEmpty)
        {
            Queue(f, type);
            return;
        }

        if (immediate)
        {
            if (!own.Unsafe)
                RunImmediate(f);
            return;
        }

        if (!onlyInvoked || f.Symbol.IsAsync || ContractReader.IsIterator(f.Symbol))
            Queue(f, type);
    }

    private void Queue(IAnonymousFunctionOperation f, ITypeSymbol? type)
    {
        if (_queued.Add(f))
            _queue.Add((f, type));
    }

    private static bool IsExpressionTree(IOperation f)
    {
        for (IOperation? p = f.Parent; p is IDelegateCreationOperation or IConversionOperation or IParenthesizedOperation; p = p.Parent)
        {
            if (p.Type is { Name: "Expression" } t && TypeFacts.IsIn(t, "System", "Linq", "Expressions"))
                return true;
        }

        return f.Syntax.Parent is not null && f.Parent is { Type: { Name: "Expression" } e } && TypeFacts.IsIn(e, "System", "Linq", "Expressions");
    }

    // What a lambda captures can be seen by others from now on.
    private void CapturedObjects(IAnonymousFunctionOperation f)
    {
        foreach (IOperation op in f.Body.Descendants())
        {
            Obj? location = op switch
            {
                ILocalReferenceOperation l => LocalObj(l.Local),
                IParameterReferenceOperation p => ParameterObj(p.Parameter),
                _ => null,
            };
            if (location is null)
                continue;
            foreach (World w in _s.Worlds)
            {
                if (w.Env[location.Id] is { Kind: ValueKind.Obj, Obj: { } o })
                    PublishIn(w, o);
            }
        }
    }

    // Called back before the call returns: the held set of the call, and what the lambda assigns is not known afterwards.
    private void RunImmediate(IAnonymousFunctionOperation f)
    {
        FlowState after = _s.Clone();
        FunctionFrame caller = Function;
        var frame = new FunctionFrame(f.Symbol, Contract.Empty, f.Body.Syntax) { IsAsync = f.Symbol.IsAsync, IsLambda = true, Caller = caller, ExemptThis = false };
        foreach (var p in _s.Worlds[0].Locks.ToList())
            frame.Entry[Objs[p.Key]] = p.Value;
        int pending = _pending.Count;
        SyntaxNode statement = _statement;
        TryFrame? handler = _try;
        _try = null;
        Function = frame;
        References.EnterNested(frame);
        Stmt(f.Body);
        LeaveFunction(frame, pending);
        Function = caller;
        _try = handler;
        _statement = statement;
        _s = after;
        foreach (IOperation op in f.Body.Descendants())
        {
            IOperation? target = op is IAssignmentOperation a ? a.Target : op is IIncrementOrDecrementOperation i ? i.Target : null;
            if (target is not ILocalReferenceOperation l)
                continue;
            Obj location = LocalObj(l.Local);
            Obj o = Produce(ObjKind.Result, (f.Syntax, location), location.Type);
            foreach (World w in _s.Worlds)
                w.Env = w.Env.Set(location.Id, BooleanOr(o));
        }
    }

    private void CallLambda(IAnonymousFunctionOperation f, Operands[] operands, IInvocationOperation call)
    {
        Contract own = Contracts.Of(f.Symbol);
        Contract contract = own.HasOwn ? own : Contracts.OfDelegate(call.Instance?.Type);
        if (own.Unsafe && !own.HasOwn)
            contract = own;
        if (own.HasOwn || own.Unsafe || !contract.IsEmpty || f.Symbol.IsAsync || ContractReader.IsIterator(f.Symbol))
        {
            ApplyCall(new CallSite(f.Symbol, contract, call, call.Syntax), OnThis(operands), call.Arguments, pushResult: true);
            return;
        }

        ThrowPointFor(call);
        Inline(f.Symbol, f.Body, operands, isLambda: true);
    }

    private void CallLocalFunction(ILocalFunctionOperation f, IMethodSymbol target, Operands[] operands, IInvocationOperation call)
    {
        Contract own = Contracts.Of(target);
        if (own.HasOwn || own.Unsafe || f.Body is null || _converted.Contains(target.OriginalDefinition) || ContractReader.IsIterator(target))
        {
            ApplyCall(new CallSite(target, own, call, call.Syntax), OnThis(operands), call.Arguments, pushResult: true);
            return;
        }

        // A byref argument is written by the callee as far as the caller is concerned.
        for (int i = 0; i < operands.Length; i++)
        {
            foreach (IParameterSymbol p in target.Parameters)
            {
                if (p.RefKind is RefKind.Ref or RefKind.Out && operands[i].Argument(p.Ordinal).Location is { } location && !IsCopied(p.Type))
                {
                    Obj o = Produce(ObjKind.Result, (call.Syntax, p.Ordinal), p.Type);
                    _s.Worlds[i].Env = _s.Worlds[i].Env.Set(location.Id, BooleanOr(o));
                }
            }
        }

        Inline(target.OriginalDefinition, f.Body, operands, isLambda: false);
    }

    // A lambda or local function speaks of the instance around it.
    private List<Operands> OnThis(Operands[] operands) => operands.Select(o => new Operands(Value.Of(This()), o.Arguments)).ToList();

    private void Inline(IMethodSymbol symbol, IBlockOperation body, Operands[] operands, bool isLambda)
    {
        for (FunctionFrame? f = Function; f is not null; f = f.Caller)
        {
            if (SymbolEqualityComparer.Default.Equals(f.Symbol, symbol))
            {
                _s.Push(Value.None);
                return;
            }
        }

        FunctionFrame caller = Function;
        SyntaxNode statement = _statement;
        var frame = new FunctionFrame(symbol, caller.Contract, body.Syntax)
        {
            IsInlined = true,
            IsAsync = symbol.IsAsync,
            Caller = caller,
            ExemptThis = caller.ExemptThis && !isLambda,
            ExemptStatics = caller.ExemptStatics,
            ExemptBalance = caller.ExemptBalance,
            IsLambda = caller.IsLambda,
        };
        for (int i = 0; i < operands.Length; i++)
        {
            World w = _s.Worlds[i];
            foreach (IParameterSymbol p in symbol.Parameters)
            {
                Value v = operands[i].Argument(p.Ordinal);
                Obj location = ParameterObj(p);
                w.Env = v.Kind == ValueKind.None || IsCopied(p.Type) ? w.Env.Remove(location.Id) : w.Env.Set(location.Id, v.WithLocation(null).Named());
            }
        }

        int pending = _pending.Count;
        Function = frame;
        Stmt(body);
        FlowState result = _s;
        foreach (World w in result.Worlds)
            w.Ret = Value.None;
        List<Jump> returns = Take(pending, static j => j.Kind == JumpKind.Return);
        SyntaxNode site = GotoSite(body.Operations, body.Operations.Length, returns) ?? body.Syntax;
        foreach (Jump j in returns)
            result = Join(result, j.State, site);
        Function = caller;
        _statement = statement;
        _s = result;
        foreach (World w in _s.Worlds)
        {
            w.Push((w.Ret ?? Value.None).AsUnstable());
            w.Ret = null;
        }
    }
}
