// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.CodeFixes.Editing;

/// <summary>How a lock of some type is taken and given back.</summary>
internal sealed class LockIdiom
{
    private LockIdiom(string? acquire, string? release, bool isStatement = false, bool needsFlag = false)
    {
        this.Acquire = acquire;
        this.Release = release;
        this.IsStatement = isStatement;
        this.NeedsFlag = needsFlag;
    }

    /// <summary>Gets the statement that takes it.</summary>
    public string? Acquire { get; }

    /// <summary>Gets the statement that gives it back.</summary>
    public string? Release { get; }

    /// <summary>Gets a value indicating whether the <c>lock</c> statement is the way to hold it.</summary>
    public bool IsStatement { get; }

    /// <summary>Gets a value indicating whether taking it sets a flag (System.Threading.SpinLock).</summary>
    public bool NeedsFlag { get; }

    /// <summary>Finds the idiom of a lock.</summary>
    /// <param name="target">Diagnostic, for its place.</param>
    /// <param name="expression">Expression that names the lock there.</param>
    /// <param name="shared">Whether shared mode is enough.</param>
    /// <returns>The idiom, or null.</returns>
    public static LockIdiom? Of(FixTarget target, string expression, bool shared)
    {
        if (target.TypeOf(expression) is not { } type)
            return null;
        switch (type.ToDisplayString())
        {
            case "System.Threading.Lock":
                return new LockIdiom(expression + ".Enter();", expression + ".Exit();", isStatement: true);
            case "System.Threading.Mutex":
                return new LockIdiom(expression + ".WaitOne();", expression + ".ReleaseMutex();");
            case "System.Threading.SemaphoreSlim":
                return new LockIdiom(expression + ".Wait();", expression + ".Release();");
            case "System.Threading.ReaderWriterLockSlim":
                string mode = shared ? "Read" : "Write";
                return new LockIdiom(expression + ".Enter" + mode + "Lock();", expression + ".Exit" + mode + "Lock();");
            case "System.Threading.SpinLock":
                return new LockIdiom(expression + ".Enter(ref lockTaken);", expression + ".Exit();", needsFlag: true);
        }

        if (Has(type, "ContextLock"))
        {
            string? acquire = (shared ? Call(target, type, expression, "AcquiresShared") : null) ?? Call(target, type, expression, "Acquires");
            bool taken = shared && Call(target, type, expression, "AcquiresShared") is not null;
            string? release = Call(target, type, expression, taken || (shared && acquire is null) ? "ReleasesShared" : "Releases");
            return acquire is null && release is null ? null : new LockIdiom(acquire, release);
        }

        if (!type.IsReferenceType)
            return null;
        string monitor = target.Model.LookupNamespacesAndTypes(target.BindingPosition, name: "Monitor").Any() ? "Monitor" : "System.Threading.Monitor";
        return new LockIdiom(monitor + ".Enter(" + expression + ");", monitor + ".Exit(" + expression + ");", isStatement: true);
    }

    public static bool Has(ISymbol symbol, string attribute)
        => symbol.GetAttributes().Any(data => data.AttributeClass is { } type && type.Name == attribute + "Attribute" && type.ContainingNamespace.ToDisplayString() == Contracts.Namespace);

    /// <summary>Static methods of the namespace of a type, and those in reach by name.</summary>
    /// <param name="target">Diagnostic, for its place.</param>
    /// <param name="type">Type.</param>
    /// <returns>The methods.</returns>
    public static IEnumerable<IMethodSymbol> StaticMethods(FixTarget target, ITypeSymbol type)
        => type.ContainingNamespace.GetTypeMembers().SelectMany(other => other.GetMembers()).OfType<IMethodSymbol>()
            .Where(method => method.IsStatic && method.MethodKind == MethodKind.Ordinary)
            .Where(method => target.Model.IsAccessible(target.BindingPosition, method))
            .OrderBy(method => method.ToDisplayString(), System.StringComparer.Ordinal);

    /// <summary>The name a static method is called by at the reported place.</summary>
    /// <param name="target">Diagnostic.</param>
    /// <param name="method">Method.</param>
    /// <returns>The name, qualified if it must be.</returns>
    public static string NameOf(FixTarget target, IMethodSymbol method)
        => target.Model.LookupSymbols(target.BindingPosition, name: method.Name).Any(symbol => SymbolEqualityComparer.Default.Equals(symbol, method))
            ? method.Name
            : method.ContainingType.ToMinimalDisplayString(target.Model, target.BindingPosition) + "." + method.Name;

    private static string? Call(FixTarget target, ITypeSymbol type, string expression, string attribute)
    {
        for (ITypeSymbol? at = type; at is not null; at = at.BaseType)
        {
            IMethodSymbol? own = at.GetMembers().OfType<IMethodSymbol>().FirstOrDefault(method => !method.IsStatic && method.Parameters.Length == 0 && method.ReturnsVoid && Only(method, attribute, "this"));
            if (own is not null)
                return expression + "." + own.Name + "();";
        }

        IMethodSymbol? other = StaticMethods(target, type).FirstOrDefault(method => method.Parameters.Length == 1 && method.ReturnsVoid
            && SymbolEqualityComparer.Default.Equals(method.Parameters[0].Type.OriginalDefinition, type.OriginalDefinition)
            && Only(method, attribute, method.Parameters[0].Name));
        return other is null ? null : NameOf(target, other) + "(" + expression + ");";
    }

    /// <summary>Whether the lock effect of the method is this one alone: a downgrade is no release.</summary>
    private static bool Only(IMethodSymbol method, string attribute, string path)
    {
        List<AttributeData> effects = method.GetAttributes().Where(data => data.AttributeClass is { } type
            && type.ContainingNamespace.ToDisplayString() == Contracts.Namespace
            && (type.Name.StartsWith("Acquires", System.StringComparison.Ordinal) || type.Name.StartsWith("Releases", System.StringComparison.Ordinal) || type.Name.StartsWith("CondAcquires", System.StringComparison.Ordinal))
            && type.Name != "AcquiresReferenceAttribute").ToList();
        return effects.Count == 1 && effects[0].AttributeClass!.Name == attribute + "Attribute"
            && effects[0].ConstructorArguments.Length == 1
            && effects[0].ConstructorArguments[0] is { Kind: TypedConstantKind.Array, Values.Length: 1 } only && only.Values[0].Value as string == path;
    }
}
