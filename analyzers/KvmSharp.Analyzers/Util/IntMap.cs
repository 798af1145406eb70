// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;

namespace KvmSharp.Analyzers.Util;

/// <summary>
/// A persistent map from small integers: a little-endian Patricia tree. Branches of an analysed body share whatever they did not touch,
/// so that joining two states costs what the two branches changed and not what the body knows. The empty map is the default value.
/// </summary>
/// <typeparam name="T">Type of the values.</typeparam>
internal readonly struct IntMap<T>
    where T : class
{
    private readonly IntNode? _root;

    private IntMap(IntNode? root) => _root = root;

    /// <summary>Combines the two sides at one key; a missing side is null, and a null result drops the key.</summary>
    internal delegate T? Combine(int key, T? left, T? right);

    internal static IntMap<T> Empty => default;

    internal bool IsEmpty => _root is null;

    internal T? this[int key] => Unsafe.As<T?>(IntNode.Find(_root, key));

    internal IntMap<T> Set(int key, T value) => new(IntNode.Insert(_root, key, value));

    internal IntMap<T> Remove(int key) => _root is null ? this : new(IntNode.Delete(_root, key));

    internal bool IsSame(IntMap<T> other) => ReferenceEquals(_root, other._root);

    /// <summary>Merges two maps, skipping whatever they share.</summary>
    /// <param name="other">The other map.</param>
    /// <param name="combine">Called for each key whose sides are not the same object.</param>
    /// <returns>The merged map; this map itself if nothing changed.</returns>
    internal IntMap<T> Merge(IntMap<T> other, Combine combine)
    {
        if (ReferenceEquals(_root, other._root))
            return this;
        IntNode? result = _root;
        foreach (var (key, left, right) in Differences(other))
        {
            T? v = combine(key, left, right);
            if (!ReferenceEquals(v, left))
                result = v is null ? IntNode.Delete(result, key) : IntNode.Insert(result, key, v);
        }

        return new IntMap<T>(result);
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

    /// <summary>Whether some value passes a test; nothing is allocated.</summary>
    /// <param name="test">The test, given the key, the value and what the caller passes along.</param>
    /// <param name="state">What the caller passes along.</param>
    /// <param name="number">Another thing the caller passes along.</param>
    /// <returns>Whether there is one.</returns>
    internal bool Exists(Func<int, object, object, int, bool> test, object state, int number = 0) => IntNode.Exists(_root, test, state, number);

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
        if (ReferenceEquals(_root, other._root))
            return list;
        Diff(_root, other._root, list);
        if (list.Count > 1)
            list.Sort(static (a, b) => a.Item1.CompareTo(b.Item1));
        return list;
    }

    private static void Collect(IntNode? n, List<KeyValuePair<int, T>> list)
    {
        while (n is not null)
        {
            if (n.Bit == 0)
            {
                list.Add(new KeyValuePair<int, T>(n.Key, Unsafe.As<T>(n.Value!)));
                return;
            }

            Collect(n.Left, list);
            n = n.Right;
        }
    }

    private static void Rest(IntNode? n, bool left, List<(int Key, T? Left, T? Right)> list)
    {
        while (n is not null)
        {
            if (n.Bit == 0)
            {
                T value = Unsafe.As<T>(n.Value!);
                list.Add(left ? (n.Key, value, null) : (n.Key, null, value));
                return;
            }

            Rest(n.Left, left, list);
            n = n.Right;
        }
    }

    private static void Diff(IntNode? a, IntNode? b, List<(int Key, T? Left, T? Right)> list)
    {
        if (ReferenceEquals(a, b))
            return;
        if (a is null || b is null)
        {
            Rest(a ?? b, a is not null, list);
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
                    list.Add((a.Key, Unsafe.As<T>(a.Value!), Unsafe.As<T>(b.Value!)));
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
}

/// <summary>A node of the tree. It knows no type, so that all maps share one compiled form of the operations.</summary>
internal sealed class IntNode
{
    // A leaf has Bit 0. A branch keeps the low bits its keys share (Key) and the lowest bit in which they differ (Bit).
    internal readonly int Key;
    internal readonly int Bit;
    internal readonly object? Value;
    internal readonly IntNode? Left;
    internal readonly IntNode? Right;

    private IntNode(int key, object value)
    {
        Key = key;
        Value = value;
    }

    private IntNode(int prefix, int bit, IntNode left, IntNode right)
    {
        Key = prefix;
        Bit = bit;
        Left = left;
        Right = right;
    }

    internal static object? Find(IntNode? n, int key)
    {
        while (n is not null)
        {
            if (n.Bit == 0)
                return n.Key == key ? n.Value : null;
            n = (key & n.Bit) == 0 ? n.Left : n.Right;
        }

        return null;
    }

    internal static bool Exists(IntNode? n, Func<int, object, object, int, bool> test, object state, int number)
    {
        while (n is not null)
        {
            if (n.Bit == 0)
                return test(n.Key, n.Value!, state, number);
            if (Exists(n.Left, test, state, number))
                return true;
            n = n.Right;
        }

        return false;
    }

    internal static IntNode Insert(IntNode? n, int key, object value)
    {
        if (n is null)
            return new IntNode(key, value);
        if (n.Bit == 0)
        {
            if (n.Key == key)
                return ReferenceEquals(n.Value, value) ? n : new IntNode(key, value);
            return Join(key, new IntNode(key, value), n.Key, n);
        }

        if ((key & (n.Bit - 1)) != n.Key)
            return Join(key, new IntNode(key, value), n.Key, n);
        if ((key & n.Bit) == 0)
        {
            IntNode left = Insert(n.Left, key, value);
            return ReferenceEquals(left, n.Left) ? n : new IntNode(n.Key, n.Bit, left, n.Right!);
        }

        IntNode right = Insert(n.Right, key, value);
        return ReferenceEquals(right, n.Right) ? n : new IntNode(n.Key, n.Bit, n.Left!, right);
    }

    internal static IntNode? Delete(IntNode? n, int key)
    {
        if (n is null)
            return null;
        if (n.Bit == 0)
            return n.Key == key ? null : n;
        if ((key & n.Bit) == 0)
        {
            IntNode? left = Delete(n.Left, key);
            return ReferenceEquals(left, n.Left) ? n : left is null ? n.Right : new IntNode(n.Key, n.Bit, left, n.Right!);
        }

        IntNode? right = Delete(n.Right, key);
        return ReferenceEquals(right, n.Right) ? n : right is null ? n.Left : new IntNode(n.Key, n.Bit, n.Left!, right);
    }

    private static IntNode Join(int k1, IntNode n1, int k2, IntNode n2)
    {
        int diff = k1 ^ k2;
        int bit = diff & -diff;
        int prefix = k1 & (bit - 1);
        return (k1 & bit) == 0 ? new IntNode(prefix, bit, n1, n2) : new IntNode(prefix, bit, n2, n1);
    }
}
