// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;

namespace KvmSharp.Arch.X86;

/// <content>
/// String instructions. A REP does a chunk (at most to the end of a page) and returns <see cref="X86Step.Again"/> with RCX, RSI and RDI advanced, so that
/// interrupts, shootdowns and exits are taken between chunks and a fault restarts at the element that faulted.
/// </content>
internal sealed unsafe partial class X86Interpreter
{
    private const int RepeatChunk = 4096;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsRepeated(X86Insn* i) => (i->Flags & (X86InsnFlags.Rep | X86InsnFlags.Repne)) != 0;

    private static bool IsNarrow(X86Insn* i) => (i->Flags & X86InsnFlags.Address32) != 0;

    private static ulong Counter(X86Insn* i, byte* r) => IsNarrow(i) ? *(uint*)(r + RcxOffset) : *(ulong*)(r + RcxOffset);

    private static ulong IndexRegister(X86Insn* i, byte* r, int offset) => IsNarrow(i) ? *(uint*)(r + offset) : *(ulong*)(r + offset);

    private static void SetIndex(X86Insn* i, byte* r, int offset, ulong value) => *(ulong*)(r + offset) = IsNarrow(i) ? (uint)value : value;

    private static ulong Stride(X86Insn* i, byte* r) => (*(ulong*)(r + FlagsOffset) & X86Flags.Df) != 0 ? 0UL - i->Size : i->Size;

    /// <summary>After <paramref name="done"/> elements of a REP: whether it goes on.</summary>
    private static int Advance(X86Insn* i, byte* r, ulong done)
    {
        if (!IsRepeated(i))
            return X86Step.Next;
        ulong left = Counter(i, r) - done;
        SetIndex(i, r, RcxOffset, left);
        return left == 0 ? X86Step.Next : X86Step.Again;
    }

    /// <summary>How many elements of an ascending REP fit into the page of <paramref name="address"/>; one when there is no bulk way.</summary>
    private static ulong ElementsInPage(X86Insn* i, byte* r, ulong address, ulong limit)
    {
        if (!IsRepeated(i) || (*(ulong*)(r + FlagsOffset) & X86Flags.Df) != 0)
            return 1;
        ulong fit = (PageSize - (address & (PageSize - 1))) / i->Size;
        return Math.Max(1, Math.Min(fit, limit));
    }

    private static int Stos(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong count = IsRepeated(i) ? Counter(i, r) : 1;
        if (count == 0)
            return X86Step.Next;
        int size = i->Size;
        ulong index = IndexRegister(i, r, RdiOffset);
        ulong n = ElementsInPage(i, r, index, count);
        if (n > 1)
        {
            byte* p = c._bus.TryAccess(index, (int)n * size, c._write);
            if (p != null)
            {
                X86Order.BeforeStore();
                switch (size)
                {
                    case 1:
                        new Span<byte>(p, (int)n).Fill(*r);
                        break;
                    case 2:
                        new Span<ushort>(p, (int)n).Fill(*(ushort*)r);
                        break;
                    case 4:
                        new Span<uint>(p, (int)n).Fill(*(uint*)r);
                        break;
                    default:
                        new Span<ulong>(p, (int)n).Fill(*(ulong*)r);
                        break;
                }
                SetIndex(i, r, RdiOffset, index + (n * (uint)size));
                return Advance(i, r, n);
            }
        }
        int step = c.WriteSized(i, index, size, *(ulong*)r);
        if (step != X86Step.Next)
            return step;
        SetIndex(i, r, RdiOffset, index + Stride(i, r));
        return Advance(i, r, 1);
    }

    private static int Lods(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (IsRepeated(i) && Counter(i, r) == 0)
            return X86Step.Next;
        ulong index = IndexRegister(i, r, RsiOffset);
        int step = c.ReadSized(i, index + *(ulong*)(r + i->Segment), i->Size, c._read, out ulong value);
        if (step != X86Step.Next)
            return step;
        SetSized(r, i->Size, value);
        SetIndex(i, r, RsiOffset, index + Stride(i, r));
        return Advance(i, r, 1);
    }

    private static int Movs(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong count = IsRepeated(i) ? Counter(i, r) : 1;
        if (count == 0)
            return X86Step.Next;
        int size = i->Size;
        ulong from = IndexRegister(i, r, RsiOffset);
        ulong to = IndexRegister(i, r, RdiOffset);
        ulong source = from + *(ulong*)(r + i->Segment);
        ulong n = ElementsInPage(i, r, source, ElementsInPage(i, r, to, count));
        if (n > 1 && c.CopyChunk(source, to, (int)n * size))
        {
            SetIndex(i, r, RsiOffset, from + (n * (uint)size));
            SetIndex(i, r, RdiOffset, to + (n * (uint)size));
            return Advance(i, r, n);
        }
        int step = c.ReadSized(i, source, size, c._read, out ulong value);
        if (step == X86Step.Next)
            step = c.WriteSized(i, to, size, value);
        if (step != X86Step.Next)
            return step;
        ulong stride = Stride(i, r);
        SetIndex(i, r, RsiOffset, from + stride);
        SetIndex(i, r, RdiOffset, to + stride);
        return Advance(i, r, 1);
    }

    /// <summary>Copies within one page each; false leaves the work to the way of one element.</summary>
    [SkipLocalsInit]
    private bool CopyChunk(ulong source, ulong to, int bytes)
    {
        byte* p = _bus.TryAccess(source, bytes, _read);
        if (p == null)
            return false;

        // The source pointer dies with the next bus call, so the chunk goes through a buffer. Its value tells whether both are one host range that
        // overlaps, which has to be copied element by element.
        byte* buffer = stackalloc byte[RepeatChunk];
        nuint origin = (nuint)p;
        Unsafe.CopyBlockUnaligned(buffer, p, (uint)bytes);
        byte* q = _bus.TryAccess(to, bytes, _write);
        if (q == null || (nuint)q - origin < (nuint)bytes)
            return false;
        X86Order.BeforeStore();
        Unsafe.CopyBlockUnaligned(q, buffer, (uint)bytes);
        return true;
    }

    private static int Scas(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (IsRepeated(i) && Counter(i, r) == 0)
            return X86Step.Next;
        ulong index = IndexRegister(i, r, RdiOffset);
        int step = c.ReadSized(i, index, i->Size, c._read, out ulong value);
        if (step != X86Step.Next)
            return step;
        c.Compare(i, r, *(ulong*)r, value);
        SetIndex(i, r, RdiOffset, index + Stride(i, r));
        return AdvanceWhile(i, r);
    }

    private static int Cmps(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (IsRepeated(i) && Counter(i, r) == 0)
            return X86Step.Next;
        ulong from = IndexRegister(i, r, RsiOffset);
        ulong to = IndexRegister(i, r, RdiOffset);
        ulong b = 0;
        int step = c.ReadSized(i, from + *(ulong*)(r + i->Segment), i->Size, c._read, out ulong a);
        if (step == X86Step.Next)
            step = c.ReadSized(i, to, i->Size, c._read, out b);
        if (step != X86Step.Next)
            return step;
        c.Compare(i, r, a, b);
        ulong stride = Stride(i, r);
        SetIndex(i, r, RsiOffset, from + stride);
        SetIndex(i, r, RdiOffset, to + stride);
        return AdvanceWhile(i, r);
    }

    private void Compare(X86Insn* i, byte* r, ulong a, ulong b)
    {
        ref ulong flags = ref *(ulong*)(r + FlagsOffset);
        switch (i->Size)
        {
            case 1:
                X86Sub.Compute<X86Size8>((byte)a, b, ref flags);
                break;
            case 2:
                X86Sub.Compute<X86Size16>((ushort)a, b, ref flags);
                break;
            case 4:
                X86Sub.Compute<X86Size32>((uint)a, b, ref flags);
                break;
            default:
                X86Sub.Compute<X86Size64>(a, b, ref flags);
                break;
        }
    }

    // REPE and REPNE also end on ZF.
    private static int AdvanceWhile(X86Insn* i, byte* r)
    {
        int step = Advance(i, r, 1);
        bool zero = (*(ulong*)(r + FlagsOffset) & X86Flags.Zf) != 0;
        bool wantZero = (i->Flags & X86InsnFlags.Rep) != 0;
        return step == X86Step.Again && zero != wantZero ? X86Step.Next : step;
    }

    private static int Ins(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (IsRepeated(i) && Counter(i, r) == 0)
            return X86Step.Next;
        ushort port = *(ushort*)(r + RdxOffset);
        int size = i->Size;
        int step = c.CheckPort(port, size);
        if (step != X86Step.Next)
            return step;
        ulong index = IndexRegister(i, r, RdiOffset);

        // The destination is probed first: an element that was read from a device must not be lost to a page fault.
        if (c._bus.TryAccess(index, size, c._write) == null)
        {
            step = c.ReadSlow(i, index, size, c._write, out _);
            if (step != X86Step.Next)
                return step;
        }
        X86BusResult result = c._bus.In(port, size, out uint value);
        if (result != X86BusResult.Done)
            return c.FromBus(result, 13);
        step = c.WriteSized(i, index, size, value);
        if (step != X86Step.Next)
            return step;
        SetIndex(i, r, RdiOffset, index + Stride(i, r));
        return Advance(i, r, 1);
    }

    private static int Outs(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (IsRepeated(i) && Counter(i, r) == 0)
            return X86Step.Next;
        ushort port = *(ushort*)(r + RdxOffset);
        int size = i->Size;
        int step = c.CheckPort(port, size);
        if (step != X86Step.Next)
            return step;
        ulong index = IndexRegister(i, r, RsiOffset);
        step = c.ReadSized(i, index + *(ulong*)(r + i->Segment), size, c._read, out ulong value);
        if (step != X86Step.Next)
            return step;
        X86BusResult result = c._bus.Out(port, size, (uint)value);
        if (result != X86BusResult.Done)
            return c.FromBus(result, 13);
        SetIndex(i, r, RsiOffset, index + Stride(i, r));
        return Advance(i, r, 1);
    }
}
