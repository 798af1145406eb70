// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using System.Globalization;

namespace KvmSharp.Vmm;

/// <summary>KVM's user interface as a monitor sees it: numbers and layouts, written down a second time on purpose, so that a slip in the kernel's own table shows.</summary>
internal static class Kvm
{
    internal const uint CreateVm = 0xAE01;
    internal const uint CheckExtension = 0xAE03;
    internal const uint CreateVcpu = 0xAE41;
    internal const uint SetUserMemoryRegion2 = 0x40A0AE49;
    internal const uint Run = 0xAE80;
    internal const uint SetRegs = 0x4090AE82;
    internal const uint GetSregs = 0x8138AE83;
    internal const uint SetSregs = 0x4138AE84;
    internal const uint ArmSetOneReg = 0x4010AEAC;
    internal const uint ArmVcpuInit = 0x4020AEAE;
    internal const uint CreateGuestMemfd = 0xC040AED4;

    internal const uint MemGuestMemfd = 1 << 2;
    internal const ulong GmemMmap = 1;
    internal const ulong GmemInitShared = 2;
    internal const ulong GmemNoDirectMap = 4;
    internal const int CapGuestMemfdFlags = 244;

    internal const uint ExitIo = 2;
    internal const uint ExitHypercall = 3;
    internal const uint ExitHlt = 5;
    internal const uint ExitMmio = 6;
    internal const uint ExitShutdown = 8;
    internal const uint ExitIntr = 10;
    internal const uint ExitInternalError = 17;
    internal const uint ExitMemoryFault = 39;

    internal const uint ArmTargetGenericV8 = 5;
    internal const ulong ArmRegX0 = 0x6030_0000_0010_0000;
    internal const ulong ArmRegPc = ArmRegX0 + 64;

    internal const int RegsSize = 144;
    internal const int RegsRsi = 32;
    internal const int RegsRdi = 40;
    internal const int RegsRip = 128;
    internal const int RegsRflags = 136;

    internal const int SregsSize = 312;
    private const int SegmentSize = 24;
    private const int SregsCr0 = 224;
    private const int SregsCr3 = 240;
    private const int SregsCr4 = 248;
    private const int SregsEfer = 264;

    internal static string ExitName(uint reason) => reason switch
    {
        ExitIo => "IO",
        ExitHypercall => "HYPERCALL",
        ExitHlt => "HLT",
        ExitMmio => "MMIO",
        ExitShutdown => "SHUTDOWN",
        ExitIntr => "INTR",
        ExitInternalError => "INTERNAL_ERROR",
        ExitMemoryFault => "MEMORY_FAULT",
        _ => reason.ToString(CultureInfo.InvariantCulture),
    };

    internal static string InstructionBytes(ReadOnlySpan<byte> run) => Convert.ToHexStringLower(run.Slice(49, Math.Min((int)run[48], 15)));

    /// <summary>Segments, control registers and EFER of 64-bit mode at ring 0 with paging on.</summary>
    internal static void EnterLongMode(Span<byte> sregs, ulong cr3)
    {
        const ulong Cr0 = 0x80050033;
        const ulong Cr4 = 0x620;
        const ulong Efer = 0xd00;
        Segment(sregs, selector: 8, type: 11, longMode: true);
        for (int i = 1; i < 6; i++)
            Segment(sregs[(i * SegmentSize)..], selector: 16, type: 3, longMode: false);
        BinaryPrimitives.WriteUInt64LittleEndian(sregs[SregsCr0..], Cr0);
        BinaryPrimitives.WriteUInt64LittleEndian(sregs[SregsCr3..], cr3);
        BinaryPrimitives.WriteUInt64LittleEndian(sregs[SregsCr4..], Cr4);
        BinaryPrimitives.WriteUInt64LittleEndian(sregs[SregsEfer..], Efer);
    }

    private static void Segment(Span<byte> at, ushort selector, byte type, bool longMode)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(at, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(at[8..], uint.MaxValue);
        BinaryPrimitives.WriteUInt16LittleEndian(at[12..], selector);
        at[14] = type;
        at[15] = 1;
        at[16] = 0;
        at[17] = longMode ? (byte)0 : (byte)1;
        at[18] = 1;
        at[19] = longMode ? (byte)1 : (byte)0;
        at[20] = 1;
        at[21] = 0;
        at[22] = 0;
        at[23] = 0;
    }
}
