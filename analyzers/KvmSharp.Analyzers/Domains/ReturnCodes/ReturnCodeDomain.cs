// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Flow;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Domains.ReturnCodes;

/// <summary>Results that must be checked, error pointers, and the sign of errors.</summary>
internal sealed class ReturnCodeDomain
{
    private const int Untested = 1;
    private const int Fine = 2;
    private const int Error = 4;

    private readonly Walker _walker;
    private readonly Dictionary<Obj, (SyntaxNode At, string Name)> _mustCheck = new();
    private readonly Dictionary<SyntaxNode, string> _stored = new();
    private readonly HashSet<SyntaxNode> _read = new();
    private readonly HashSet<int> _errorValues = new();

    internal ReturnCodeDomain(Walker walker) => _walker = walker;

    private List<World> Worlds => _walker.State.Worlds;

    // ---- KS4001 --------------------------------------------------------------------------------------------------------------------

    /// <summary>An expression whose value is thrown away.</summary>
    internal void Discarded(IOperation op)
    {
        if (MustCheckCall(op) is { } call)
            ReportUnchecked(call.Syntax, NameOf(call));
    }

    internal void ExplicitDiscard(IOperation value)
    {
        if (_walker.Settings.ReportDiscards)
            Discarded(value);
    }

    /// <summary>A value is stored. Stack: location, value.</summary>
    internal void Storing(IOperation? target, ILocalSymbol? declared, IOperation? valueOperation)
    {
        ILocalSymbol? local = declared ?? (target as ILocalReferenceOperation)?.Local;
        if (local is null)
            return;
        int id = _walker.LocalObj(local).Id;
        foreach (World w in Worlds)
        {
            Value v = w.Peek();
            w.Unread = w.Unread.Remove(id);
            if (v.Obj is { } o && v.Unstable && _mustCheck.TryGetValue(o, out var call) && !_walker.IsCapturedByLambda(local))
            {
                _stored[call.At] = call.Name;
                w.Unread = w.Unread.Set(id, new SiteList(call.At));
            }
        }
    }

    internal void ReadLocal(ILocalSymbol local)
    {
        int id = _walker.LocalObj(local).Id;
        foreach (World w in Worlds)
        {
            if (w.Unread[id] is not { } sites)
                continue;
            foreach (SyntaxNode n in sites.Nodes)
                _read.Add(n);
            w.Unread = w.Unread.Remove(id);
        }
    }

    internal void EndFunction()
    {
        foreach (var p in _stored)
        {
            if (!_read.Contains(p.Key))
                ReportUnchecked(p.Key, p.Value);
        }

        _stored.Clear();
    }

    internal void Result(CallSite site, Obj? result)
    {
        if (result is null)
            return;
        if (site.Contract.MustCheck)
            _mustCheck[result] = (site.Syntax, site.Name);
        if (site.Contract.ErrorPointer)
        {
            foreach (World w in Worlds)
                w.Errors = w.Errors.Set(result.Id, Bits.Of(Untested));
        }

        if (site.Method.Name is "ERR_PTR" or "ERR_CAST")
            _errorValues.Add(result.Id);
    }

    // ---- KS4002 --------------------------------------------------------------------------------------------------------------------

    /// <summary>What a method tests, if it is one of the error tests.</summary>
    internal TestKind? ErrorTest(IMethodSymbol m)
    {
        if (!_walker.Settings.ErrorTests.Contains(m.Name) || m.ReturnType.SpecialType != SpecialType.System_Boolean)
            return null;
        if (m.IsStatic ? m.Parameters.Length != 1 : m.Parameters.Length != 0 && m.ReducedFrom is null)
            return null;
        return KindOf(m.Name);
    }

    internal TestKind? ErrorTest(IPropertySymbol p)
        => _walker.Settings.ErrorTests.Contains(p.Name) && p.Type.SpecialType == SpecialType.System_Boolean && p.Parameters.IsEmpty ? KindOf(p.Name) : null;

    internal bool LearnError(World w, Obj o, bool isError)
    {
        if (w.Errors[o.Id] is not { } b)
            return true;
        if (isError)
        {
            if ((b.Value & (Untested | Error)) == 0)
                return false;
            w.Errors = w.Errors.Set(o.Id, Bits.Of(Error));
            foreach (var p in w.Locks.ToList())
            {
                if (_walker.Objs[p.Key].Contains(o))
                    w.Locks = w.Locks.Remove(p.Key);
            }

            return true;
        }

        if (b.Value == Error)
            return false;
        w.Errors = w.Errors.Set(o.Id, Bits.Of(Fine));
        return true;
    }

    internal bool IsErrorValue(World w, Value? v)
        => v?.Obj is { } o && (_errorValues.Contains(o.Id) || w.Errors[o.Id] is { Value: Error });

    /// <summary>The receiver on top of the stack is used.</summary>
    internal void UseTop(IOperation instance, IOperation use)
    {
        string? name = use switch
        {
            IInvocationOperation i => i.TargetMethod.Name,
            IPropertyReferenceOperation p => p.Property.Name,
            _ => null,
        };
        foreach (World w in Worlds)
        {
            if (w.Peek().Obj is { } o && Bad(w, o, name))
            {
                ReportUse(use.Syntax, o, instance);
                return;
            }
        }
    }

    internal void UseOwner(IFieldReferenceOperation f)
    {
        foreach (World w in Worlds)
        {
            if (w.Peek().Location is { Kind: ObjKind.Member, Parent: { } o } && Bad(w, o, f.Field.Name))
            {
                ReportUse(f.Syntax, o, f.Instance);
                return;
            }
        }
    }

    internal void UseArguments(CallSite site, List<Operands> operands, ImmutableArray<IArgumentOperation>? arguments)
    {
        if (arguments is not { } list)
            return;
        foreach (IArgumentOperation a in list)
        {
            int ordinal = a.Parameter?.Ordinal ?? -1;
            if (site.Contract.Parameter(ordinal).ErrorPointer)
                continue;
            for (int i = 0; i < Worlds.Count; i++)
            {
                if (operands[i].Argument(ordinal) is { Kind: ValueKind.Obj, Obj: { } o } && Bad(Worlds[i], o, site.Method.Name))
                {
                    ReportUse(a.Value.Syntax, o, a.Value);
                    break;
                }
            }
        }
    }

    /// <summary>A returned value is on top of the stack.</summary>
    internal void Returned(IReturnOperation r)
    {
        if (r.ReturnedValue is null)
            return;
        if (!_walker.Function.IsInlined && !_walker.Function.Contract.ErrorPointer)
        {
            foreach (World w in Worlds)
            {
                if (w.Peek() is { Kind: ValueKind.Obj, Obj: { } o } && Bad(w, o, null))
                {
                    ReportUse(r.ReturnedValue.Syntax, o, r.ReturnedValue);
                    break;
                }
            }
        }

        PositiveErrno(r);
    }

    // ---- KS4003 --------------------------------------------------------------------------------------------------------------------

    /// <summary>The value of a constant: a positive errno constant is remembered by name.</summary>
    internal Value ConstantValue(IOperation op) => ErrnoName(op) is { } name ? Value.None.WithErrno(name) : Value.None;

    private static bool IsErrnoName(string name)
    {
        if (name.Length < 2 || name[0] != 'E')
            return false;
        for (int i = 1; i < name.Length; i++)
        {
            if (!(name[i] is >= 'A' and <= 'Z' or >= '0' and <= '9'))
                return false;
        }

        return true;
    }

    private static TestKind KindOf(string name) => name.EndsWith("NULL", System.StringComparison.OrdinalIgnoreCase) ? TestKind.IsErrorOrNull : TestKind.IsError;

    private static string NameOf(IOperation op) => op switch
    {
        IInvocationOperation i => i.TargetMethod.Name,
        IPropertyReferenceOperation p => p.Property.Name,
        IObjectCreationOperation c => c.Type?.Name ?? "new",
        _ => op.Syntax.ToString(),
    };

    private string? ErrnoName(IOperation op)
    {
        while (op is IConversionOperation or IParenthesizedOperation)
            op = op is IConversionOperation c ? c.Operand : ((IParenthesizedOperation)op).Operand;
        if (op is not IFieldReferenceOperation { Field: { HasConstantValue: true } f } || !IsErrnoName(f.Name) || f.ContainingType is not { } type)
            return null;
        bool listed = _walker.Settings.ErrnoTypes.Contains(type.Name) || _walker.Settings.ErrnoTypes.Contains(KnownApis.ImmediateInvokers.FullName(type));
        if (!listed)
            return null;
        return f.ConstantValue switch
        {
            int i when i > 0 => f.Name,
            long l when l > 0 => f.Name,
            short s when s > 0 => f.Name,
            byte b when b > 0 => f.Name,
            uint u when u > 0 => f.Name,
            ulong u when u > 0 => f.Name,
            ushort u when u > 0 => f.Name,
            sbyte s when s > 0 => f.Name,
            _ => null,
        };
    }

    private void PositiveErrno(IReturnOperation r)
    {
        ITypeSymbol? type = TypeFacts.Awaited(_walker.Function.Method?.ReturnType);
        if (r.Kind == OperationKind.YieldReturn || type?.SpecialType is not (SpecialType.System_Int32 or SpecialType.System_Int64))
            return;
        string? name = Arm(r.ReturnedValue!);
        if (name is null && Worlds.Count != 0 && Worlds.TrueForAll(static w => w.Peek().Errno is not null))
            name = Worlds[0].Peek().Errno;
        if (name is null)
            return;
        Location at = r.Syntax switch
        {
            ReturnStatementSyntax s => s.ReturnKeyword.GetLocation(),
            ArrowExpressionClauseSyntax a => a.Expression.GetLocation(),
            { } n => n.GetLocation(),
        };
        _walker.Report(Descriptors.PositiveErrno, at, null, ImmutableDictionary<string, string?>.Empty.Add("Constant", name), name);
    }

    private string? Arm(IOperation op)
    {
        switch (op)
        {
            case IParenthesizedOperation p:
                return Arm(p.Operand);
            case IConversionOperation { OperatorMethod: null } c:
                return Arm(c.Operand);
            case IConditionalOperation { WhenFalse: not null } c:
                return Arm(c.WhenTrue) ?? Arm(c.WhenFalse!);
            case ICoalesceOperation c:
                return Arm(c.Value) ?? Arm(c.WhenNull);
            case ISwitchExpressionOperation s:
                foreach (ISwitchExpressionArmOperation arm in s.Arms)
                {
                    if (Arm(arm.Value) is { } n)
                        return n;
                }

                return null;
            default:
                return ErrnoName(op);
        }
    }

    private IOperation? MustCheckCall(IOperation op)
    {
        while (true)
        {
            switch (op)
            {
                case IAwaitOperation a:
                    op = a.Operation;
                    continue;
                case IConversionOperation c:
                    op = c.Operand;
                    continue;
                case IParenthesizedOperation p:
                    op = p.Operand;
                    continue;
                case IConditionalAccessOperation ca:
                    op = ca.WhenNotNull;
                    continue;
                case IInvocationOperation { TargetMethod.Name: "ConfigureAwait", Instance: { } inner } when TypeFacts.IsTask(inner.Type):
                    op = inner;
                    continue;
                case IInvocationOperation i:
                    Contract contract = i.TargetMethod.MethodKind == MethodKind.DelegateInvoke ? _walker.Contracts.OfDelegate(i.TargetMethod.ContainingType) : _walker.Contracts.Of(i.TargetMethod);
                    return contract.MustCheck || (!i.TargetMethod.ReturnsVoid && _walker.Contracts.Type(TypeFacts.Awaited(i.TargetMethod.ReturnType)).MustCheck) ? i : null;
                case IPropertyReferenceOperation p:
                    return _walker.Contracts.Of(p.Property.GetMethod).MustCheck ? p : null;
                case IObjectCreationOperation c:
                    return _walker.Contracts.Type(c.Type).MustCheck ? c : null;
                default:
                    return null;
            }
        }
    }

    private static bool Bad(World w, Obj o, string? member)
    {
        if (w.Errors[o.Id] is not { } b || (b.Value & (Untested | Error)) == 0)
            return false;
        return !(b.Value == Error && member is "PTR_ERR" or "ERR_CAST" or "ErrorCode" && b.Value == Error);
    }

    private void ReportUse(SyntaxNode at, Obj o, IOperation? handle)
        => _walker.Report(Descriptors.ErrorPointerUse, at.GetLocation(), null, ImmutableDictionary<string, string?>.Empty.Add("Handle", handle?.Syntax.ToString()), handle?.Syntax.ToString() ?? o.ToString());

    private void ReportUnchecked(SyntaxNode at, string name)
        => _walker.Report(Descriptors.UncheckedResult, at.GetLocation(), null, ImmutableDictionary<string, string?>.Empty.Add("Member", name), name);
}
