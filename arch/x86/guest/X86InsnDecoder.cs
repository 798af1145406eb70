// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using Iced.Intel;

namespace KvmSharp.Arch.X86;

internal enum X86Decode
{
    /// <summary>The entry depends on the first Length bytes only.</summary>
    Cacheable,

    /// <summary>The entry is to be executed once: it may depend on bytes past the end of what was decoded.</summary>
    Once,

    /// <summary>The instruction goes on past the bytes that were given.</summary>
    NeedMore,
}

/// <summary>Turns bytes into an <see cref="X86Insn"/> with Iced. Keeps one decoder, so that decoding allocates nothing.</summary>
internal sealed unsafe class X86InsnDecoder
{
    private readonly Reader _reader = new();
    private readonly Decoder _decoder;

    public X86InsnDecoder() => _decoder = Decoder.Create(64, _reader);

    /// <summary>Decodes at most <paramref name="available"/> bytes; <paramref name="p"/> must be readable for 16.</summary>
    public X86Decode Decode(byte* p, int available, X86Insn* into)
    {
        _reader.Position = p;
        _reader.End = p + available;

        // Address zero makes branch targets and RIP-relative displacements relative to the instruction.
        _decoder.IP = 0;
        _decoder.Decode(out Instruction instruction);
        *into = default;
        into->Low = *(ulong*)p;
        into->High = *(ulong*)(p + 8);
        if (instruction.IsInvalid)
        {
            bool noMore = _decoder.LastError == DecoderError.NoMoreBytes;
            if (noMore && available < X86Interpreter.MaxInstructionLength)
                return X86Decode.NeedMore;
            SetLength(into, Math.Max(1, instruction.Length));
            into->Handler = noMore ? X86Interpreter.TooLongHandler : X86Interpreter.UndefinedHandler;
            return X86Decode.Once;
        }
        SetLength(into, instruction.Length);
        into->Base = into->Index = into->Segment = X86VcpuState.ZeroSlot * 8;
        SetMemory(in instruction, into);
        X86Interpreter.Select(in instruction, into);
        return X86Decode.Cacheable;
    }

    private static void SetLength(X86Insn* into, int length)
    {
        into->Length = (byte)length;
        into->LowShift = (byte)(64 - (8 * Math.Min(8, length)));
    }

    /// <summary>Byte offset of a general register in the register file.</summary>
    internal static byte Offset(Register register)
    {
        if (register is >= Register.AH and <= Register.BH)
            return (byte)(((register - Register.AH) * 8) + 1);
        return (byte)((register.GetFullRegister() - Register.RAX) * 8);
    }

    private static void SetMemory(in Instruction instruction, X86Insn* into)
    {
        for (int n = 0; n < instruction.OpCount; n++)
        {
            switch (instruction.GetOpKind(n))
            {
                case OpKind.MemorySegRSI:
                    SetSegment(instruction.MemorySegment, into);
                    break;
                case OpKind.MemorySegESI:
                    SetSegment(instruction.MemorySegment, into);
                    into->Flags |= X86InsnFlags.Address32;
                    break;
                case OpKind.MemoryESEDI:
                    into->Flags |= X86InsnFlags.Address32;
                    break;
                case OpKind.Memory:
                {
                    Register @base = instruction.MemoryBase;
                    Register index = instruction.MemoryIndex;
                    into->Displacement = (long)instruction.MemoryDisplacement64;
                    if (@base is Register.RIP or Register.EIP)
                        into->Base = X86VcpuState.RipSlot * 8;
                    else if (@base != Register.None)
                        into->Base = Offset(@base);
                    if (index != Register.None)
                    {
                        into->Index = Offset(index);
                        into->Scale = (byte)System.Numerics.BitOperations.Log2((uint)instruction.MemoryIndexScale);
                    }
                    Register any = @base != Register.None ? @base : index;
                    if (any == Register.EIP || (any != Register.None && any != Register.RIP ? any.GetSize() == 4 : instruction.MemoryDisplSize == 4))
                        into->Flags |= X86InsnFlags.Address32;
                    SetSegment(instruction.MemorySegment, into);
                    break;
                }
            }
        }
    }

    private static void SetSegment(Register segment, X86Insn* into)
    {
        if (segment == Register.FS)
            into->Segment = X86VcpuState.FsSlot * 8;
        else if (segment == Register.GS)
            into->Segment = X86VcpuState.GsSlot * 8;
        else if (segment == Register.SS)
            into->Flags |= X86InsnFlags.StackSegment;
    }

    private sealed class Reader : CodeReader
    {
        public byte* Position;
        public byte* End;

        public override int ReadByte() => Position < End ? *Position++ : -1;
    }
}
