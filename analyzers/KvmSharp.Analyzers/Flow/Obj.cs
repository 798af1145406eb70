// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Where an object, or a storage location, comes from.</summary>
internal enum ObjKind
{
    /// <summary>The instance the body runs on.</summary>
    This,

    /// <summary>A parameter.</summary>
    Parameter,

    /// <summary>A local, before its first assignment that is tracked.</summary>
    Local,

    /// <summary>A static member.</summary>
    Static,

    /// <summary>A member of another object.</summary>
    Member,

    /// <summary>An element with a constant index or an index held by a variable.</summary>
    Element,

    /// <summary>Some element: the index is not stable.</summary>
    SomeElement,

    /// <summary>The monitor of a type.</summary>
    TypeOf,

    /// <summary>An object created in this body.</summary>
    New,

    /// <summary>The result of an operation.</summary>
    Result,

    /// <summary>A variable whose value differs between the paths that joined.</summary>
    Phi,

    /// <summary>What an operation produced the time before, in an earlier iteration.</summary>
    Old,

    /// <summary>Any lock.</summary>
    Any,
}

/// <summary>A canonical path: one object the analysis can name. Interned, so that equal paths are one instance.</summary>
internal sealed class Obj
{
    internal Obj(int id, ObjKind kind, Obj? parent, ISymbol? symbol, object? site, Obj? index, ITypeSymbol? type)
    {
        Id = id;
        Kind = kind;
        Parent = parent;
        Symbol = symbol;
        Site = site;
        Index = index;
        Type = type;
        IsBoolean = type is { SpecialType: SpecialType.System_Boolean };
    }

    internal int Id { get; }

    internal ObjKind Kind { get; }

    internal Obj? Parent { get; }

    internal ISymbol? Symbol { get; }

    internal object? Site { get; }

    internal Obj? Index { get; }

    internal ITypeSymbol? Type { get; }

    /// <summary>Gets or sets a value indicating whether tests of this result are followed even while no variable holds it.</summary>
    internal bool IsOutcome { get; set; }

    /// <summary>Gets or sets a value indicating whether a path goes through the object.</summary>
    internal bool IsParent { get; set; }

    /// <summary>Gets or sets a value indicating whether the outcome decides about a lock.</summary>
    internal bool IsLockOutcome { get; set; }

    internal bool IsBoolean { get; }

    /// <summary>Gets or sets the value that is the object.</summary>
    internal Value? Named { get; set; }

    /// <summary>Gets or sets the value that is the object while nothing names it.</summary>
    internal Value? Unnamed { get; set; }

    /// <summary>Gets or sets the value that is the location.</summary>
    internal Value? Place { get; set; }

    /// <summary>Gets or sets the test of the object.</summary>
    internal Value? Truth { get; set; }

    /// <summary>Gets or sets the test of the object while nothing names it.</summary>
    internal Value? UnnamedTruth { get; set; }

    /// <summary>Gets or sets the contract of the type, once somebody asked.</summary>
    internal ContractModel.TypeContract? Contract { get; set; }

    /// <summary>Gets or sets the next object of the same bucket of the table.</summary>
    internal Obj? Chain { get; set; }

    /// <summary>Gets or sets the hash of the object in the table.</summary>
    internal int Hash { get; set; }

    /// <summary>Gets or sets the members of the object that were named so far.</summary>
    internal MemberLink? Members { get; set; }

    internal Obj Root
    {
        get
        {
            Obj o = this;
            while (o.Kind is ObjKind.Member or ObjKind.Element or ObjKind.SomeElement && o.Parent is not null)
                o = o.Parent;
            return o;
        }
    }

    internal bool Contains(Obj other)
    {
        for (Obj? o = this; o is not null; o = o.Parent)
        {
            if (ReferenceEquals(o, other) || (o.Index is not null && o.Index.Contains(other)))
                return true;
        }

        return false;
    }

    public override string ToString() => Kind switch
    {
        ObjKind.This => "this",
        ObjKind.Member => Parent!.Kind == ObjKind.This ? Symbol!.Name : Parent + "." + Symbol!.Name,
        ObjKind.Static => Symbol!.ContainingType?.Name + "." + Symbol.Name,
        ObjKind.Element => Parent + "[" + (Index?.ToString() ?? Site?.ToString()) + "]",
        ObjKind.SomeElement => Parent + ".*",
        ObjKind.TypeOf => "typeof(" + Type?.Name + ")",
        ObjKind.Any => "*",
        ObjKind.Old => Site!.ToString(),
        _ => Symbol?.Name ?? (Site as SyntaxNode)?.ToString() ?? Kind.ToString(),
    };
}

/// <summary>A member that was named through an object, by the symbol as the source has it.</summary>
internal sealed class MemberLink
{
    internal MemberLink(ISymbol symbol, Obj member, MemberLink? next)
    {
        Symbol = symbol;
        Member = member;
        Next = next;
    }

    internal ISymbol Symbol { get; }

    internal Obj Member { get; }

    internal MemberLink? Next { get; }
}

/// <summary>Symbols by identity: within one body the compiler has one object for a local, a parameter or a definition.</summary>
internal sealed class ByReference : IEqualityComparer<ISymbol>
{
    internal static readonly ByReference Instance = new();

    public bool Equals(ISymbol x, ISymbol y) => ReferenceEquals(x, y);

    public int GetHashCode(ISymbol obj) => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(obj);
}

/// <summary>Interns the objects of one body. The chains of the table run through the objects.</summary>
internal sealed class ObjTable
{
    private readonly List<Obj> _list = new();
    private Obj?[] _buckets = new Obj?[64];

    internal int Count => _list.Count;

    internal Obj this[int id] => _list[id - 1];

    internal Obj Get(ObjKind kind, Obj? parent = null, ISymbol? symbol = null, object? site = null, Obj? index = null, ITypeSymbol? type = null)
    {
        int hash = Hash(kind, parent, symbol, site, index);
        for (Obj? o = _buckets[hash & (_buckets.Length - 1)]; o is not null; o = o.Chain)
        {
            if (o.Hash == hash && o.Kind == kind && ReferenceEquals(o.Parent, parent) && ReferenceEquals(o.Index, index)
                && (ReferenceEquals(o.Symbol, symbol) || SymbolEqualityComparer.Default.Equals(o.Symbol, symbol)) && (ReferenceEquals(o.Site, site) || Equals(o.Site, site)))
                return o;
        }

        var made = new Obj(_list.Count + 1, kind, parent, symbol, site, index, type) { Hash = hash };
        _list.Add(made);
        if (_list.Count > _buckets.Length)
            Grow();
        else
            Link(made);
        if (parent is not null)
            parent.IsParent = true;
        if (index is not null)
            index.IsParent = true;
        return made;
    }

    private void Link(Obj o)
    {
        int bucket = o.Hash & (_buckets.Length - 1);
        o.Chain = _buckets[bucket];
        _buckets[bucket] = o;
    }

    private void Grow()
    {
        _buckets = new Obj?[_buckets.Length * 4];
        foreach (Obj o in _list)
            Link(o);
    }

    private static int Hash(ObjKind kind, Obj? parent, ISymbol? symbol, object? site, Obj? index)
    {
        unchecked
        {
            int h = (int)kind;
            h = (h * 31) + (parent?.Id ?? 0);
            h = (h * 31) + (index?.Id ?? 0);
            h = (h * 31) + (symbol is null ? 0 : SymbolEqualityComparer.Default.GetHashCode(symbol));
            h = (h * 31) + SiteHash(site);
            return h ^ (h >> 15);
        }
    }

    // A node's position is a better hash than the one the runtime would have to make up for each node.
    private static int SiteHash(object? site) => site switch
    {
        null => 0,
        SyntaxNode n => n.SpanStart,
        Obj o => o.Id,
        ValueTuple<SyntaxNode, string, MethodKind> call => call.Item1.SpanStart,
        ValueTuple<SyntaxNode, Obj> store => unchecked((store.Item1.SpanStart * 31) + store.Item2.Id),
        ValueTuple<SyntaxNode, int, JoinKind> join => unchecked((join.Item1.SpanStart * 31) + join.Item2),
        ValueTuple<SyntaxNode, int> argument => unchecked((argument.Item1.SpanStart * 31) + argument.Item2),
        ValueTuple<SyntaxNode, string> named => named.Item1.SpanStart,
        _ => site.GetHashCode(),
    };
}
