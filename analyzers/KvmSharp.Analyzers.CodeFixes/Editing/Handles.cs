// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace KvmSharp.Analyzers.CodeFixes.Editing;

/// <summary>How a counted object is taken and dropped.</summary>
internal static class Handles
{
    /// <summary>The statement that drops a count.</summary>
    /// <param name="target">Diagnostic, for its place.</param>
    /// <param name="handle">Expression of the object.</param>
    /// <returns>The statement, or null.</returns>
    public static string? Drop(FixTarget target, string handle) => Operation(target, handle, 1);

    /// <summary>The statement that adds a count.</summary>
    /// <param name="target">Diagnostic, for its place.</param>
    /// <param name="handle">Expression of the object.</param>
    /// <returns>The statement, or null.</returns>
    public static string? Get(FixTarget target, string handle) => Operation(target, handle, 0);

    private static string? Operation(FixTarget target, string handle, int argument)
    {
        if (target.TypeOf(handle) is not { } type)
            return null;
        AttributeData? counted = Types(type).SelectMany(at => at.GetAttributes())
            .FirstOrDefault(data => data.AttributeClass?.Name == "RefCountedAttribute" && data.ConstructorArguments.Length == 2);
        if (counted?.ConstructorArguments[argument].Value is not string { Length: > 0 } name)
            return null;
        bool perhapsNull = MayBeNull(target, handle);
        if (Types(type).SelectMany(at => at.GetMembers(name)).OfType<IMethodSymbol>().Any(method => !method.IsStatic && method.Parameters.Length == 0))
            return handle + (perhapsNull ? "?." : ".") + name + "();";
        IMethodSymbol? other = LockIdiom.StaticMethods(target, type).FirstOrDefault(method => method.Name == name && method.Parameters.Length == 1);
        if (other is null)
            return null;
        string call = LockIdiom.NameOf(target, other) + "(" + handle + ");";
        return perhapsNull && other.Parameters[0].NullableAnnotation != NullableAnnotation.Annotated ? "if (" + handle + " is not null) " + call : call;
    }

    private static System.Collections.Generic.IEnumerable<ITypeSymbol> Types(ITypeSymbol type)
    {
        for (ITypeSymbol? at = type; at is not null; at = at.BaseType)
            yield return at;
        foreach (INamedTypeSymbol contract in type.AllInterfaces)
            yield return contract;
    }

    private static bool MayBeNull(FixTarget target, string handle)
        => target.SymbolOf(SyntaxFactory.ParseExpression(handle)) switch
        {
            ILocalSymbol local => local.NullableAnnotation == NullableAnnotation.Annotated && !local.Type.IsValueType && !IsVar(local),
            IParameterSymbol parameter => parameter.NullableAnnotation == NullableAnnotation.Annotated && !parameter.Type.IsValueType,
            _ => false,
        };

    /// <summary>The type of a <c>var</c> is always annotated; what it was assigned is not looked at here.</summary>
    private static bool IsVar(ILocalSymbol local)
        => local.DeclaringSyntaxReferences.FirstOrDefault()?.GetSyntax() is Microsoft.CodeAnalysis.CSharp.Syntax.VariableDeclaratorSyntax
        {
            Parent: Microsoft.CodeAnalysis.CSharp.Syntax.VariableDeclarationSyntax { Type.IsVar: true },
        };
}
