// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Numerics;
using System.Runtime.CompilerServices;

namespace KvmSharp.Machine;

/// <summary>A set of CPU numbers, 0 to 1023. A value: copying it copies the set. Pass it by <c>in</c>.</summary>
public struct CpuSet : IEquatable<CpuSet>
{
    /// <summary>One more than the highest number a set can hold.</summary>
    public const int Capacity = 1024;

    private const int Words = Capacity / 64;

    private Bits _bits;

    /// <summary>Gets a value indicating whether there is no CPU in the set.</summary>
    public readonly bool IsEmpty
    {
        get
        {
            ulong any = 0;
            for (int i = 0; i < Words; i++)
                any |= _bits[i];
            return any == 0;
        }
    }

    /// <summary>Gets the number of CPUs in the set.</summary>
    public readonly int Count
    {
        get
        {
            int n = 0;
            for (int i = 0; i < Words; i++)
                n += BitOperations.PopCount(_bits[i]);
            return n;
        }
    }

    /// <summary>Compares two sets.</summary>
    /// <param name="left">One set.</param>
    /// <param name="right">The other.</param>
    /// <returns>Whether they have the same members.</returns>
    public static bool operator ==(in CpuSet left, in CpuSet right) => left.Equals(right);

    /// <summary>Compares two sets.</summary>
    /// <param name="left">One set.</param>
    /// <param name="right">The other.</param>
    /// <returns>Whether they differ.</returns>
    public static bool operator !=(in CpuSet left, in CpuSet right) => !left.Equals(right);

    /// <summary>The set of CPUs 0 to <paramref name="n"/> - 1.</summary>
    /// <param name="n">How many, 0 to 1024.</param>
    /// <returns>The set.</returns>
    public static CpuSet FirstN(int n)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(n, Capacity);
        CpuSet s = default;
        for (int i = 0; i < n >> 6; i++)
            s._bits[i] = ~0ul;
        if ((n & 63) != 0)
            s._bits[n >> 6] = (1ul << (n & 63)) - 1;
        return s;
    }

    /// <summary>The set of one CPU.</summary>
    /// <param name="cpu">Its number.</param>
    /// <returns>The set.</returns>
    public static CpuSet Of(int cpu)
    {
        CpuSet s = default;
        s.Add(cpu);
        return s;
    }

    /// <summary>The set of the CPUs given.</summary>
    /// <param name="cpus">Their numbers.</param>
    /// <returns>The set.</returns>
    public static CpuSet Of(params ReadOnlySpan<int> cpus)
    {
        CpuSet s = default;
        foreach (int cpu in cpus)
            s.Add(cpu);
        return s;
    }

    /// <summary>Puts a CPU in.</summary>
    /// <param name="cpu">Its number.</param>
    public void Add(int cpu) => _bits[Index(cpu)] |= 1ul << (cpu & 63);

    /// <summary>Takes a CPU out.</summary>
    /// <param name="cpu">Its number.</param>
    public void Remove(int cpu) => _bits[Index(cpu)] &= ~(1ul << (cpu & 63));

    /// <summary>Says whether a CPU is in the set.</summary>
    /// <param name="cpu">Its number.</param>
    /// <returns>Whether it is in.</returns>
    public readonly bool Contains(int cpu) => (_bits[Index(cpu)] >> (cpu & 63) & 1) != 0;

    /// <summary>Adds all members of another set.</summary>
    /// <param name="other">The other set.</param>
    public void UnionWith(in CpuSet other)
    {
        for (int i = 0; i < Words; i++)
            _bits[i] |= other._bits[i];
    }

    /// <summary>Keeps only members that are in another set too.</summary>
    /// <param name="other">The other set.</param>
    public void IntersectWith(in CpuSet other)
    {
        for (int i = 0; i < Words; i++)
            _bits[i] &= other._bits[i];
    }

    /// <summary>Removes all members of another set.</summary>
    /// <param name="other">The other set.</param>
    public void ExceptWith(in CpuSet other)
    {
        for (int i = 0; i < Words; i++)
            _bits[i] &= ~other._bits[i];
    }

    /// <summary>The lowest member that is not below a number.</summary>
    /// <param name="from">Where to start, 0 to 1024.</param>
    /// <returns>The member, or -1 when there is none.</returns>
    public readonly int Next(int from)
    {
        for (int w = from >> 6; w < Words; w++)
        {
            ulong bits = _bits[w];
            if (w == from >> 6)
                bits &= ~0ul << (from & 63);
            if (bits != 0)
                return (w << 6) + BitOperations.TrailingZeroCount(bits);
        }

        return -1;
    }

    /// <summary>Enumerates members in ascending order, without allocating.</summary>
    /// <returns>The enumerator.</returns>
    public readonly Enumerator GetEnumerator() => new(this);

    /// <inheritdoc/>
    public readonly bool Equals(CpuSet other)
    {
        for (int i = 0; i < Words; i++)
        {
            if (_bits[i] != other._bits[i])
                return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is CpuSet other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode()
    {
        HashCode h = default;
        for (int i = 0; i < Words; i++)
            h.Add(_bits[i]);
        return h.ToHashCode();
    }

    /// <summary>Writes the set as a list of ranges, such as <c>0-3,7</c>.</summary>
    /// <returns>The list.</returns>
    public override readonly string ToString()
    {
        System.Text.StringBuilder sb = new();
        for (int at = Next(0); at >= 0;)
        {
            int end = at;
            while (end + 1 < Capacity && Contains(end + 1))
                end++;
            if (sb.Length != 0)
                sb.Append(',');
            sb.Append(at);
            if (end != at)
                sb.Append('-').Append(end);
            at = Next(end + 1);
        }

        return sb.ToString();
    }

    private static int Index(int cpu)
    {
        if ((uint)cpu >= Capacity)
            Throw(cpu);
        return cpu >> 6;
    }

    private static void Throw(int cpu) => throw new ArgumentOutOfRangeException(nameof(cpu), cpu, "a CPU number is 0 to 1023");

    /// <summary>Walks over the members.</summary>
    public struct Enumerator
    {
        private readonly CpuSet _set;
        private int _at;

        internal Enumerator(in CpuSet set)
        {
            _set = set;
            _at = -1;
        }

        /// <summary>Gets the member found last.</summary>
        public readonly int Current => _at;

        /// <summary>Goes to the next member.</summary>
        /// <returns>Whether there was one.</returns>
        public bool MoveNext()
        {
            int next = _set.Next(_at + 1);
            _at = next < 0 ? Capacity - 1 : next;
            return next >= 0;
        }
    }

    [InlineArray(Words)]
    private struct Bits
    {
        private ulong _first;
    }
}
