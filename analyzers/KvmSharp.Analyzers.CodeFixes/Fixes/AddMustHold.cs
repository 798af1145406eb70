// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Hands the need for the lock to the callers.</summary>
internal sealed class AddMustHold : Fix
{
    public AddMustHold()
        : base("Require '{0}' from the callers", "KS1001", "KS1002", "KS1003", "KS1012")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        if (target.Lock is not { } expression || Contracts.Member(target.Node) is not { } member || !Contracts.MayChange(target, member))
            return null;
        if ((target.Id == "KS1012" ? IsStored(target) : target.Property("Lock") is null) || target.TypeOf(expression) is null || Contracts.BodyMentions(target, member, expression))
            return null;
        if (Contracts.Path(target, member, expression) is not { } path)
            return null;
        var edits = new Edits(target);
        if (Contracts.Says(member, "MustHold", path) || (target.Shared && Contracts.Says(member, "MustHoldShared", path)))
            return edits;
        if (Contracts.Says(member, "MustNotHold", path) || Contracts.Says(member, "Acquires", path) || Contracts.Says(member, "AcquiresShared", path))
            return null;
        AttributeSyntax? weaker = Contracts.Named(member, "MustHoldShared").FirstOrDefault(attribute => Contracts.Arguments(attribute).Any(argument => Contracts.Same(argument, path)));
        if (weaker is not null && Contracts.Arguments(weaker).Count() == 1)
            return edits.Replace(weaker.Name.Span, weaker.Name.ToString().Replace("MustHoldShared", "MustHold"));
        if (weaker is not null)
            Contracts.Remove(edits, target, weaker, path);
        Contracts.Add(edits, target, member, (target.Shared ? "MustHoldShared(\"" : "MustHold(\"") + path + "\")");
        return edits;
    }

    /// <summary>What is stored can be used without the lock later on, whoever holds it now.</summary>
    private static bool IsStored(FixTarget target)
    {
        ExpressionSyntax? value = target.Node.AncestorsAndSelf().OfType<ExpressionSyntax>().LastOrDefault(node => node.Span.Length <= target.Span.Length);
        return value?.Parent switch
        {
            ReturnStatementSyntax or ArrowExpressionClauseSyntax => false,
            ArgumentSyntax { Parent.Parent: InvocationExpressionSyntax call } => target.Model.GetSymbolInfo(call, target.Cancellation).Symbol?.ContainingNamespace?.ToDisplayString().StartsWith("System.Collections", System.StringComparison.Ordinal) ?? true,
            _ => true,
        };
    }
}
