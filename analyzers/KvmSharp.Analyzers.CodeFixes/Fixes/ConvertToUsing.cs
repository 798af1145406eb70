// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Lets the end of its scope dispose a guard.</summary>
internal sealed class ConvertToUsing : Fix
{
    public ConvertToUsing()
        : base("Dispose the guard of '{0}' with using", "KS1007")
    {
    }

    /// <summary>The declaration of the guard that manages a lock.</summary>
    /// <param name="target">Diagnostic.</param>
    /// <param name="expression">Lock.</param>
    /// <returns>The declaration, or null.</returns>
    public static LocalDeclarationStatementSyntax? Guard(FixTarget target, string expression)
        => Contracts.Member(target.Node) is { } member && Contracts.Body(member) is BlockSyntax body
            ? body.DescendantNodes().OfType<LocalDeclarationStatementSyntax>().FirstOrDefault(declaration => declaration.Declaration.Variables.Count == 1
                && declaration.SpanStart < target.Span.End
                && declaration.Declaration.Variables[0].Initializer is { } initializer
                && target.Model.GetTypeInfo(initializer.Value, target.Cancellation).Type is { } type && LockIdiom.Has(type, "ScopedLock")
                && initializer.DescendantNodes().Any(node => Contracts.Same(node.ToString(), expression)))
            : null;

    public override Edits? Apply(FixTarget target)
    {
        if (target.Lock is not { } expression || Guard(target, expression) is not { } declaration)
            return null;
        if (target.Model.GetDeclaredSymbol(declaration.Declaration.Variables[0], target.Cancellation) is not { } guard || IsAssigned(target, declaration.Parent!, guard))
            return null;
        var edits = new Edits(target);
        return declaration.UsingKeyword.RawKind == 0 ? edits.Insert(declaration.SpanStart, "using ") : edits;
    }

    private static bool IsAssigned(FixTarget target, SyntaxNode scope, ISymbol guard)
        => scope.DescendantNodes().Any(node => (node is AssignmentExpressionSyntax { Left: var left } && SymbolEqualityComparer.Default.Equals(target.Model.GetSymbolInfo(left, target.Cancellation).Symbol, guard))
            || (node is ArgumentSyntax { RefKindKeyword.RawKind: not 0 } argument && SymbolEqualityComparer.Default.Equals(target.Model.GetSymbolInfo(argument.Expression, target.Cancellation).Symbol, guard)));
}
