// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.InteropServices;

namespace KvmSharp.Arch.X86;

/// <summary>
/// A decoded instruction, one cache line. It does not depend on where it was found: branch targets and RIP-relative displacements count from the first
/// byte, so equal bytes mean an equal entry, and comparing the bytes at each execution is all that self-modifying code needs.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal unsafe struct X86Insn
{
    /// <summary>The first eight bytes of code. Those past <see cref="Length"/> are not compared.</summary>
    public ulong Low;

    /// <summary>Code bytes 8..15, compared when <see cref="Length"/> is above eight.</summary>
    public ulong High;
    public delegate*<X86Interpreter, X86Insn*, byte*, int> Handler;
    public long Displacement;

    /// <summary>Immediate, sign-extended; for a direct branch the target minus the address of the instruction.</summary>
    public ulong Immediate;

    public byte Length;

    /// <summary>Bits of <see cref="Low"/> that lie past the end of the instruction: 64 - 8 * min(8, Length).</summary>
    public byte LowShift;

    // Byte offsets into the register file. Register 4..7 of a byte instruction without REX is offset 1 of rax..rbx.
    public byte Destination;
    public byte Source;
    public byte Base;
    public byte Index;
    public byte Segment;
    public byte Scale;

    public byte Size;
    public byte Size2;
    public byte Source2;
    public byte Aux;
    public X86InsnFlags Flags;
}

[Flags]
internal enum X86InsnFlags : ushort
{
    None = 0,

    /// <summary>The effective address is truncated to 32 bits before the segment base is added; string and loop counters are ECX, ESI, EDI.</summary>
    Address32 = 1,
    Lock = 1 << 1,
    Rep = 1 << 2,
    Repne = 1 << 3,

    /// <summary>The memory operand is relative to RSP or RBP: a non-canonical address is #SS.</summary>
    StackSegment = 1 << 4,
}

/// <summary>How a handler told the loop to go on.</summary>
internal static class X86Step
{
    /// <summary>Retired; the next instruction follows.</summary>
    public const int Next = 0;

    /// <summary>Retired; <see cref="X86Interpreter.Target"/> is the next RIP.</summary>
    public const int Jump = 1;

    /// <summary>An exception is raised with the state as before the instruction.</summary>
    public const int Fault = 2;

    /// <summary>Leave the guest; the state is as before the instruction.</summary>
    public const int Exit = 3;

    /// <summary>Retired; leave the guest.</summary>
    public const int RetireExit = 4;

    /// <summary>A part of a REP is done and RIP stays.</summary>
    public const int Again = 5;

    /// <summary>Retired, and something the fast loop caches (privilege, mappings) may have changed; the next RIP is <see cref="X86Interpreter.Target"/>.</summary>
    public const int Serialize = 6;
}

/// <summary>Operand width as a type argument, so that the JIT makes one straight-line handler for each.</summary>
internal unsafe interface IX86Size
{
    static abstract int Bytes { get; }

    static abstract int Bits { get; }

    static abstract ulong Mask { get; }

    static abstract ulong GetRegister(byte* p);

    static abstract ulong Load(byte* p);

    static abstract void Store(byte* p, ulong value);

    /// <summary>Writes a register: 32-bit writes clear the upper half, narrower ones keep it.</summary>
    static abstract void SetRegister(byte* p, ulong value);

    static abstract long SignExtend(ulong value);

    /// <summary>Returns the old value.</summary>
    static abstract ulong CompareExchange(byte* p, ulong value, ulong comparand);

    static abstract ulong Exchange(byte* p, ulong value);
}
