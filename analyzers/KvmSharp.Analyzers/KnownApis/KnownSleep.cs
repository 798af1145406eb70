// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using KvmSharp.Analyzers.ContractModel;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.KnownApis;

/// <summary>The .NET members that block.</summary>
internal static class KnownSleep
{
    internal static bool Sleeps(IMethodSymbol m)
    {
        INamedTypeSymbol? type = m.ContainingType;
        if (type is null)
            return false;
        if (TypeFacts.IsIn(type, "System", "Threading"))
        {
            return type.Name switch
            {
                "Thread" => m.Name is "Sleep" or "Join",
                "WaitHandle" => m.Name is "WaitOne" or "WaitAll" or "WaitAny",
                "ManualResetEventSlim" or "CountdownEvent" => m.Name == "Wait",
                "Barrier" => m.Name == "SignalAndWait",
                _ => false,
            };
        }

        if (TypeFacts.IsIn(type, "System", "Threading", "Tasks"))
            return type.Name == "Task" && (m.Name is "Wait" or "WaitAll" or "WaitAny" || (m.Name == "get_Result" && type.Arity == 1));
        if (TypeFacts.IsIn(type, "System", "Runtime", "CompilerServices"))
            return m.Name == "GetResult" && type.Name is "TaskAwaiter" or "ConfiguredTaskAwaiter" or "ValueTaskAwaiter" or "ConfiguredValueTaskAwaiter" && m.Name == "GetResult";
        return type.Name == "BlockingCollection" && m.Name == "Take" && TypeFacts.IsIn(type, "System", "Collections", "Concurrent");
    }

    /// <summary>True if the call passes a literal zero timeout, so that it does not block.</summary>
    /// <param name="arguments">Arguments of the call.</param>
    /// <returns>Whether the call only polls.</returns>
    internal static bool ZeroTimeout(IEnumerable<IArgumentOperation> arguments)
    {
        foreach (IArgumentOperation a in arguments)
        {
            if (a.ArgumentKind != ArgumentKind.Explicit || a.Parameter is null)
                continue;
            IOperation value = a.Value;
            while (value is IConversionOperation c)
                value = c.Operand;
            if (a.Parameter.Name is "millisecondsTimeout" or "timeout" or "millisecondsDelay")
            {
                if (value.ConstantValue is { HasValue: true, Value: int and 0 or long and 0L or uint and 0u })
                    return true;
                if (value is IFieldReferenceOperation { Field: { Name: "Zero", ContainingType.Name: "TimeSpan" } })
                    return true;
            }
        }

        return false;
    }
}
