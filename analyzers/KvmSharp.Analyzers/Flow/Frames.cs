// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Domains.Locks;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Kinds of jumps that wait for their target.</summary>
internal enum JumpKind
{
    /// <summary>break, continue or goto.</summary>
    Branch,

    /// <summary>return or yield break.</summary>
    Return,

    /// <summary>An explicit throw.</summary>
    Throw,
}

/// <summary>A jump on its way out, with the state it carries.</summary>
internal sealed class Jump
{
    internal Jump(JumpKind kind, ILabelSymbol? target, FlowState state, SyntaxNode syntax, IOperation operation)
    {
        Kind = kind;
        Target = target;
        State = state;
        Syntax = syntax;
        Operation = operation;
    }

    internal JumpKind Kind { get; }

    internal ILabelSymbol? Target { get; }

    internal FlowState State { get; set; }

    internal SyntaxNode Syntax { get; }

    internal IOperation Operation { get; }

    internal ITypeSymbol? Thrown { get; set; }
}

/// <summary>Collects the states in which the code under a handler can throw.</summary>
internal sealed class TryFrame
{
    internal TryFrame(TryFrame? outer, int depth)
    {
        Outer = outer;
        Depth = depth;
    }

    internal TryFrame? Outer { get; }

    internal int Depth { get; }

    internal FlowState? Points { get; set; }

    internal World? Last { get; set; }
}

/// <summary>The member, lambda or local function whose body is being walked.</summary>
internal sealed class FunctionFrame
{
    internal FunctionFrame(ISymbol symbol, Contract contract, SyntaxNode syntax)
    {
        Symbol = symbol;
        Contract = contract;
        Syntax = syntax;
    }

    internal ISymbol Symbol { get; }

    internal IMethodSymbol? Method => Symbol as IMethodSymbol;

    internal Contract Contract { get; }

    internal SyntaxNode Syntax { get; }

    /// <summary>Gets or sets a value indicating whether the exit points are judged by whoever called.</summary>
    internal bool IsInlined { get; set; }

    internal bool IsAsync { get; set; }

    internal bool IsIterator { get; set; }

    internal bool ExemptThis { get; set; }

    internal bool ExemptStatics { get; set; }

    internal bool ExemptBalance { get; set; }

    /// <summary>Gets or sets a value indicating whether statements of the body are lambda code, in which captured handles have unknown owners.</summary>
    internal bool IsLambda { get; set; }

    internal ISet<ISymbol>? OwnedLocals { get; set; }

    internal FunctionFrame? Caller { get; set; }

    /// <summary>Gets or sets the instance and the parameters of the function, once somebody asked.</summary>
    internal Operands? Self { get; set; }

    /// <summary>Gets the locks held by contract at entry.</summary>
    internal Dictionary<Obj, LockState> Entry { get; } = new();

    /// <summary>Gets or sets a value indicating whether a suspension has passed, so that thread-bound locks held by contract are gone.</summary>
    internal HashSet<Obj> LostByAwait { get; } = new();
}

/// <summary>The body took more visits than the budget allows.</summary>
internal sealed class BudgetExceededException : Exception
{
}
