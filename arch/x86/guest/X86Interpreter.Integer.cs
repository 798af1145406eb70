// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace KvmSharp.Arch.X86;

/// <summary>The second operand of an operation as a type argument.</summary>
internal unsafe interface IX86Source
{
    static abstract ulong Get<TSize>(X86Insn* i, byte* r)
        where TSize : struct, IX86Size;
}

internal readonly unsafe struct X86FromRegister : IX86Source
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Get<TSize>(X86Insn* i, byte* r)
        where TSize : struct, IX86Size => TSize.GetRegister(r + i->Source);
}

internal readonly unsafe struct X86FromImmediate : IX86Source
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Get<TSize>(X86Insn* i, byte* r)
        where TSize : struct, IX86Size => i->Immediate & TSize.Mask;
}

/// <content>Moves, arithmetic, bits. A handler writes nothing before all its accesses have succeeded.</content>
internal sealed unsafe partial class X86Interpreter
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong EffectiveAddress(X86Insn* i, byte* r)
    {
        ulong address = (ulong)i->Displacement + *(ulong*)(r + i->Base) + (*(ulong*)(r + i->Index) << i->Scale);
        if ((i->Flags & X86InsnFlags.Address32) != 0)
            address = (uint)address;
        return address + *(ulong*)(r + i->Segment);
    }

    private static int GeneralVector(X86Insn* i) => (i->Flags & X86InsnFlags.StackSegment) != 0 ? 12 : 13;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int ReadOperand<TSize>(X86Insn* i, ulong address, X86Access access, out ulong value)
        where TSize : struct, IX86Size
    {
        byte* p = _bus.TryAccess(address, TSize.Bytes, access);
        if (p != null)
        {
            value = TSize.Load(p);
            return X86Step.Next;
        }
        return ReadSlow(i, address, TSize.Bytes, access, out value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int WriteOperand<TSize>(X86Insn* i, ulong address, ulong value)
        where TSize : struct, IX86Size
    {
        byte* p = _bus.TryAccess(address, TSize.Bytes, _write);
        if (p != null)
        {
            TSize.Store(p, value);
            return X86Step.Next;
        }
        return WriteSlow(i, address, TSize.Bytes, _write, value);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int ReadSlow(X86Insn* i, ulong address, int size, X86Access access, out ulong value)
    {
        ulong buffer = 0;
        X86BusResult result = _bus.ReadMemory(address, (byte*)&buffer, size, access);
        value = buffer;
        return result == X86BusResult.Done ? X86Step.Next : FromBus(result, GeneralVector(i));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int WriteSlow(X86Insn* i, ulong address, int size, X86Access access, ulong value)
    {
        X86BusResult result = _bus.WriteMemory(address, (byte*)&value, size, access);
        return result == X86BusResult.Done ? X86Step.Next : FromBus(result, GeneralVector(i));
    }

    /// <summary>Whether a LOCKed access to plain memory at <paramref name="p"/> can be one host atomic.</summary>
    private static bool CanBeAtomic(byte* p, int size) => X86Base.IsSupported || ((nuint)p & (nuint)(size - 1)) == 0;

    /// <summary>
    /// A LOCKed access that is not plain memory of one page. A device sees an ordinary read and write; a page-crossing one cannot be made atomic.
    /// </summary>
    private static bool CrossesPage(ulong address, int size) => (address & (PageSize - 1)) + (uint)size > PageSize;

    private static int MovRegister<TSize, TSource>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
        where TSource : struct, IX86Source
    {
        TSize.SetRegister(r + i->Destination, TSource.Get<TSize>(i, r));
        return X86Step.Next;
    }

    private static int MovLoad<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        int step = c.ReadOperand<TSize>(i, EffectiveAddress(i, r), c._read, out ulong value);
        if (step == X86Step.Next)
            TSize.SetRegister(r + i->Destination, value);
        return step;
    }

    private static int MovStore<TSize, TSource>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
        where TSource : struct, IX86Source
        => c.WriteOperand<TSize>(i, EffectiveAddress(i, r), TSource.Get<TSize>(i, r));

    private static int MovZeroRegister<TTo, TFrom>(X86Interpreter c, X86Insn* i, byte* r)
        where TTo : struct, IX86Size
        where TFrom : struct, IX86Size
    {
        TTo.SetRegister(r + i->Destination, TFrom.GetRegister(r + i->Source));
        return X86Step.Next;
    }

    private static int MovZeroLoad<TTo, TFrom>(X86Interpreter c, X86Insn* i, byte* r)
        where TTo : struct, IX86Size
        where TFrom : struct, IX86Size
    {
        int step = c.ReadOperand<TFrom>(i, EffectiveAddress(i, r), c._read, out ulong value);
        if (step == X86Step.Next)
            TTo.SetRegister(r + i->Destination, value);
        return step;
    }

    private static int MovSignRegister<TTo, TFrom>(X86Interpreter c, X86Insn* i, byte* r)
        where TTo : struct, IX86Size
        where TFrom : struct, IX86Size
    {
        TTo.SetRegister(r + i->Destination, (ulong)TFrom.SignExtend(TFrom.GetRegister(r + i->Source)));
        return X86Step.Next;
    }

    private static int MovSignLoad<TTo, TFrom>(X86Interpreter c, X86Insn* i, byte* r)
        where TTo : struct, IX86Size
        where TFrom : struct, IX86Size
    {
        int step = c.ReadOperand<TFrom>(i, EffectiveAddress(i, r), c._read, out ulong value);
        if (step == X86Step.Next)
            TTo.SetRegister(r + i->Destination, (ulong)TFrom.SignExtend(value));
        return step;
    }

    private static int Lea<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        TSize.SetRegister(r + i->Destination, EffectiveAddress(i, r));
        return X86Step.Next;
    }

    private static int AluRegister<TAlu, TSize, TSource>(X86Interpreter c, X86Insn* i, byte* r)
        where TAlu : struct, IX86Alu
        where TSize : struct, IX86Size
        where TSource : struct, IX86Source
    {
        ulong result = TAlu.Compute<TSize>(TSize.GetRegister(r + i->Destination), TSource.Get<TSize>(i, r), ref *(ulong*)(r + FlagsOffset));
        if (TAlu.Stores)
            TSize.SetRegister(r + i->Destination, result);
        return X86Step.Next;
    }

    private static int AluLoad<TAlu, TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TAlu : struct, IX86Alu
        where TSize : struct, IX86Size
    {
        int step = c.ReadOperand<TSize>(i, EffectiveAddress(i, r), c._read, out ulong b);
        if (step != X86Step.Next)
            return step;
        ulong result = TAlu.Compute<TSize>(TSize.GetRegister(r + i->Destination), b, ref *(ulong*)(r + FlagsOffset));
        if (TAlu.Stores)
            TSize.SetRegister(r + i->Destination, result);
        return X86Step.Next;
    }

    private static int AluStore<TAlu, TSize, TSource>(X86Interpreter c, X86Insn* i, byte* r)
        where TAlu : struct, IX86Alu
        where TSize : struct, IX86Size
        where TSource : struct, IX86Source
    {
        ulong address = EffectiveAddress(i, r);
        ulong b = TSource.Get<TSize>(i, r);
        ref ulong flags = ref *(ulong*)(r + FlagsOffset);
        byte* p = c._bus.TryAccess(address, TSize.Bytes, TAlu.Stores ? c._write : c._read);
        if (p != null)
        {
            ulong result = TAlu.Compute<TSize>(TSize.Load(p), b, ref flags);
            if (TAlu.Stores)
                TSize.Store(p, result);
            return X86Step.Next;
        }

        int step = c.ReadSlow(i, address, TSize.Bytes, TAlu.Stores ? c._write : c._read, out ulong a);
        if (step != X86Step.Next)
            return step;
        ulong newFlags = flags;
        ulong value = TAlu.Compute<TSize>(a, b, ref newFlags);
        if (TAlu.Stores)
            step = c.WriteSlow(i, address, TSize.Bytes, c._write, value);
        if (step == X86Step.Next)
            flags = newFlags;
        return step;
    }

    private static int AluLocked<TAlu, TSize, TSource>(X86Interpreter c, X86Insn* i, byte* r)
        where TAlu : struct, IX86Alu
        where TSize : struct, IX86Size
        where TSource : struct, IX86Source
    {
        ulong address = EffectiveAddress(i, r);
        ref ulong flags = ref *(ulong*)(r + FlagsOffset);
        byte* p = c._bus.TryAccess(address, TSize.Bytes, c._write);
        if (p == null)
            return CrossesPage(address, TSize.Bytes) ? c.ExitWithError(X86InternalError.SplitLock, i) : AluStore<TAlu, TSize, TSource>(c, i, r);
        if (!CanBeAtomic(p, TSize.Bytes))
            return c.ExitWithError(X86InternalError.SplitLock, i);
        ulong b = TSource.Get<TSize>(i, r);
        while (true)
        {
            ulong a = TSize.Load(p);
            ulong newFlags = flags;
            ulong result = TAlu.Compute<TSize>(a, b, ref newFlags);
            if (TSize.CompareExchange(p, result, a) == a)
            {
                flags = newFlags;
                return X86Step.Next;
            }
        }
    }

    private static int XchgRegister<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        ulong a = TSize.GetRegister(r + i->Destination);
        ulong b = TSize.GetRegister(r + i->Source);
        TSize.SetRegister(r + i->Destination, b);
        TSize.SetRegister(r + i->Source, a);
        return X86Step.Next;
    }

    // XCHG with memory is locked with or without the prefix.
    private static int XchgMemory<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        ulong address = EffectiveAddress(i, r);
        ulong b = TSize.GetRegister(r + i->Source);
        ulong a;
        byte* p = c._bus.TryAccess(address, TSize.Bytes, c._write);
        if (p != null)
        {
            if (!CanBeAtomic(p, TSize.Bytes))
                return c.ExitWithError(X86InternalError.SplitLock, i);
            a = TSize.Exchange(p, b);
        }
        else
        {
            if (CrossesPage(address, TSize.Bytes))
                return c.ExitWithError(X86InternalError.SplitLock, i);
            int step = c.ReadSlow(i, address, TSize.Bytes, c._write, out a);
            if (step == X86Step.Next)
                step = c.WriteSlow(i, address, TSize.Bytes, c._write, b);
            if (step != X86Step.Next)
                return step;
        }
        TSize.SetRegister(r + i->Source, a);
        return X86Step.Next;
    }

    private static int XaddRegister<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        ulong a = TSize.GetRegister(r + i->Destination);
        ulong result = X86Add.Compute<TSize>(a, TSize.GetRegister(r + i->Source), ref *(ulong*)(r + FlagsOffset));
        TSize.SetRegister(r + i->Source, a);
        TSize.SetRegister(r + i->Destination, result);
        return X86Step.Next;
    }

    private static int XaddMemory<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        ulong address = EffectiveAddress(i, r);
        ulong b = TSize.GetRegister(r + i->Source);
        ulong flags = *(ulong*)(r + FlagsOffset);
        ulong a;
        byte* p = c._bus.TryAccess(address, TSize.Bytes, c._write);
        if (p != null)
        {
            if ((i->Flags & X86InsnFlags.Lock) == 0)
            {
                a = TSize.Load(p);
                TSize.Store(p, X86Add.Compute<TSize>(a, b, ref flags));
            }
            else
            {
                if (!CanBeAtomic(p, TSize.Bytes))
                    return c.ExitWithError(X86InternalError.SplitLock, i);
                do
                    a = TSize.Load(p);
                while (TSize.CompareExchange(p, X86Add.Compute<TSize>(a, b, ref flags), a) != a);
            }
        }
        else
        {
            if ((i->Flags & X86InsnFlags.Lock) != 0 && CrossesPage(address, TSize.Bytes))
                return c.ExitWithError(X86InternalError.SplitLock, i);
            int step = c.ReadSlow(i, address, TSize.Bytes, c._write, out a);
            if (step == X86Step.Next)
                step = c.WriteSlow(i, address, TSize.Bytes, c._write, X86Add.Compute<TSize>(a, b, ref flags));
            if (step != X86Step.Next)
                return step;
        }
        TSize.SetRegister(r + i->Source, a);
        *(ulong*)(r + FlagsOffset) = flags;
        return X86Step.Next;
    }

    private static int CmpxchgRegister<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        ulong a = TSize.GetRegister(r + i->Destination);
        ulong expected = TSize.GetRegister(r + RaxOffset);
        X86Sub.Compute<TSize>(expected, a, ref *(ulong*)(r + FlagsOffset));
        if (a == expected)
            TSize.SetRegister(r + i->Destination, TSize.GetRegister(r + i->Source));
        else
            TSize.SetRegister(r + RaxOffset, a);
        return X86Step.Next;
    }

    private static int CmpxchgMemory<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        // The destination is written in either case, so a read-only page faults even when the comparison fails.
        ulong address = EffectiveAddress(i, r);
        ulong expected = TSize.GetRegister(r + RaxOffset);
        ulong b = TSize.GetRegister(r + i->Source);
        ulong a;
        byte* p = c._bus.TryAccess(address, TSize.Bytes, c._write);
        if (p != null)
        {
            if ((i->Flags & X86InsnFlags.Lock) == 0)
            {
                a = TSize.Load(p);
                if (a == expected)
                    TSize.Store(p, b);
            }
            else
            {
                if (!CanBeAtomic(p, TSize.Bytes))
                    return c.ExitWithError(X86InternalError.SplitLock, i);
                a = TSize.CompareExchange(p, b, expected);
            }
        }
        else
        {
            if ((i->Flags & X86InsnFlags.Lock) != 0 && CrossesPage(address, TSize.Bytes))
                return c.ExitWithError(X86InternalError.SplitLock, i);
            int step = c.ReadSlow(i, address, TSize.Bytes, c._write, out a);
            if (step == X86Step.Next)
                step = c.WriteSlow(i, address, TSize.Bytes, c._write, a == expected ? b : a);
            if (step != X86Step.Next)
                return step;
        }
        X86Sub.Compute<TSize>(expected, a, ref *(ulong*)(r + FlagsOffset));
        if (a != expected)
            TSize.SetRegister(r + RaxOffset, a);
        return X86Step.Next;
    }

    private static int Cmpxchg8b(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong address = EffectiveAddress(i, r);
        ulong expected = *(uint*)(r + RaxOffset) | ((ulong)*(uint*)(r + RdxOffset) << 32);
        ulong b = *(uint*)(r + RbxOffset) | ((ulong)*(uint*)(r + RcxOffset) << 32);
        ulong a;
        byte* p = c._bus.TryAccess(address, 8, c._write);
        if (p != null)
        {
            if (!CanBeAtomic(p, 8))
                return c.ExitWithError(X86InternalError.SplitLock, i);
            a = X86Size64.CompareExchange(p, b, expected);
        }
        else
        {
            if ((i->Flags & X86InsnFlags.Lock) != 0 && CrossesPage(address, 8))
                return c.ExitWithError(X86InternalError.SplitLock, i);
            int step = c.ReadSlow(i, address, 8, c._write, out a);
            if (step == X86Step.Next)
                step = c.WriteSlow(i, address, 8, c._write, a == expected ? b : a);
            if (step != X86Step.Next)
                return step;
        }
        ref ulong flags = ref *(ulong*)(r + FlagsOffset);
        if (a == expected)
        {
            flags |= X86Flags.Zf;
        }
        else
        {
            flags &= ~X86Flags.Zf;
            *(ulong*)(r + RaxOffset) = (uint)a;
            *(ulong*)(r + RdxOffset) = a >> 32;
        }
        return X86Step.Next;
    }

    private static int Cmpxchg16b(X86Interpreter c, X86Insn* i, byte* r)
    {
        // Alignment is checked, so the operand never crosses a page.
        ulong address = EffectiveAddress(i, r);
        if ((address & 15) != 0)
            return c.Raise(13, 0);
        UInt128 expected = new(*(ulong*)(r + RdxOffset), *(ulong*)(r + RaxOffset));
        UInt128 b = new(*(ulong*)(r + RcxOffset), *(ulong*)(r + RbxOffset));
        UInt128 a;
        byte* p = c._bus.TryAccess(address, 16, c._write);
        if (p != null)
        {
            lock (c._bus.WideAtomicLock)
            {
                ulong low = X86Size64.Load(p);
                ulong high = X86Size64.Load(p + 8);
                a = new UInt128(high, low);
                if (a == expected)
                {
                    X86Size64.Store(p, (ulong)b);
                    X86Size64.Store(p + 8, (ulong)(b >> 64));
                }
            }
        }
        else
        {
            X86BusResult result = c._bus.ReadMemory(address, (byte*)&a, 16, c._write);
            if (result == X86BusResult.Done)
            {
                UInt128 value = a == expected ? b : a;
                result = c._bus.WriteMemory(address, (byte*)&value, 16, c._write);
            }
            if (result != X86BusResult.Done)
                return c.FromBus(result, GeneralVector(i));
        }
        ref ulong flags = ref *(ulong*)(r + FlagsOffset);
        if (a == expected)
        {
            flags |= X86Flags.Zf;
        }
        else
        {
            flags &= ~X86Flags.Zf;
            *(ulong*)(r + RaxOffset) = (ulong)a;
            *(ulong*)(r + RdxOffset) = (ulong)(a >> 64);
        }
        return X86Step.Next;
    }

    private static int SetRegister<TCondition>(X86Interpreter c, X86Insn* i, byte* r)
        where TCondition : struct, IX86Condition
    {
        *(r + i->Destination) = TCondition.Test(*(ulong*)(r + FlagsOffset)) ? (byte)1 : (byte)0;
        return X86Step.Next;
    }

    private static int SetMemory<TCondition>(X86Interpreter c, X86Insn* i, byte* r)
        where TCondition : struct, IX86Condition
        => c.WriteOperand<X86Size8>(i, EffectiveAddress(i, r), TCondition.Test(*(ulong*)(r + FlagsOffset)) ? 1UL : 0);

    private static int CmovRegister<TCondition>(X86Interpreter c, X86Insn* i, byte* r)
        where TCondition : struct, IX86Condition
    {
        bool take = TCondition.Test(*(ulong*)(r + FlagsOffset));
        Select(i, r, take, *(ulong*)(r + i->Source));
        return X86Step.Next;
    }

    // The load happens, and may fault, whether or not the condition holds.
    private static int CmovLoad<TCondition>(X86Interpreter c, X86Insn* i, byte* r)
        where TCondition : struct, IX86Condition
    {
        ulong address = EffectiveAddress(i, r);
        ulong value;
        int step = i->Size switch
        {
            2 => c.ReadOperand<X86Size16>(i, address, c._read, out value),
            4 => c.ReadOperand<X86Size32>(i, address, c._read, out value),
            _ => c.ReadOperand<X86Size64>(i, address, c._read, out value),
        };
        if (step == X86Step.Next)
            Select(i, r, TCondition.Test(*(ulong*)(r + FlagsOffset)), value);
        return step;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Select(X86Insn* i, byte* r, bool take, ulong value)
    {
        ulong* destination = (ulong*)(r + i->Destination);
        ulong chosen = take ? value : *destination;
        if (i->Size == 8)
            *destination = chosen;
        else if (i->Size == 4)
            *destination = (uint)chosen;
        else
            *(ushort*)destination = (ushort)chosen;
    }

    /// <summary>Reads the r/m operand of a rare instruction: register <see cref="X86Insn.Source"/>, or memory when <see cref="X86Insn.Aux"/> is 1.</summary>
    private int ReadRm(X86Insn* i, byte* r, out ulong value)
    {
        if (i->Aux == 0)
        {
            byte* p = r + i->Source;
            value = i->Size switch { 1 => *p, 2 => *(ushort*)p, 4 => *(uint*)p, _ => *(ulong*)p };
            return X86Step.Next;
        }
        return ReadSized(i, EffectiveAddress(i, r), i->Size, _read, out value);
    }

    private int ReadSized(X86Insn* i, ulong address, int size, X86Access access, out ulong value) => size switch
    {
        1 => ReadOperand<X86Size8>(i, address, access, out value),
        2 => ReadOperand<X86Size16>(i, address, access, out value),
        4 => ReadOperand<X86Size32>(i, address, access, out value),
        _ => ReadOperand<X86Size64>(i, address, access, out value),
    };

    private int WriteSized(X86Insn* i, ulong address, int size, ulong value) => size switch
    {
        1 => WriteOperand<X86Size8>(i, address, value),
        2 => WriteOperand<X86Size16>(i, address, value),
        4 => WriteOperand<X86Size32>(i, address, value),
        _ => WriteOperand<X86Size64>(i, address, value),
    };

    private static void SetSized(byte* p, int size, ulong value)
    {
        if (size == 8)
            *(ulong*)p = value;
        else if (size == 4)
            *(ulong*)p = (uint)value;
        else if (size == 2)
            *(ushort*)p = (ushort)value;
        else
            *p = (byte)value;
    }

    // MUL and one-operand IMUL: SF, ZF, AF and PF are undefined and stay.
    private static int Mul(X86Interpreter c, X86Insn* i, byte* r)
    {
        int step = c.ReadRm(i, r, out ulong b);
        if (step != X86Step.Next)
            return step;
        bool overflow;
        if (i->Size == 1)
        {
            uint product = (uint)*r * (uint)b;
            *(ushort*)r = (ushort)product;
            overflow = product >> 8 != 0;
        }
        else if (i->Size == 8)
        {
            ulong high = Math.BigMul(*(ulong*)r, b, out ulong low);
            *(ulong*)r = low;
            *(ulong*)(r + RdxOffset) = high;
            overflow = high != 0;
        }
        else
        {
            int bits = i->Size * 8;
            ulong a = i->Size == 4 ? *(uint*)r : *(ushort*)r;
            ulong product = a * b;
            SetSized(r, i->Size, product);
            SetSized(r + RdxOffset, i->Size, product >> bits);
            overflow = product >> bits != 0;
        }
        X86AluFlags.SetCarryOverflow(ref *(ulong*)(r + FlagsOffset), overflow ? 1UL : 0, overflow ? 1UL : 0);
        return X86Step.Next;
    }

    private static long Signed(ulong value, int size) => size switch { 1 => (sbyte)value, 2 => (short)value, 4 => (int)value, _ => (long)value };

    private static int Imul(X86Interpreter c, X86Insn* i, byte* r)
    {
        int step = c.ReadRm(i, r, out ulong raw);
        if (step != X86Step.Next)
            return step;
        int size = i->Size;
        bool overflow;
        if (size == 8)
        {
            long high = Math.BigMul(*(long*)r, (long)raw, out long low);
            *(long*)r = low;
            *(long*)(r + RdxOffset) = high;
            overflow = high != low >> 63;
        }
        else
        {
            long product = Signed(*(ulong*)r, size) * Signed(raw, size);
            if (size == 1)
            {
                *(short*)r = (short)product;
            }
            else
            {
                SetSized(r, size, (ulong)product);
                SetSized(r + RdxOffset, size, (ulong)(product >> (size * 8)));
            }
            overflow = product != Signed((ulong)product, size);
        }
        X86AluFlags.SetCarryOverflow(ref *(ulong*)(r + FlagsOffset), overflow ? 1UL : 0, overflow ? 1UL : 0);
        return X86Step.Next;
    }

    /// <summary>IMUL with a destination register: the product of the r/m operand with the destination, or with the immediate when <see cref="X86Insn.Size2"/> is 1.</summary>
    private static int ImulRegister<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        int step = c.ReadRm(i, r, out ulong raw);
        if (step != X86Step.Next)
            return step;
        long a = TSize.SignExtend(raw);
        long b = i->Size2 == 1 ? TSize.SignExtend(i->Immediate) : TSize.SignExtend(TSize.GetRegister(r + i->Destination));
        bool overflow;
        ulong result;
        if (TSize.Bits == 64)
        {
            long high = Math.BigMul(a, b, out long low);
            result = (ulong)low;
            overflow = high != low >> 63;
        }
        else
        {
            long product = a * b;
            result = (ulong)product & TSize.Mask;
            overflow = product != TSize.SignExtend(result);
        }
        TSize.SetRegister(r + i->Destination, result);
        X86AluFlags.SetCarryOverflow(ref *(ulong*)(r + FlagsOffset), overflow ? 1UL : 0, overflow ? 1UL : 0);
        return X86Step.Next;
    }

    private static int Div(X86Interpreter c, X86Insn* i, byte* r)
    {
        int step = c.ReadRm(i, r, out ulong divisor);
        if (step != X86Step.Next)
            return step;
        if (divisor == 0)
            return c.Raise(0, 0);
        switch (i->Size)
        {
            case 1:
            {
                uint dividend = *(ushort*)r;
                uint quotient = dividend / (uint)divisor;
                if (quotient > byte.MaxValue)
                    return c.Raise(0, 0);
                *(ushort*)r = (ushort)(quotient | ((dividend % (uint)divisor) << 8));
                break;
            }
            case 2:
            case 4:
            {
                int bits = i->Size * 8;
                ulong dividend = i->Size == 2 ? *(ushort*)r | ((ulong)*(ushort*)(r + RdxOffset) << 16) : *(uint*)r | ((ulong)*(uint*)(r + RdxOffset) << 32);
                (ulong quotient, ulong remainder) = Math.DivRem(dividend, divisor);
                if (quotient >> bits != 0)
                    return c.Raise(0, 0);
                SetSized(r, i->Size, quotient);
                SetSized(r + RdxOffset, i->Size, remainder);
                break;
            }
            default:
            {
                ulong high = *(ulong*)(r + RdxOffset);
                if (high >= divisor)
                    return c.Raise(0, 0);
                if (high == 0)
                {
                    (ulong quotient, ulong remainder) = Math.DivRem(*(ulong*)r, divisor);
                    *(ulong*)r = quotient;
                    *(ulong*)(r + RdxOffset) = remainder;
                }
                else
                {
                    (UInt128 quotient, UInt128 remainder) = UInt128.DivRem(new UInt128(high, *(ulong*)r), divisor);
                    *(ulong*)r = (ulong)quotient;
                    *(ulong*)(r + RdxOffset) = (ulong)remainder;
                }
                break;
            }
        }
        return X86Step.Next;
    }

    private static int Idiv(X86Interpreter c, X86Insn* i, byte* r)
    {
        int step = c.ReadRm(i, r, out ulong raw);
        if (step != X86Step.Next)
            return step;
        int size = i->Size;
        long divisor = Signed(raw, size);
        if (divisor == 0)
            return c.Raise(0, 0);
        if (size == 8)
        {
            Int128 dividend = (Int128)new UInt128(*(ulong*)(r + RdxOffset), *(ulong*)r);
            if (dividend == Int128.MinValue && divisor == -1)
                return c.Raise(0, 0);
            long quotient64;
            long remainder64;
            if (dividend == (long)dividend && !((long)dividend == long.MinValue && divisor == -1))
            {
                (quotient64, remainder64) = Math.DivRem((long)dividend, divisor);
            }
            else
            {
                (Int128 wide, Int128 rest) = Int128.DivRem(dividend, divisor);
                if (wide != (long)wide)
                    return c.Raise(0, 0);
                quotient64 = (long)wide;
                remainder64 = (long)rest;
            }
            *(long*)r = quotient64;
            *(long*)(r + RdxOffset) = remainder64;
            return X86Step.Next;
        }

        long narrow = size switch
        {
            1 => *(short*)r,
            2 => (int)(*(ushort*)r | ((uint)*(ushort*)(r + RdxOffset) << 16)),
            _ => (long)(*(uint*)r | ((ulong)*(uint*)(r + RdxOffset) << 32)),
        };
        if (narrow == long.MinValue && divisor == -1)
            return c.Raise(0, 0);
        (long quotient, long remainder) = Math.DivRem(narrow, divisor);
        if (quotient != Signed((ulong)quotient, size))
            return c.Raise(0, 0);
        if (size == 1)
        {
            *(ushort*)r = (ushort)((byte)quotient | ((byte)remainder << 8));
        }
        else
        {
            SetSized(r, size, (ulong)quotient);
            SetSized(r + RdxOffset, size, (ulong)remainder);
        }
        return X86Step.Next;
    }

    // SHLD and SHRD: Source is the register that is shifted in; Size2 is 1 for an immediate count; Aux is 1 for a memory destination.
    private static int ShiftDouble(X86Interpreter c, X86Insn* i, byte* r, bool left)
    {
        int size = i->Size;
        int bits = size * 8;
        int count = (int)(i->Size2 == 1 ? i->Immediate : *(ulong*)(r + RcxOffset)) & (size == 8 ? 63 : 31);
        ulong mask = ulong.MaxValue >> (64 - bits);
        ulong b = *(ulong*)(r + i->Source) & mask;
        ulong a;
        ulong address = 0;
        if (i->Aux == 0)
        {
            a = *(ulong*)(r + i->Destination) & mask;
        }
        else
        {
            address = EffectiveAddress(i, r);
            int step = c.ReadSized(i, address, size, c._write, out a);
            if (step != X86Step.Next)
                return step;
        }

        ulong result = a;
        ulong flags = *(ulong*)(r + FlagsOffset);
        if (count != 0)
        {
            ulong carry;
            if (left)
            {
                // A 16-bit count above 16 is undefined; what comes out is the operand shifted on, then the source again.
                if (size == 2)
                {
                    ulong wide = (a << 32) | (b << 16) | a;
                    result = (wide << count >> 32) & mask;
                    carry = (wide >> (48 - count)) & 1;
                }
                else
                {
                    result = ((a << count) | (b >> (bits - count))) & mask;
                    carry = (a >> (bits - count)) & 1;
                }
            }
            else if (size == 2)
            {
                ulong wide = a | (b << 16) | (a << 32);
                result = (wide >> count) & mask;
                carry = (wide >> (count - 1)) & 1;
            }
            else
            {
                result = ((a >> count) | (b << (bits - count))) & mask;
                carry = (a >> (count - 1)) & 1;
            }
            ulong overflow = ((a ^ result) >> (bits - 1)) & 1;
            ulong zsp = size switch { 2 => X86AluFlags.Zsp<X86Size16>(result), 4 => X86AluFlags.Zsp<X86Size32>(result), _ => X86AluFlags.Zsp<X86Size64>(result) };
            X86AluFlags.Set(ref flags, zsp | carry | (overflow << 11));
        }
        if (i->Aux == 0)
        {
            SetSized(r + i->Destination, size, result);
        }
        else
        {
            int step = c.WriteSized(i, address, size, result);
            if (step != X86Step.Next)
                return step;
        }
        *(ulong*)(r + FlagsOffset) = flags;
        return X86Step.Next;
    }

    private static int Shld(X86Interpreter c, X86Insn* i, byte* r) => ShiftDouble(c, i, r, left: true);

    private static int Shrd(X86Interpreter c, X86Insn* i, byte* r) => ShiftDouble(c, i, r, left: false);

    // BT, BTS, BTR, BTC by Size2 0..3. Aux 1: memory operand. Source2 1: the bit number is the immediate, else register Source.
    private static int BitTest(X86Interpreter c, X86Insn* i, byte* r)
    {
        int size = i->Size;
        int bits = size * 8;
        long number = i->Source2 == 1 ? (long)i->Immediate : Signed(*(ulong*)(r + i->Source), size);
        int bit = (int)number & (bits - 1);
        ulong one = 1UL << bit;
        ref ulong flags = ref *(ulong*)(r + FlagsOffset);
        if (i->Aux == 0)
        {
            ulong value = *(ulong*)(r + i->Destination);
            if (i->Size2 != 0)
                SetSized(r + i->Destination, size, Modify(value, one, i->Size2));
            flags = (flags & ~X86Flags.Cf) | ((value >> bit) & 1);
            return X86Step.Next;
        }

        ulong address = EffectiveAddress(i, r);
        if (i->Source2 == 0)
        {
            // A register bit number reaches beyond the operand: whole operands up or down from the address.
            ulong segment = *(ulong*)(r + i->Segment);
            address = address - segment + (ulong)((number >> System.Numerics.BitOperations.Log2((uint)bits)) * size);
            if ((i->Flags & X86InsnFlags.Address32) != 0)
                address = (uint)address;
            address += segment;
        }
        ulong old;
        int step;
        if (i->Size2 == 0)
        {
            step = c.ReadSized(i, address, size, c._read, out old);
            if (step != X86Step.Next)
                return step;
        }
        else if ((i->Flags & X86InsnFlags.Lock) == 0)
        {
            step = c.ReadSized(i, address, size, c._write, out old);
            if (step == X86Step.Next)
                step = c.WriteSized(i, address, size, Modify(old, one, i->Size2));
            if (step != X86Step.Next)
                return step;
        }
        else
        {
            byte* p = c._bus.TryAccess(address, size, c._write);
            if (p != null)
            {
                if (!CanBeAtomic(p, size))
                    return c.ExitWithError(X86InternalError.SplitLock, i);
                old = size switch
                {
                    2 => ModifyLocked<X86Size16>(p, one, i->Size2),
                    4 => ModifyLocked<X86Size32>(p, one, i->Size2),
                    _ => ModifyLocked<X86Size64>(p, one, i->Size2),
                };
            }
            else
            {
                if (CrossesPage(address, size))
                    return c.ExitWithError(X86InternalError.SplitLock, i);
                step = c.ReadSlow(i, address, size, c._write, out old);
                if (step == X86Step.Next)
                    step = c.WriteSlow(i, address, size, c._write, Modify(old, one, i->Size2));
                if (step != X86Step.Next)
                    return step;
            }
        }
        flags = (flags & ~X86Flags.Cf) | ((old >> bit) & 1);
        return X86Step.Next;
    }

    private static ulong Modify(ulong value, ulong one, int kind) => kind switch { 1 => value | one, 2 => value & ~one, _ => value ^ one };

    private static ulong ModifyLocked<TSize>(byte* p, ulong one, int kind)
        where TSize : struct, IX86Size
    {
        ulong old;
        do
            old = TSize.Load(p);
        while (TSize.CompareExchange(p, Modify(old, one, kind) & TSize.Mask, old) != old);
        return old;
    }

    // BSF 0, BSR 1, TZCNT 2, LZCNT 3, POPCNT 4 by Size2.
    private static int BitScan(X86Interpreter c, X86Insn* i, byte* r)
    {
        int step = c.ReadRm(i, r, out ulong value);
        if (step != X86Step.Next)
            return step;
        ref ulong flags = ref *(ulong*)(r + FlagsOffset);
        int bits = i->Size * 8;
        ulong result;
        switch (i->Size2)
        {
            case 0:
            case 1:
                // A zero source leaves the destination as it is.
                if (value == 0)
                {
                    flags |= X86Flags.Zf;
                    return X86Step.Next;
                }
                flags &= ~X86Flags.Zf;
                result = (ulong)(i->Size2 == 0 ? BitOperations.TrailingZeroCount(value) : BitOperations.Log2(value));
                break;
            case 2:
                result = value == 0 ? (ulong)bits : (ulong)BitOperations.TrailingZeroCount(value);
                flags = (flags & ~(X86Flags.Cf | X86Flags.Zf)) | (value == 0 ? X86Flags.Cf : 0) | (result == 0 ? X86Flags.Zf : 0);
                break;
            case 3:
                result = (ulong)(BitOperations.LeadingZeroCount(value) - (64 - bits));
                flags = (flags & ~(X86Flags.Cf | X86Flags.Zf)) | (value == 0 ? X86Flags.Cf : 0) | (result == 0 ? X86Flags.Zf : 0);
                break;
            default:
                result = (ulong)BitOperations.PopCount(value);
                X86AluFlags.Set(ref flags, value == 0 ? X86Flags.Zf : 0);
                break;
        }
        SetSized(r + i->Destination, i->Size, result);
        return X86Step.Next;
    }

    private static int Bswap(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong* p = (ulong*)(r + i->Destination);
        if (i->Size == 8)
            *p = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(*p);
        else
            *p = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness((uint)*p);
        return X86Step.Next;
    }

    // MOVBE. Aux 1: load, 2: store.
    private static int Movbe(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong address = EffectiveAddress(i, r);
        if (i->Aux == 2)
            return c.WriteSized(i, address, i->Size, Swap(*(ulong*)(r + i->Source), i->Size));
        int step = c.ReadSized(i, address, i->Size, c._read, out ulong value);
        if (step == X86Step.Next)
            SetSized(r + i->Destination, i->Size, Swap(value, i->Size));
        return step;
    }

    private static ulong Swap(ulong value, int size) => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value) >> (64 - (8 * size));

    // CBW, CWDE, CDQE: Size is that of the result.
    private static int SignExtendAccumulator(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (i->Size == 8)
            *(long*)r = *(int*)r;
        else if (i->Size == 4)
            *(ulong*)r = (uint)*(short*)r;
        else
            *(short*)r = *(sbyte*)r;
        return X86Step.Next;
    }

    // CWD, CDQ, CQO.
    private static int SignFillData(X86Interpreter c, X86Insn* i, byte* r)
    {
        SetSized(r + RdxOffset, i->Size, (ulong)(Signed(*(ulong*)r, i->Size) >> 63));
        return X86Step.Next;
    }

    private static int Lahf(X86Interpreter c, X86Insn* i, byte* r)
    {
        r[1] = (byte)((*(ulong*)(r + FlagsOffset) & 0xd5) | X86Flags.Fixed);
        return X86Step.Next;
    }

    private static int Sahf(X86Interpreter c, X86Insn* i, byte* r)
    {
        ref ulong flags = ref *(ulong*)(r + FlagsOffset);
        flags = (flags & ~0xd5UL) | (r[1] & 0xd5UL);
        return X86Step.Next;
    }

    /// <summary>CLC, STC, CLD, STD: flags of Immediate are cleared, of Displacement are set; CMC has Aux 1.</summary>
    private static int ChangeFlags(X86Interpreter c, X86Insn* i, byte* r)
    {
        ref ulong flags = ref *(ulong*)(r + FlagsOffset);
        flags = i->Aux == 1 ? flags ^ X86Flags.Cf : (flags & ~i->Immediate) | (ulong)i->Displacement;
        return X86Step.Next;
    }

    private static int Nop(X86Interpreter c, X86Insn* i, byte* r) => X86Step.Next;

    // A full fence on the host too: the guest's store-load order is the host's business here.
    private static int Fence(X86Interpreter c, X86Insn* i, byte* r)
    {
        Interlocked.MemoryBarrier();
        return X86Step.Next;
    }

    private static int Pause(X86Interpreter c, X86Insn* i, byte* r)
    {
        c._bus.OnPause();
        return X86Step.Next;
    }

    // XLAT: the table is at RBX plus AL.
    private static int Xlat(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong address = *(ulong*)(r + RbxOffset) + *r;
        if ((i->Flags & X86InsnFlags.Address32) != 0)
            address = (uint)address;
        int step = c.ReadOperand<X86Size8>(i, address + *(ulong*)(r + i->Segment), c._read, out ulong value);
        if (step == X86Step.Next)
            *r = (byte)value;
        return step;
    }
}
