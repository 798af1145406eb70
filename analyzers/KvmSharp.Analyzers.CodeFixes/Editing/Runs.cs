// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Editing;

/// <summary>Runs of statements that can be put into braces without hiding a local from what follows.</summary>
internal static class Runs
{
    /// <summary>The statements of the list a statement stands in; itself alone if it is embedded.</summary>
    /// <param name="statement">Statement.</param>
    /// <returns>The list.</returns>
    public static IReadOnlyList<StatementSyntax> Siblings(StatementSyntax statement) => statement.Parent switch
    {
        BlockSyntax block => block.Statements,
        SwitchSectionSyntax section => section.Statements,
        GlobalStatementSyntax { Parent: CompilationUnitSyntax unit } => unit.Members.OfType<GlobalStatementSyntax>().Select(global => global.Statement).ToList(),
        _ => new[] { statement },
    };

    /// <summary>The last statement of the shortest run from one statement to at least another that uses all locals it declares.</summary>
    /// <param name="target">Diagnostic.</param>
    /// <param name="first">First statement.</param>
    /// <param name="atLeast">A later one, or the same.</param>
    /// <returns>The last one.</returns>
    public static StatementSyntax End(FixTarget target, StatementSyntax first, StatementSyntax atLeast)
    {
        IReadOnlyList<StatementSyntax> list = Siblings(first);
        int from = IndexOf(list, first);
        int to = IndexOf(list, atLeast);
        var declared = new HashSet<ISymbol>(SymbolEqualityComparer.Default);
        int scanned = from;
        while (true)
        {
            for (; scanned <= to; scanned++)
            {
                foreach (SyntaxNode node in list[scanned].DescendantNodesAndSelf())
                {
                    if (node is VariableDeclaratorSyntax or SingleVariableDesignationSyntax or LocalFunctionStatementSyntax
                        && target.Model.GetDeclaredSymbol(node, target.Cancellation) is { } symbol)
                        declared.Add(symbol);
                }
            }

            int last = to;
            for (int i = to + 1; i < list.Count; i++)
            {
                if (list[i].DescendantNodes().OfType<IdentifierNameSyntax>().Any(name => target.Model.GetSymbolInfo(name, target.Cancellation).Symbol is { } used && declared.Contains(used)))
                    last = i;
            }

            if (last == to)
                return list[to];
            to = last;
        }
    }

    public static int IndexOf(IReadOnlyList<StatementSyntax> list, StatementSyntax statement)
    {
        for (int i = 0; i < list.Count; i++)
        {
            if (list[i] == statement)
                return i;
        }

        return -1;
    }

    /// <summary>Whether a run can stand inside a <c>lock</c> or a <c>try</c>: no label that is jumped to from outside, no yield.</summary>
    /// <param name="first">First statement.</param>
    /// <param name="last">Last statement.</param>
    /// <param name="awaitAllowed">Whether it may wait.</param>
    /// <returns>Whether it can.</returns>
    public static bool CanWrap(StatementSyntax first, StatementSyntax last, bool awaitAllowed)
        => Siblings(first).Where(statement => statement.SpanStart >= first.SpanStart && statement.SpanStart <= last.SpanStart)
            .SelectMany(statement => statement.DescendantNodesAndSelf(node => node is not (AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax)))
            .All(node => node is not (LabeledStatementSyntax or YieldStatementSyntax) && (awaitAllowed || node is not AwaitExpressionSyntax)
                && node is not LocalDeclarationStatementSyntax { AwaitKeyword.RawKind: (int)SyntaxKind.AwaitKeyword });
}
