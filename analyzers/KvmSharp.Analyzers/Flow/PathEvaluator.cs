// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using KvmSharp.Analyzers.ContractModel;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Turns a bound lock expression into the object it denotes in one world.</summary>
internal static class PathEvaluator
{
    /// <summary>Resolves a path with receiver and arguments substituted.</summary>
    /// <param name="walker">The walker.</param>
    /// <param name="w">The world.</param>
    /// <param name="path">The path.</param>
    /// <param name="operands">Receiver and arguments.</param>
    /// <param name="result">The object a call returns.</param>
    /// <param name="depth">Guards against circles of <c>ReturnsLock</c>.</param>
    /// <returns>The object; null if the root is null or has no stable path.</returns>
    internal static Obj? Resolve(Walker walker, World w, BoundPath path, Operands operands, Obj? result, int depth = 0)
    {
        Obj? o;
        switch (path.Root)
        {
            case RootKind.Any:
                return walker.AnyLock;
            case RootKind.This or RootKind.Receiver:
                o = Stable(operands.Receiver);
                break;
            case RootKind.Captured:
                o = Stable(operands.Receiver);
                if (o is not null)
                    o = Current(walker, w, walker.MemberOf(o, path.RootSymbol!));
                break;
            case RootKind.Parameter:
                o = Stable(operands.Argument(path.Ordinal));
                break;
            case RootKind.Value:
                o = Stable(operands.Arguments.Length == 0 ? Value.None : operands.Arguments[operands.Arguments.Length - 1]);
                break;
            case RootKind.Return:
                o = result;
                break;
            default:
                o = Member(walker, w, null, path.RootSymbol!, depth);
                break;
        }

        foreach (ISymbol? s in path.Segments)
        {
            if (o is null)
                return null;
            o = s is null
                ? walker.Objs.Get(ObjKind.SomeElement, o, type: TypeFacts.ElementType(o.Type))
                : Member(walker, w, o, s, depth);
        }

        return o;
    }

    internal static Obj? Stable(Value v)
    {
        if (v.Kind is not (ValueKind.Obj or ValueKind.Test) || v.Obj is null)
            return v.Location;
        if (!v.Unstable)
            return v.Obj;
        for (Obj? o = v.Obj; o is not null; o = o.Parent)
        {
            if (o.Kind == ObjKind.SomeElement)
                return v.Obj;
        }

        return null;
    }

    private static Obj? Member(Walker walker, World w, Obj? owner, ISymbol member, int depth)
    {
        if (depth < 8)
        {
            IMethodSymbol? m = member as IMethodSymbol ?? (member as IPropertySymbol)?.GetMethod;
            if (m is not null && walker.Contracts.Of(m).ReturnsLock is { } path)
                return Resolve(walker, w, path, new Operands(owner is null ? Value.None : Value.Of(owner), Array.Empty<Value>()), null, depth + 1);
        }

        return Current(walker, w, owner is null || member.IsStatic ? walker.StaticOf(member) : walker.MemberOf(owner, member));
    }

    private static Obj? Current(Walker walker, World w, Obj location)
    {
        Value v = w.Read(location);
        return v.Kind is ValueKind.Obj or ValueKind.Test ? v.Obj : v.Kind == ValueKind.Null ? null : location;
    }
}
