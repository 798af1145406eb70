// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Returns the errno as the negative number it is.</summary>
internal sealed class NegateErrno : Fix
{
    public NegateErrno()
        : base("Return the negative errno", "KS4003")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        ExpressionSyntax? value = target.Token.Parent?.FirstAncestorOrSelf<ReturnStatementSyntax>()?.Expression
            ?? target.Node.FirstAncestorOrSelf<ArrowExpressionClauseSyntax>()?.Expression;
        if (value is null)
            return null;
        var edits = new Edits(target);
        var seen = new HashSet<ISymbol>(SymbolEqualityComparer.Default);
        Negate(target, edits, value, seen);
        return edits.Changes.Count == 0 ? null : edits;
    }

    private static void Negate(FixTarget target, Edits edits, ExpressionSyntax value, HashSet<ISymbol> seen)
    {
        switch (value)
        {
            case ParenthesizedExpressionSyntax inner:
                Negate(target, edits, inner.Expression, seen);
                return;
            case ConditionalExpressionSyntax choice:
                Negate(target, edits, choice.WhenTrue, seen);
                Negate(target, edits, choice.WhenFalse, seen);
                return;
            case BinaryExpressionSyntax binary when binary.IsKind(SyntaxKind.CoalesceExpression):
                Negate(target, edits, binary.Left, seen);
                Negate(target, edits, binary.Right, seen);
                return;
            case SwitchExpressionSyntax choice:
                foreach (SwitchExpressionArmSyntax arm in choice.Arms)
                    Negate(target, edits, arm.Expression, seen);
                return;
            case IdentifierNameSyntax or MemberAccessExpressionSyntax:
                break;
            default:
                return;
        }

        switch (target.Model.GetSymbolInfo(value, target.Cancellation).Symbol)
        {
            case IFieldSymbol { HasConstantValue: true } field when IsPositive(field.ConstantValue) && IsErrno(field.Name):
                edits.Insert(value.SpanStart, "-");
                return;
            case ILocalSymbol local when seen.Add(local):
                if (local.DeclaringSyntaxReferences.FirstOrDefault()?.GetSyntax(target.Cancellation) is VariableDeclaratorSyntax { Initializer: { } initializer })
                    Negate(target, edits, initializer.Value, seen);
                foreach (AssignmentExpressionSyntax assignment in value.FirstAncestorOrSelf<MemberDeclarationSyntax>()!.DescendantNodes().OfType<AssignmentExpressionSyntax>()
                    .Where(assignment => assignment.IsKind(SyntaxKind.SimpleAssignmentExpression)
                        && SymbolEqualityComparer.Default.Equals(target.Model.GetSymbolInfo(assignment.Left, target.Cancellation).Symbol, local)))
                    Negate(target, edits, assignment.Right, seen);
                return;
        }
    }

    private static bool IsPositive(object? value) => value is int and > 0 or long and > 0;

    private static bool IsErrno(string name) => name.Length > 1 && name[0] == 'E' && name.Skip(1).All(letter => char.IsUpper(letter) || char.IsDigit(letter));
}
