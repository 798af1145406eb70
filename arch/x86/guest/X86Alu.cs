// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Numerics;
using System.Runtime.CompilerServices;

namespace KvmSharp.Arch.X86;

/// <summary>A two-operand integer operation. Operands and result are zero-extended to 64 bits; flags the manual leaves undefined keep a fixed value.</summary>
internal interface IX86Alu
{
    static abstract bool Stores { get; }

    static abstract ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size;
}

internal static class X86AluFlags
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Zsp<TSize>(ulong result)
        where TSize : struct, IX86Size
    {
        ulong f = (ulong)(~BitOperations.PopCount((uint)(byte)result) & 1) << 2;
        f |= (result >> (TSize.Bits - 8)) & X86Flags.Sf;
        f |= result == 0 ? X86Flags.Zf : 0;
        return f;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Add<TSize>(ulong a, ulong b, ulong result)
        where TSize : struct, IX86Size
    {
        ulong carries = (a & b) | ((a | b) & ~result);
        ulong f = Zsp<TSize>(result);
        f |= (carries >> (TSize.Bits - 1)) & 1;
        f |= (a ^ b ^ result) & X86Flags.Af;
        f |= (((a ^ result) & (b ^ result)) >> (TSize.Bits - 1) & 1) << 11;
        return f;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Sub<TSize>(ulong a, ulong b, ulong result)
        where TSize : struct, IX86Size
    {
        ulong borrows = (~a & b) | ((~a | b) & result);
        ulong f = Zsp<TSize>(result);
        f |= (borrows >> (TSize.Bits - 1)) & 1;
        f |= (a ^ b ^ result) & X86Flags.Af;
        f |= (((a ^ b) & (a ^ result)) >> (TSize.Bits - 1) & 1) << 11;
        return f;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Set(ref ulong flags, ulong status) => flags = (flags & ~X86Flags.Status) | status;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetCarryOverflow(ref ulong flags, ulong carry, ulong overflow) =>
        flags = (flags & ~(X86Flags.Cf | X86Flags.Of)) | (carry & 1) | ((overflow & 1) << 11);
}

internal readonly struct X86Add : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        ulong result = (a + b) & TSize.Mask;
        X86AluFlags.Set(ref flags, X86AluFlags.Add<TSize>(a, b, result));
        return result;
    }
}

internal readonly struct X86Adc : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        ulong result = (a + b + (flags & 1)) & TSize.Mask;
        X86AluFlags.Set(ref flags, X86AluFlags.Add<TSize>(a, b, result));
        return result;
    }
}

internal readonly struct X86Sub : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        ulong result = (a - b) & TSize.Mask;
        X86AluFlags.Set(ref flags, X86AluFlags.Sub<TSize>(a, b, result));
        return result;
    }
}

internal readonly struct X86Sbb : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        ulong result = (a - b - (flags & 1)) & TSize.Mask;
        X86AluFlags.Set(ref flags, X86AluFlags.Sub<TSize>(a, b, result));
        return result;
    }
}

internal readonly struct X86Cmp : IX86Alu
{
    public static bool Stores => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size => X86Sub.Compute<TSize>(a, b, ref flags);
}

internal readonly struct X86And : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        ulong result = a & b;
        X86AluFlags.Set(ref flags, X86AluFlags.Zsp<TSize>(result));
        return result;
    }
}

internal readonly struct X86Test : IX86Alu
{
    public static bool Stores => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size => X86And.Compute<TSize>(a, b, ref flags);
}

internal readonly struct X86Or : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        ulong result = a | b;
        X86AluFlags.Set(ref flags, X86AluFlags.Zsp<TSize>(result));
        return result;
    }
}

internal readonly struct X86Xor : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        ulong result = a ^ b;
        X86AluFlags.Set(ref flags, X86AluFlags.Zsp<TSize>(result));
        return result;
    }
}

internal readonly struct X86Inc : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        ulong result = (a + 1) & TSize.Mask;
        X86AluFlags.Set(ref flags, (flags & X86Flags.Cf) | (X86AluFlags.Add<TSize>(a, 1, result) & ~X86Flags.Cf));
        return result;
    }
}

internal readonly struct X86Dec : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        ulong result = (a - 1) & TSize.Mask;
        X86AluFlags.Set(ref flags, (flags & X86Flags.Cf) | (X86AluFlags.Sub<TSize>(a, 1, result) & ~X86Flags.Cf));
        return result;
    }
}

internal readonly struct X86Neg : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size => X86Sub.Compute<TSize>(0, a, ref flags);
}

internal readonly struct X86NotOp : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size => ~a & TSize.Mask;
}

// Shifts and rotates: b is the raw count (CL or the immediate); a masked count of zero changes no flag.
internal readonly struct X86Shl : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        int count = (int)b & (TSize.Bits == 64 ? 63 : 31);
        if (count == 0)
            return a;
        ulong result = (a << count) & TSize.Mask;
        ulong carry = count <= TSize.Bits ? (a >> (TSize.Bits - count)) & 1 : 0;
        ulong overflow = carry ^ (result >> (TSize.Bits - 1));
        X86AluFlags.Set(ref flags, X86AluFlags.Zsp<TSize>(result) | carry | ((overflow & 1) << 11));
        return result;
    }
}

internal readonly struct X86Shr : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        int count = (int)b & (TSize.Bits == 64 ? 63 : 31);
        if (count == 0)
            return a;
        ulong result = a >> count;
        ulong overflow = (a >> (TSize.Bits - 1)) & 1;
        X86AluFlags.Set(ref flags, X86AluFlags.Zsp<TSize>(result) | ((a >> (count - 1)) & 1) | (overflow << 11));
        return result;
    }
}

internal readonly struct X86Sar : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        int count = (int)b & (TSize.Bits == 64 ? 63 : 31);
        if (count == 0)
            return a;
        long wide = TSize.SignExtend(a);
        ulong result = (ulong)(wide >> count) & TSize.Mask;
        X86AluFlags.Set(ref flags, X86AluFlags.Zsp<TSize>(result) | ((ulong)(wide >> (count - 1)) & 1));
        return result;
    }
}

internal readonly struct X86Rol : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        int masked = (int)b & (TSize.Bits == 64 ? 63 : 31);
        if (masked == 0)
            return a;
        int count = masked & (TSize.Bits - 1);
        ulong result = count == 0 ? a : ((a << count) | (a >> (TSize.Bits - count))) & TSize.Mask;
        X86AluFlags.SetCarryOverflow(ref flags, result, result ^ (result >> (TSize.Bits - 1)));
        return result;
    }
}

internal readonly struct X86Ror : IX86Alu
{
    public static bool Stores => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        int masked = (int)b & (TSize.Bits == 64 ? 63 : 31);
        if (masked == 0)
            return a;
        int count = masked & (TSize.Bits - 1);
        ulong result = count == 0 ? a : ((a >> count) | (a << (TSize.Bits - count))) & TSize.Mask;
        X86AluFlags.SetCarryOverflow(ref flags, result >> (TSize.Bits - 1), (result >> (TSize.Bits - 1)) ^ (result >> (TSize.Bits - 2)));
        return result;
    }
}

internal readonly struct X86Rcl : IX86Alu
{
    public static bool Stores => true;

    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        // The carry is one more bit of the rotated value, so 8 and 16 bits rotate modulo 9 and 17.
        int count = (int)b & (TSize.Bits == 64 ? 63 : 31);
        if (TSize.Bits < 32)
            count %= TSize.Bits + 1;
        if (count == 0)
            return a;
        ulong carry = flags & 1;
        ulong high = count == 1 ? 0 : a >> (TSize.Bits - count + 1);
        ulong result = ((count == 64 ? 0 : a << count) | (carry << (count - 1)) | high) & TSize.Mask;
        ulong carryOut = (a >> (TSize.Bits - count)) & 1;
        X86AluFlags.SetCarryOverflow(ref flags, carryOut, carryOut ^ (result >> (TSize.Bits - 1)));
        return result;
    }
}

internal readonly struct X86Rcr : IX86Alu
{
    public static bool Stores => true;

    public static ulong Compute<TSize>(ulong a, ulong b, ref ulong flags)
        where TSize : struct, IX86Size
    {
        int count = (int)b & (TSize.Bits == 64 ? 63 : 31);
        if (TSize.Bits < 32)
            count %= TSize.Bits + 1;
        if (count == 0)
            return a;
        ulong carry = flags & 1;
        ulong low = count == 1 ? 0 : a << (TSize.Bits - count + 1);
        ulong result = ((a >> count) | (carry << (TSize.Bits - count)) | low) & TSize.Mask;
        ulong carryOut = (a >> (count - 1)) & 1;
        X86AluFlags.SetCarryOverflow(ref flags, carryOut, (result >> (TSize.Bits - 1)) ^ (result >> (TSize.Bits - 2)));
        return result;
    }
}
