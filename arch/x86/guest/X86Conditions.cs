// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;

namespace KvmSharp.Arch.X86;

/// <summary>A condition code of Jcc, SETcc, CMOVcc as a type argument.</summary>
internal interface IX86Condition
{
    static abstract bool Test(ulong f);
}

internal readonly struct X86Not<T> : IX86Condition
    where T : struct, IX86Condition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(ulong f) => !T.Test(f);
}

internal readonly struct X86IfO : IX86Condition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(ulong f) => (f & X86Flags.Of) != 0;
}

internal readonly struct X86IfB : IX86Condition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(ulong f) => (f & X86Flags.Cf) != 0;
}

internal readonly struct X86IfZ : IX86Condition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(ulong f) => (f & X86Flags.Zf) != 0;
}

internal readonly struct X86IfBe : IX86Condition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(ulong f) => (f & (X86Flags.Cf | X86Flags.Zf)) != 0;
}

internal readonly struct X86IfS : IX86Condition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(ulong f) => (f & X86Flags.Sf) != 0;
}

internal readonly struct X86IfP : IX86Condition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(ulong f) => (f & X86Flags.Pf) != 0;
}

internal readonly struct X86IfL : IX86Condition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(ulong f) => ((f >> 7) & 1) != ((f >> 11) & 1);
}

internal readonly struct X86IfLe : IX86Condition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(ulong f) => (f & X86Flags.Zf) != 0 || ((f >> 7) & 1) != ((f >> 11) & 1);
}
