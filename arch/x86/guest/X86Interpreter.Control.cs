// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;

namespace KvmSharp.Arch.X86;

/// <content>Stack and control transfers.</content>
internal sealed unsafe partial class X86Interpreter
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Push<TSize>(byte* r, ulong value)
        where TSize : struct, IX86Size
    {
        ulong top = *(ulong*)(r + RspOffset) - (uint)TSize.Bytes;
        byte* p = _bus.TryAccess(top, TSize.Bytes, _write);
        if (p != null)
        {
            TSize.Store(p, value);
        }
        else
        {
            X86BusResult result = _bus.WriteMemory(top, (byte*)&value, TSize.Bytes, _write);
            if (result != X86BusResult.Done)
                return FromBus(result, 12);
        }
        *(ulong*)(r + RspOffset) = top;
        return X86Step.Next;
    }

    /// <summary>Reads the top of the stack and leaves RSP alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Peek<TSize>(byte* r, ulong offset, out ulong value)
        where TSize : struct, IX86Size
    {
        ulong top = *(ulong*)(r + RspOffset) + offset;
        byte* p = _bus.TryAccess(top, TSize.Bytes, _read);
        if (p != null)
        {
            value = TSize.Load(p);
            return X86Step.Next;
        }
        ulong buffer = 0;
        X86BusResult result = _bus.ReadMemory(top, (byte*)&buffer, TSize.Bytes, _read);
        value = buffer;
        return result == X86BusResult.Done ? X86Step.Next : FromBus(result, 12);
    }

    private int JumpTo(ulong target)
    {
        if ((ulong)((long)(target << 16) >> 16) != target)
            return Raise(13, 0);
        Target = target;
        return X86Step.Jump;
    }

    private static bool IsCanonical(ulong address) => (ulong)((long)(address << 16) >> 16) == address;

    private static ulong NextRip(X86Insn* i, byte* r) => *(ulong*)(r + RipOffset) + i->Length;

    private static int PushSource<TSize, TSource>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
        where TSource : struct, IX86Source
        => c.Push<TSize>(r, TSource.Get<TSize>(i, r));

    private static int PushMemory<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        int step = c.ReadOperand<TSize>(i, EffectiveAddress(i, r), c._read, out ulong value);
        return step == X86Step.Next ? c.Push<TSize>(r, value) : step;
    }

    private static int PopRegister<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        int step = c.Peek<TSize>(r, 0, out ulong value);
        if (step != X86Step.Next)
            return step;

        // POP RSP ends with the popped value.
        *(ulong*)(r + RspOffset) += (uint)TSize.Bytes;
        TSize.SetRegister(r + i->Destination, value);
        return X86Step.Next;
    }

    private static int PopMemory<TSize>(X86Interpreter c, X86Insn* i, byte* r)
        where TSize : struct, IX86Size
    {
        int step = c.Peek<TSize>(r, 0, out ulong value);
        if (step != X86Step.Next)
            return step;

        // An address that uses RSP sees it incremented already.
        *(ulong*)(r + RspOffset) += (uint)TSize.Bytes;
        step = c.WriteOperand<TSize>(i, EffectiveAddress(i, r), value);
        if (step != X86Step.Next)
            *(ulong*)(r + RspOffset) -= (uint)TSize.Bytes;
        return step;
    }

    private static int CallRelative(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong rip = *(ulong*)(r + RipOffset);
        ulong target = rip + i->Immediate;
        if (!IsCanonical(target))
            return c.Raise(13, 0);
        int step = c.Push<X86Size64>(r, rip + i->Length);
        if (step != X86Step.Next)
            return step;
        c.Target = target;
        return X86Step.Jump;
    }

    private static int CallRegister(X86Interpreter c, X86Insn* i, byte* r) => c.CallTo(i, r, *(ulong*)(r + i->Source));

    private static int CallMemory(X86Interpreter c, X86Insn* i, byte* r)
    {
        int step = c.ReadOperand<X86Size64>(i, EffectiveAddress(i, r), c._read, out ulong target);
        return step == X86Step.Next ? c.CallTo(i, r, target) : step;
    }

    private int CallTo(X86Insn* i, byte* r, ulong target)
    {
        if (!IsCanonical(target))
            return Raise(13, 0);
        int step = Push<X86Size64>(r, NextRip(i, r));
        if (step != X86Step.Next)
            return step;
        Target = target;
        return X86Step.Jump;
    }

    private static int JumpRelative(X86Interpreter c, X86Insn* i, byte* r) => c.JumpTo(*(ulong*)(r + RipOffset) + i->Immediate);

    private static int JumpRegister(X86Interpreter c, X86Insn* i, byte* r) => c.JumpTo(*(ulong*)(r + i->Source));

    private static int JumpMemory(X86Interpreter c, X86Insn* i, byte* r)
    {
        int step = c.ReadOperand<X86Size64>(i, EffectiveAddress(i, r), c._read, out ulong target);
        return step == X86Step.Next ? c.JumpTo(target) : step;
    }

    private static int JumpIf<TCondition>(X86Interpreter c, X86Insn* i, byte* r)
        where TCondition : struct, IX86Condition
        => TCondition.Test(*(ulong*)(r + FlagsOffset)) ? c.JumpTo(*(ulong*)(r + RipOffset) + i->Immediate) : X86Step.Next;

    // JRCXZ 0, LOOP 1, LOOPE 2, LOOPNE 3 by Size2.
    private static int Loop(X86Interpreter c, X86Insn* i, byte* r)
    {
        bool narrow = (i->Flags & X86InsnFlags.Address32) != 0;
        ulong count = narrow ? *(uint*)(r + RcxOffset) : *(ulong*)(r + RcxOffset);
        if (i->Size2 == 0)
            return count == 0 ? c.JumpTo(*(ulong*)(r + RipOffset) + i->Immediate) : X86Step.Next;
        count = narrow ? (uint)(count - 1) : count - 1;
        bool zero = (*(ulong*)(r + FlagsOffset) & X86Flags.Zf) != 0;
        int step = X86Step.Next;
        if (count != 0 && (i->Size2 == 1 || (i->Size2 == 2 && zero) || (i->Size2 == 3 && !zero)))
            step = c.JumpTo(*(ulong*)(r + RipOffset) + i->Immediate);
        if (step != X86Step.Fault)
            *(ulong*)(r + RcxOffset) = count;
        return step;
    }

    private static int Return(X86Interpreter c, X86Insn* i, byte* r)
    {
        int step = c.Peek<X86Size64>(r, 0, out ulong target);
        if (step != X86Step.Next)
            return step;
        step = c.JumpTo(target);
        if (step == X86Step.Jump)
            *(ulong*)(r + RspOffset) += 8 + (i->Immediate & ushort.MaxValue);
        return step;
    }

    private static int Leave(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong frame = *(ulong*)(r + RbpOffset);
        ulong old = *(ulong*)(r + RspOffset);
        *(ulong*)(r + RspOffset) = frame;
        int step;
        ulong value;
        if (i->Size == 8)
            step = c.Peek<X86Size64>(r, 0, out value);
        else
            step = c.Peek<X86Size16>(r, 0, out value);
        if (step != X86Step.Next)
        {
            *(ulong*)(r + RspOffset) = old;
            return step;
        }
        *(ulong*)(r + RspOffset) = frame + i->Size;
        SetSized(r + RbpOffset, i->Size, value);
        return X86Step.Next;
    }

    // ENTER: Immediate is the frame size, Size2 the nesting level.
    private static int Enter(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (i->Size != 8)
            return c.ExitWithError(X86InternalError.UnsupportedInstruction, i);
        ulong oldSp = *(ulong*)(r + RspOffset);
        ulong oldBp = *(ulong*)(r + RbpOffset);
        int level = i->Size2 & 31;
        int step = c.Push<X86Size64>(r, oldBp);
        ulong frame = *(ulong*)(r + RspOffset);
        for (int n = 1; n < level && step == X86Step.Next; n++)
        {
            step = c.ReadOperand<X86Size64>(i, oldBp - (8 * (ulong)n), c._read, out ulong display);
            if (step == X86Step.Next)
                step = c.Push<X86Size64>(r, display);
        }
        if (level > 0 && step == X86Step.Next)
            step = c.Push<X86Size64>(r, frame);
        ulong newSp = *(ulong*)(r + RspOffset) - (ushort)i->Immediate;

        // The new top of the stack is probed for a write before anything commits.
        if (step == X86Step.Next && c._bus.TryAccess(newSp, 1, c._write) == null)
        {
            ulong probe;
            step = c.ReadSlow(i, newSp, 1, c._write, out probe);
        }
        if (step != X86Step.Next)
        {
            *(ulong*)(r + RspOffset) = oldSp;
            return step;
        }
        *(ulong*)(r + RspOffset) = newSp;
        *(ulong*)(r + RbpOffset) = frame;
        return X86Step.Next;
    }
}
