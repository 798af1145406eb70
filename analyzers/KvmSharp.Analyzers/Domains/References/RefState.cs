// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Domains.References;

/// <summary>The set of states a counted object may be in, as bits. Owned counts lie on top of what was there before: nothing, a borrowed handle, an unknown one.</summary>
internal sealed class RefState
{
    internal const int NullBit = 1;
    internal const int Borrowed = 2;
    internal const int Unknown = 4;
    internal const int Dropped = 8;
    internal const int Moved = 16;
    internal const int Escaped = 32;

    /// <summary>Something was reported about the object: it stays silent, on every path.</summary>
    internal const int Reported = 64;
    internal const int MaxCount = 4;

    private const int OwnedShift = 8;
    private const int OwnedMask = ((1 << (3 * MaxCount)) - 1) << OwnedShift;

    internal RefState(int bits, SyntaxNode? taken, SyntaxNode? dropped)
    {
        Bits = bits;
        Taken = taken;
        DroppedAt = dropped;
    }

    internal int Bits { get; }

    internal SyntaxNode? Taken { get; }

    internal SyntaxNode? DroppedAt { get; }

    internal bool MayBeOwned => (Bits & OwnedMask) != 0 && (Bits & Reported) == 0;

    internal bool MayBeGone => (Bits & (Dropped | Moved)) != 0;

    internal static int Owned(int basis, int count) => 1 << (OwnedShift + (basis * MaxCount) + count - 1);

    internal static RefState OwnedOne(SyntaxNode? taken) => new(Owned(0, 1), taken, null);

    internal static RefState? Join(RefState? a, RefState? b, bool loop = false)
    {
        if (ReferenceEquals(a, b))
            return a;
        if (a is null || b is null)
            return a ?? b;
        int bits = ((a.Bits | b.Bits) & Reported) != 0 && !loop ? Reported : a.Bits | b.Bits;
        if (bits == a.Bits)
            return a;
        return bits == b.Bits ? b : new RefState(bits, a.Taken ?? b.Taken, a.DroppedAt ?? b.DroppedAt);
    }

    internal static bool Same(RefState? a, RefState? b) => ReferenceEquals(a, b) || (a is not null && b is not null && a.Bits == b.Bits);

    internal RefState With(int bits) => bits == Bits ? this : new RefState(bits, Taken, DroppedAt);

    internal RefState AddCount(SyntaxNode at)
    {
        int result = 0;
        foreach (int bit in Each(Bits))
        {
            if (Decode(bit, out int basis, out int n))
                result |= n == MaxCount ? Escaped : Owned(basis, n + 1);
            else
                result |= bit switch { Borrowed => Owned(1, 1), Unknown => Owned(2, 1), _ => bit };
        }

        return new RefState(result, at, DroppedAt);
    }

    /// <summary>Removes one count.</summary>
    /// <param name="gone">State after the last count: dropped, moved or borrowed.</param>
    /// <param name="at">The operation.</param>
    /// <returns>The state after it.</returns>
    internal RefState TakeCount(int gone, SyntaxNode at)
    {
        int result = 0;
        foreach (int bit in Each(Bits))
        {
            if (Decode(bit, out int basis, out int n))
                result |= n > 1 ? Owned(basis, n - 1) : basis == 1 ? Borrowed : basis == 2 ? Unknown : gone;
            else
                result |= bit == Unknown ? (gone == Borrowed ? Unknown : gone) : bit;
        }

        return new RefState(result, Taken, at);
    }

    private static bool Decode(int bit, out int basis, out int count)
    {
        basis = count = 0;
        if ((bit & OwnedMask) == 0)
            return false;
        int position = 0;
        while ((bit >> (OwnedShift + position)) != 1)
            position++;
        basis = position / MaxCount;
        count = (position % MaxCount) + 1;
        return true;
    }

    private static System.Collections.Generic.IEnumerable<int> Each(int bits)
    {
        while (bits != 0)
        {
            int low = bits & -bits;
            yield return low;
            bits &= ~low;
        }
    }
}
