// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Flushes the TLBs before the folio is given away.</summary>
internal sealed class InsertFlush : Fix
{
    private static readonly string[] Names = { "flush_tlb_folio", "flush_tlb_kernel_range", "flush_tlb_all" };

    public InsertFlush()
        : base("Flush the TLB of '{0}' first", "KS3003")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (Folio(target) is not { } handle || target.TypeOf(handle) is not { } type || target.Statement is not { } statement)
            return null;
        foreach (string name in Configured(target))
        {
            IMethodSymbol? flush = target.Model.LookupSymbols(target.BindingPosition, name: name).OfType<IMethodSymbol>()
                .Concat(LockIdiom.StaticMethods(target, type).Where(method => method.Name == name))
                .FirstOrDefault(method => method.IsStatic && (method.Parameters.Length == 0
                    || (method.Parameters.Length == 1 && target.Model.Compilation.HasImplicitConversion(type, method.Parameters[0].Type))));
            if (flush is not null)
                return new Edits(target).InsertBefore(statement, LockIdiom.NameOf(target, flush) + "(" + (flush.Parameters.Length == 0 ? string.Empty : handle) + ");");
        }

        return null;
    }

    /// <summary>The folio is the first argument of the call that gives it away, or its receiver.</summary>
    private static string? Folio(FixTarget target)
        => target.Node.FirstAncestorOrSelf<InvocationExpressionSyntax>() switch
        {
            { ArgumentList.Arguments: { Count: > 0 } arguments } => arguments[0].Expression.ToString(),
            { Expression: MemberAccessExpressionSyntax access } => access.Expression.ToString(),
            _ => target.Handle,
        };

    private static string[] Configured(FixTarget target)
        => target.Option("kvmsharp.directmap_flush") is { } names
            ? names.Split(';').Select(name => name.Trim()).Where(name => name.Length > 0).ToArray()
            : Names;
}
