// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Numerics;

namespace KvmSharp.Conformance.Generate;

/// <summary>
/// xoshiro256** seeded by splitmix64. Own, so that a seed means the same sequence on every version of .NET, for ever.
/// </summary>
internal sealed class Prng
{
    private ulong _a;
    private ulong _b;
    private ulong _c;
    private ulong _d;

    internal Prng(ulong seed)
    {
        _a = SplitMix(ref seed);
        _b = SplitMix(ref seed);
        _c = SplitMix(ref seed);
        _d = SplitMix(ref seed);
    }

    /// <summary>A seed for part <paramref name="part"/> of a run; parts of one run and equal parts of other runs have nothing in common.</summary>
    internal static ulong Derive(ulong seed, ulong part)
    {
        ulong mixed = SplitMix(ref seed) ^ (part * 0xd1342543de82ef95);
        return SplitMix(ref mixed);
    }

    internal ulong Next()
    {
        ulong result = BitOperations.RotateLeft(_b * 5, 7) * 9;
        ulong shifted = _b << 17;
        _c ^= _a;
        _d ^= _b;
        _b ^= _c;
        _a ^= _d;
        _c ^= shifted;
        _d = BitOperations.RotateLeft(_d, 45);
        return result;
    }

    /// <summary>A number of [0, <paramref name="bound"/>); the bias is below 2^-32 for the bounds in use.</summary>
    internal int Below(int bound) => (int)(((Next() >> 32) * (ulong)bound) >> 32);

    /// <summary>True once in <paramref name="n"/> draws.</summary>
    internal bool OneIn(int n) => Below(n) == 0;

    internal bool Percent(int percent) => Below(100) < percent;

    internal T Of<T>(ReadOnlySpan<T> values) => values[Below(values.Length)];

    private static ulong SplitMix(ref ulong state)
    {
        ulong z = state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
}
