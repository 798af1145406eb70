// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;

namespace KvmSharp.Analyzers.Util;

/// <summary>
/// A persistent map from small integers: a little-endian Patricia tree. Branches of an analysed body share whatever they did not touch,
/// so that joining two states costs what the two branches changed and not what the body knows.
/// </summary>
/// <typeparam name="T">Type of the values.</typeparam>
internal sealed class IntMap<T>
    where T : class
{
    internal static readonly IntMap<T> Empty = new(null);

    private readonly Node? _root;

    private IntMap(Node? root) => _root = root;

    /// <summary>Combines the two sides at one key; a missing side is null, and a null result drops the key.</summary>
    internal delegate T? Combine(int key, T? left, T? right);

    internal bool IsEmpty => _root is null;

    internal T? this[int key]
    {
        get
        {
            Node? n = _root;
            while (n is not null)
            {
                if (n.Bit == 0)
                    return n.Key == key ? n.Value : null;
                n = (key & n.Bit) == 0 ? n.Left : n.Right;
            }

            return null;
        }
    }

    internal IntMap<T> Set(int key, T value)
    {
        Node? root = Insert(_root, key, value);
        return ReferenceEquals(root, _root) ? this : new IntMap<T>(root);
    }

    internal IntMap<T> Remove(int key)
    {
        Node? root = Delete(_root, key);
        return ReferenceEquals(root, _root) ? this : root is null ? Empty : new IntMap<T>(root);
    }

    /// <summary>Merges two maps, skipping whatever they share.</summary>
    /// <param name="other">The other map.</param>
    /// <param name="combine">Called for each key whose sides are not the same object.</param>
    /// <returns>The merged map; this map itself if nothing changed.</returns>
    internal IntMap<T> Merge(IntMap<T> other, Combine combine)
    {
        if (ReferenceEquals(_root, other._root))
            return this;
        var result = this;
        foreach (var (key, left, right) in Differences(other))
        {
            T? v = combine(key, left, right);
            if (!ReferenceEquals(v, left))
                result = v is null ? result.Remove(key) : result.Set(key, v);
        }

        return result;
    }

    internal bool SameAs(IntMap<T> other, Func<T?, T?, bool> equal)
    {
        if (ReferenceEquals(_root, other._root))
            return true;
        foreach (var (_, left, right) in Differences(other))
        {
            if (!equal(left, right))
                return false;
        }

        return true;
    }

    internal List<KeyValuePair<int, T>> ToList()
    {
        var list = new List<KeyValuePair<int, T>>();
        Collect(_root, list);
        if (list.Count > 1)
            list.Sort(static (a, b) => a.Key.CompareTo(b.Key));
        return list;
    }

    /// <summary>Keys at which the two maps do not hold the same object, in key order.</summary>
    /// <param name="other">The other map.</param>
    /// <returns>Key and both sides.</returns>
    internal List<(int Key, T? Left, T? Right)> Differences(IntMap<T> other)
    {
        var list = new List<(int, T?, T?)>();
        Diff(_root, other._root, list);
        if (list.Count > 1)
            list.Sort(static (a, b) => a.Item1.CompareTo(b.Item1));
        return list;
    }

    private static void Collect(Node? n, List<KeyValuePair<int, T>> list)
    {
        while (n is not null)
        {
            if (n.Bit == 0)
            {
                list.Add(new KeyValuePair<int, T>(n.Key, n.Value!));
                return;
            }

            Collect(n.Left, list);
            n = n.Right;
        }
    }

    private static void Diff(Node? a, Node? b, List<(int Key, T? Left, T? Right)> list)
    {
        if (ReferenceEquals(a, b))
            return;
        if (a is null || b is null)
        {
            var rest = new List<KeyValuePair<int, T>>();
            Collect(a ?? b, rest);
            foreach (var p in rest)
                list.Add(a is null ? (p.Key, null, p.Value) : (p.Key, p.Value, null));
            return;
        }

        if (a.Bit != 0 && a.Bit == b.Bit && a.Key == b.Key)
        {
            Diff(a.Left, b.Left, list);
            Diff(a.Right, b.Right, list);
            return;
        }

        if (a.Bit == 0 && b.Bit == 0)
        {
            if (a.Key == b.Key)
            {
                if (!ReferenceEquals(a.Value, b.Value))
                    list.Add((a.Key, a.Value, b.Value));
                return;
            }
        }
        else if (a.Bit != 0 && (b.Bit == 0 || Lower(a.Bit, b.Bit)) && (b.Key & (a.Bit - 1)) == a.Key)
        {
            bool left = (b.Key & a.Bit) == 0;
            Diff(a.Left, left ? b : null, list);
            Diff(a.Right, left ? null : b, list);
            return;
        }
        else if (b.Bit != 0 && (a.Bit == 0 || Lower(b.Bit, a.Bit)) && (a.Key & (b.Bit - 1)) == b.Key)
        {
            bool left = (a.Key & b.Bit) == 0;
            Diff(left ? a : null, b.Left, list);
            Diff(left ? null : a, b.Right, list);
            return;
        }

        Diff(a, null, list);
        Diff(null, b, list);
    }

    private static bool Lower(int a, int b) => (uint)a < (uint)b;

    private static Node Insert(Node? n, int key, T value)
    {
        if (n is null)
            return new Node(key, value);
        if (n.Bit == 0)
        {
            if (n.Key == key)
                return ReferenceEquals(n.Value, value) ? n : new Node(key, value);
            return Join(key, new Node(key, value), n.Key, n);
        }

        if ((key & (n.Bit - 1)) != n.Key)
            return Join(key, new Node(key, value), n.Key, n);
        if ((key & n.Bit) == 0)
        {
            Node left = Insert(n.Left, key, value);
            return ReferenceEquals(left, n.Left) ? n : new Node(n.Key, n.Bit, left, n.Right!);
        }

        Node right = Insert(n.Right, key, value);
        return ReferenceEquals(right, n.Right) ? n : new Node(n.Key, n.Bit, n.Left!, right);
    }

    private static Node Join(int k1, Node n1, int k2, Node n2)
    {
        int diff = k1 ^ k2;
        int bit = diff & -diff;
        int prefix = k1 & (bit - 1);
        return (k1 & bit) == 0 ? new Node(prefix, bit, n1, n2) : new Node(prefix, bit, n2, n1);
    }

    private static Node? Delete(Node? n, int key)
    {
        if (n is null)
            return null;
        if (n.Bit == 0)
            return n.Key == key ? null : n;
        if ((key & n.Bit) == 0)
        {
            Node? left = Delete(n.Left, key);
            return ReferenceEquals(left, n.Left) ? n : left is null ? n.Right : new Node(n.Key, n.Bit, left, n.Right!);
        }

        Node? right = Delete(n.Right, key);
        return ReferenceEquals(right, n.Right) ? n : right is null ? n.Left : new Node(n.Key, n.Bit, n.Left!, right);
    }

    // A leaf has Bit 0. A branch keeps the low bits its keys share (Key) and the lowest bit in which they differ (Bit).
    private sealed class Node
    {
        internal readonly int Key;
        internal readonly int Bit;
        internal readonly T? Value;
        internal readonly Node? Left;
        internal readonly Node? Right;

        internal Node(int key, T value)
        {
            Key = key;
            Value = value;
        }

        internal Node(int prefix, int bit, Node left, Node right)
        {
            Key = prefix;
            Bit = bit;
            Left = left;
            Right = right;
        }
    }
}
