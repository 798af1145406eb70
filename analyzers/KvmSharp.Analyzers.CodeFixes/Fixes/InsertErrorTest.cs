// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using KvmSharp.Analyzers.CodeFixes.Editing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvmSharp.Analyzers.CodeFixes.Fixes;

/// <summary>Tests an error pointer before it is used.</summary>
internal sealed class InsertErrorTest : Fix
{
    private static readonly string[] Names = { "IS_ERR", "IS_ERR_OR_NULL", "IsError", "IsErr" };

    public InsertErrorTest()
        : base("Test for an error first", "KS4002")
    {
    }

    public override Edits? Apply(FixTarget target)
    {
        StatementSyntax? statement = target.Statement;
        if (statement?.Parent is not (BlockSyntax or SwitchSectionSyntax) && statement is not null && target.Handle is null)
            return null;
        ArrowExpressionClauseSyntax? arrow = statement is null ? target.Node.FirstAncestorOrSelf<ArrowExpressionClauseSyntax>() : null;
        if (statement is null && arrow is null)
            return null;
        ExpressionSyntax? call = null;
        string? handle = target.Handle;
        if (handle is null || target.SymbolOf(SyntaxFactory.ParseExpression(handle)) is not (ILocalSymbol or IParameterSymbol))
        {
            call = target.Node.AncestorsAndSelf().OfType<ExpressionSyntax>().Concat(target.Node.DescendantNodes().OfType<ExpressionSyntax>())
                .FirstOrDefault(node => target.Model.GetSymbolInfo(node, target.Cancellation).Symbol is { } symbol && node is InvocationExpressionSyntax && IsErrorPointer(symbol));
            if (call is null || target.Model.LookupSymbols(call.SpanStart, name: "value").Any(symbol => symbol is ILocalSymbol or IParameterSymbol))
                return null;
            handle = "value";
        }

        ITypeSymbol? type = call is null ? target.TypeOf(handle) : target.Model.GetTypeInfo(call, target.Cancellation).Type;
        if (type is null || Test(target, type, handle) is not { } test)
            return null;
        string leave = Leave(target, handle);
        var edits = new Edits(target);
        if (statement is not null)
        {
            string deeper = edits.IsFirstOnLine(statement.SpanStart) ? edits.NewLine + Edits.Deeper(edits.IndentAt(statement.SpanStart)) : " ";
            if (call is null)
                return edits.InsertBefore(statement, "if (" + test + ")" + deeper + leave);
            edits.InsertBefore(statement, Declare(target, type, call), "if (" + test + ")" + deeper + leave);
            return edits.Replace(call.Span, handle);
        }

        if (call is null)
            return null;
        string body = arrow!.Expression.ToString().Remove(call.SpanStart - arrow.Expression.SpanStart, call.Span.Length).Insert(call.SpanStart - arrow.Expression.SpanStart, handle);
        return edits.ReplaceBody(arrow, Declare(target, type, call), "if (" + test + ")", "    " + leave, Contracts.ReturnType(target) is null ? body + ";" : "return " + body + ";");
    }

    private static string Declare(FixTarget target, ITypeSymbol type, ExpressionSyntax call) => type.ToMinimalDisplayString(target.Model, call.SpanStart) + " value = " + call + ";";

    private static bool IsErrorPointer(ISymbol symbol)
        => LockIdiom.Has(symbol, "ErrorPointer") || (symbol is IMethodSymbol method && method.GetReturnTypeAttributes().Any(data => data.AttributeClass?.Name == "ErrorPointerAttribute"));

    private static string? Test(FixTarget target, ITypeSymbol type, string handle)
    {
        string[] names = target.Option("kvmsharp.errptr_test_methods") is { } configured
            ? configured.Split(';', ',').Select(name => name.Trim()).Where(name => name.Length > 0).ToArray()
            : Names;
        foreach (string name in names)
        {
            ISymbol? own = type.GetMembers(name).FirstOrDefault();
            if (own is IPropertySymbol { Type.SpecialType: SpecialType.System_Boolean, IsStatic: false })
                return handle + "." + name;
            if (own is IMethodSymbol { ReturnType.SpecialType: SpecialType.System_Boolean, Parameters.Length: 0, IsStatic: false })
                return handle + "." + name + "()";
            IMethodSymbol? other = target.Model.LookupSymbols(target.BindingPosition, name: name).OfType<IMethodSymbol>()
                .Concat(LockIdiom.StaticMethods(target, type).Where(method => method.Name == name))
                .FirstOrDefault(method => method is { ReturnType.SpecialType: SpecialType.System_Boolean, Parameters.Length: 1 }
                    && target.Model.Compilation.HasImplicitConversion(type, method.Parameters[0].Type));
            if (other is not null)
                return (other.IsStatic ? LockIdiom.NameOf(target, other) : name) + "(" + handle + ")";
        }

        return null;
    }

    private static string Leave(FixTarget target, string handle)
    {
        ITypeSymbol? returns = Contracts.ReturnType(target);
        if (returns is null)
            return "return;";
        if (Contracts.Member(target.Node) is { } member && Contracts.Named(member, "ErrorPointer").Any())
            return "return " + handle + ";";
        IMethodSymbol? code = target.Model.LookupSymbols(target.BindingPosition, name: "PTR_ERR").OfType<IMethodSymbol>().FirstOrDefault(method => method.Parameters.Length == 1);
        if (code is not null && target.Model.Compilation.HasImplicitConversion(code.ReturnType, returns))
            return "return PTR_ERR(" + handle + ");";
        string scope = target.Model.LookupNamespacesAndTypes(target.BindingPosition, name: "InvalidOperationException").Any() ? string.Empty : "System.";
        return "throw new " + scope + "InvalidOperationException();";
    }
}
