// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace KvmSharp.Arch.X86;

/// <summary>Guest memory order on hosts that are weaker than x86: loads are acquires, stores are releases. Nothing on x86.</summary>
internal static class X86Order
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AfterLoad()
    {
        if (!X86Base.IsSupported)
            Interlocked.MemoryBarrier();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void BeforeStore()
    {
        if (!X86Base.IsSupported)
            Interlocked.MemoryBarrier();
    }
}

internal readonly unsafe struct X86Size8 : IX86Size
{
    public static int Bytes => 1;

    public static int Bits => 8;

    public static ulong Mask => byte.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong GetRegister(byte* p) => *(byte*)p;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(byte* p)
    {
        ulong value = *(byte*)p;
        X86Order.AfterLoad();
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* p, ulong value)
    {
        X86Order.BeforeStore();
        *(byte*)p = (byte)value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetRegister(byte* p, ulong value) => *(byte*)p = (byte)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long SignExtend(ulong value) => (sbyte)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong CompareExchange(byte* p, ulong value, ulong comparand) =>
        Interlocked.CompareExchange(ref Unsafe.AsRef<byte>(p), (byte)value, (byte)comparand);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Exchange(byte* p, ulong value) => Interlocked.Exchange(ref Unsafe.AsRef<byte>(p), (byte)value);
}

internal readonly unsafe struct X86Size16 : IX86Size
{
    public static int Bytes => 2;

    public static int Bits => 16;

    public static ulong Mask => ushort.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong GetRegister(byte* p) => *(ushort*)p;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(byte* p)
    {
        ulong value = *(ushort*)p;
        X86Order.AfterLoad();
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* p, ulong value)
    {
        X86Order.BeforeStore();
        *(ushort*)p = (ushort)value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetRegister(byte* p, ulong value) => *(ushort*)p = (ushort)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long SignExtend(ulong value) => (short)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong CompareExchange(byte* p, ulong value, ulong comparand) =>
        Interlocked.CompareExchange(ref Unsafe.AsRef<ushort>(p), (ushort)value, (ushort)comparand);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Exchange(byte* p, ulong value) => Interlocked.Exchange(ref Unsafe.AsRef<ushort>(p), (ushort)value);
}

internal readonly unsafe struct X86Size32 : IX86Size
{
    public static int Bytes => 4;

    public static int Bits => 32;

    public static ulong Mask => uint.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong GetRegister(byte* p) => *(uint*)p;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(byte* p)
    {
        ulong value = *(uint*)p;
        X86Order.AfterLoad();
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* p, ulong value)
    {
        X86Order.BeforeStore();
        *(uint*)p = (uint)value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetRegister(byte* p, ulong value) => *(ulong*)p = (uint)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long SignExtend(ulong value) => (int)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong CompareExchange(byte* p, ulong value, ulong comparand) =>
        Interlocked.CompareExchange(ref Unsafe.AsRef<uint>(p), (uint)value, (uint)comparand);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Exchange(byte* p, ulong value) => Interlocked.Exchange(ref Unsafe.AsRef<uint>(p), (uint)value);
}

internal readonly unsafe struct X86Size64 : IX86Size
{
    public static int Bytes => 8;

    public static int Bits => 64;

    public static ulong Mask => ulong.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong GetRegister(byte* p) => *(ulong*)p;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(byte* p)
    {
        ulong value = *(ulong*)p;
        X86Order.AfterLoad();
        return value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* p, ulong value)
    {
        X86Order.BeforeStore();
        *(ulong*)p = value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetRegister(byte* p, ulong value) => *(ulong*)p = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long SignExtend(ulong value) => (long)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong CompareExchange(byte* p, ulong value, ulong comparand) =>
        Interlocked.CompareExchange(ref Unsafe.AsRef<ulong>(p), value, comparand);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Exchange(byte* p, ulong value) => Interlocked.Exchange(ref Unsafe.AsRef<ulong>(p), value);
}
