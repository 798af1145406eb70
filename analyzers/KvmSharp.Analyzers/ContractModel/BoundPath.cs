// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.ContractModel;

/// <summary>What the first word of a lock expression means.</summary>
internal enum RootKind
{
    /// <summary>Any lock: the expression is a lone star.</summary>
    Any,

    /// <summary>The object itself.</summary>
    This,

    /// <summary>The returned object.</summary>
    Return,

    /// <summary>The assigned or stored value.</summary>
    Value,

    /// <summary>A parameter of the annotated member.</summary>
    Parameter,

    /// <summary>A captured parameter of a primary constructor: storage of the object.</summary>
    Captured,

    /// <summary>The receiver of an extension block.</summary>
    Receiver,

    /// <summary>A static member.</summary>
    Static,
}

/// <summary>A lock expression whose words are symbols.</summary>
internal sealed class BoundPath
{
    internal BoundPath(string text, RootKind root, ISymbol? rootSymbol, int ordinal, ImmutableArray<ISymbol?> segments, ITypeSymbol? type)
    {
        Text = text;
        Root = root;
        RootSymbol = rootSymbol;
        Ordinal = ordinal;
        Segments = segments;
        Type = type;
    }

    internal string Text { get; }

    internal RootKind Root { get; }

    /// <summary>The static member, or the captured parameter.</summary>
    internal ISymbol? RootSymbol { get; }

    /// <summary>Position of the parameter for <see cref="RootKind.Parameter"/>.</summary>
    internal int Ordinal { get; }

    /// <summary>The members after the root; null stands for any element.</summary>
    internal ImmutableArray<ISymbol?> Segments { get; }

    internal ITypeSymbol? Type { get; }

    /// <summary>Identity for comparing contracts: equal keys name the same lock in members whose parameters match by position.</summary>
    internal string Key
    {
        get
        {
            var b = new System.Text.StringBuilder(Root.ToString());
            if (Root == RootKind.Parameter)
                b.Append(Ordinal);
            else if (RootSymbol is not null)
                b.Append(Canonical(RootSymbol));
            foreach (ISymbol? s in Segments)
                b.Append('.').Append(s is null ? "*" : Canonical(s));
            return b.ToString();
        }
    }

    internal static string Canonical(ISymbol symbol)
    {
        symbol = symbol.OriginalDefinition;
        while (symbol is IPropertySymbol { OverriddenProperty: { } p })
            symbol = p.OriginalDefinition;
        while (symbol is IMethodSymbol { OverriddenMethod: { } m })
            symbol = m.OriginalDefinition;
        return symbol.Name;
    }
}
