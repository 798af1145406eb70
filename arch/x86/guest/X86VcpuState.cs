// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Diagnostics;

namespace KvmSharp.Arch.X86;

/// <summary>A segment register: the selector and the hidden part that was loaded with it.</summary>
internal struct X86Segment
{
    public ushort Selector;

    /// <summary>Descriptor bits 40..47 (type, S, DPL, P) in bits 0..7 and 52..55 (AVL, L, D/B, G) in bits 12..15, as VMX stores them.</summary>
    public ushort Attributes;
    public uint Limit;
    public ulong Base;

    public const int TypeMask = 0xf;
    public const int CodeOrData = 1 << 4;
    public const int Present = 1 << 7;
    public const int Long = 1 << 13;
    public const int DefaultBig = 1 << 14;
    public const int Granular = 1 << 15;

    public readonly int Dpl => (Attributes >> 5) & 3;

    public readonly bool IsLong => (Attributes & Long) != 0;

    public static X86Segment FlatCode64(ushort selector) => new()
    {
        Selector = selector,
        Limit = uint.MaxValue,
        Attributes = (ushort)(0xb | CodeOrData | Present | Long | Granular | ((selector & 3) << 5)),
    };

    public static X86Segment FlatData(ushort selector) => new()
    {
        Selector = selector,
        Limit = uint.MaxValue,
        Attributes = (ushort)(0x3 | CodeOrData | Present | DefaultBig | Granular | ((selector & 3) << 5)),
    };
}

/// <summary>Base and limit of a descriptor table.</summary>
internal struct X86TableRegister
{
    public ulong Base;
    public ushort Limit;
}

/// <summary>
/// The architectural state of one vCPU in 64-bit mode. General registers, RIP, RFLAGS and the FS and GS bases live in one pinned array,
/// so that a decoded instruction can name each by a byte offset; slot 18 is always zero and stands for "no register".
/// </summary>
[DebuggerDisplay("rip={Rip,h} rsp={Rsp,h} rax={Rax,h} flags={Rflags,h} cpl={Cpl}")]
internal sealed unsafe class X86VcpuState
{
    public const int RipSlot = 16;
    public const int FlagsSlot = 17;
    public const int ZeroSlot = 18;
    public const int FsSlot = 19;
    public const int GsSlot = 20;
    private const int Slots = 21;

    private readonly ulong[] _pinned;

    public readonly ulong* Regs;

    public X86Segment Es;
    public X86Segment Cs;
    public X86Segment Ss;
    public X86Segment Ds;
    public X86Segment Fs;
    public X86Segment Gs;
    public X86Segment Ldtr;
    public X86Segment Tr;
    public X86TableRegister Gdtr;
    public X86TableRegister Idtr;

    public ulong Cr0;
    public ulong Cr2;
    public ulong Cr3;
    public ulong Cr4;
    public ulong Cr8;
    public ulong Efer;
    public ulong Dr0;
    public ulong Dr1;
    public ulong Dr2;
    public ulong Dr3;
    public ulong Dr6 = 0xffff0ff0;
    public ulong Dr7 = 0x400;

    public ulong KernelGsBase;
    public ulong Star;
    public ulong Lstar;
    public ulong Cstar;
    public ulong Fmask;
    public ulong TscAux;
    public ulong SysenterCs;
    public ulong SysenterEsp;
    public ulong SysenterEip;
    public ulong MiscEnable = 1;
    public ulong Pat = 0x0007040600070406;

    /// <summary>The instruction that set this (STI, MOV SS) keeps external interrupts off for one more instruction.</summary>
    public bool InterruptShadow;

    /// <summary>HLT retired and no event has woken the vCPU since.</summary>
    public bool Halted;

    /// <summary>A #DB trap that is due before the next instruction; it survives an exit in the middle of its delivery.</summary>
    public bool PendingDebugTrap;

    public X86VcpuState()
    {
        _pinned = GC.AllocateArray<ulong>(Slots, pinned: true);
        fixed (ulong* regs = _pinned)
            Regs = regs;
        Rflags = X86Flags.Fixed;
    }

    public ref ulong this[int register] => ref Regs[register & 15];

    public ref ulong Rax => ref Regs[0];

    public ref ulong Rcx => ref Regs[1];

    public ref ulong Rdx => ref Regs[2];

    public ref ulong Rbx => ref Regs[3];

    public ref ulong Rsp => ref Regs[4];

    public ref ulong Rbp => ref Regs[5];

    public ref ulong Rsi => ref Regs[6];

    public ref ulong Rdi => ref Regs[7];

    public ref ulong Rip => ref Regs[RipSlot];

    public ref ulong Rflags => ref Regs[FlagsSlot];

    public ref ulong FsBase => ref Regs[FsSlot];

    public ref ulong GsBase => ref Regs[GsSlot];

    /// <summary>The current privilege level: the DPL of the loaded stack segment, as on silicon.</summary>
    public int Cpl => Ss.Dpl;

    public bool Paging => (Cr0 & X86Control.Cr0Pg) != 0;

    /// <summary>Flat 64-bit mode at ring 0: CR3 as given, paging on unless <paramref name="cr3"/> is null, interrupts off, empty descriptor tables.</summary>
    public void ResetToLongMode(ulong rip, ulong? cr3)
    {
        for (int i = 0; i < Slots; i++)
            Regs[i] = 0;
        Rip = rip;
        Rflags = X86Flags.Fixed;
        Cs = X86Segment.FlatCode64(0x08);
        Ss = Ds = Es = Fs = Gs = X86Segment.FlatData(0x10);
        Tr = new X86Segment { Limit = 0xffff, Attributes = 0xb | X86Segment.Present };
        Ldtr = new X86Segment { Limit = 0xffff, Attributes = 0x2 | X86Segment.Present };
        Gdtr = Idtr = default;
        Cr0 = X86Control.Cr0Pe | X86Control.Cr0Et | X86Control.Cr0Ne | X86Control.Cr0Wp | (cr3 is null ? 0 : X86Control.Cr0Pg);
        Cr2 = Cr8 = 0;
        Cr3 = cr3 ?? 0;
        Cr4 = X86Control.Cr4Pae;
        Efer = X86Control.EferLme | X86Control.EferLma | X86Control.EferNxe | X86Control.EferSce;
        InterruptShadow = Halted = PendingDebugTrap = false;
    }
}

/// <summary>RFLAGS bits.</summary>
internal static class X86Flags
{
    public const ulong Cf = 1;
    public const ulong Fixed = 1 << 1;
    public const ulong Pf = 1 << 2;
    public const ulong Af = 1 << 4;
    public const ulong Zf = 1 << 6;
    public const ulong Sf = 1 << 7;
    public const ulong Tf = 1 << 8;
    public const ulong If = 1 << 9;
    public const ulong Df = 1 << 10;
    public const ulong Of = 1 << 11;
    public const ulong Iopl = 3 << 12;
    public const ulong Nt = 1 << 14;
    public const ulong Rf = 1 << 16;
    public const ulong Vm = 1 << 17;
    public const ulong Ac = 1 << 18;
    public const ulong Vif = 1 << 19;
    public const ulong Vip = 1 << 20;
    public const ulong Id = 1 << 21;

    public const ulong Status = Cf | Pf | Af | Zf | Sf | Of;
}

/// <summary>Control register and EFER bits, and the MSRs that the core keeps itself.</summary>
internal static class X86Control
{
    public const ulong Cr0Pe = 1;
    public const ulong Cr0Et = 1 << 4;
    public const ulong Cr0Ne = 1 << 5;
    public const ulong Cr0Wp = 1 << 16;
    public const ulong Cr0Am = 1 << 18;
    public const ulong Cr0Nw = 1 << 29;
    public const ulong Cr0Cd = 1 << 30;
    public const ulong Cr0Pg = 1UL << 31;
    public const ulong Cr0Known = Cr0Pe | 0xe | Cr0Et | Cr0Ne | Cr0Wp | Cr0Am | Cr0Nw | Cr0Cd | Cr0Pg;

    public const ulong Cr4Tsd = 1 << 2;
    public const ulong Cr4De = 1 << 3;
    public const ulong Cr4Pae = 1 << 5;
    public const ulong Cr4Pge = 1 << 7;
    public const ulong Cr4Pce = 1 << 8;
    public const ulong Cr4Umip = 1 << 11;
    public const ulong Cr4Fsgsbase = 1 << 16;
    public const ulong Cr4Pcide = 1 << 17;
    public const ulong Cr4Smep = 1 << 20;
    public const ulong Cr4Smap = 1 << 21;

    /// <summary>VME, PVI, TSD, DE, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT, UMIP, FSGSBASE, PCIDE, SMEP, SMAP.</summary>
    public const ulong Cr4Known = 0xfff | (1 << 16) | (1 << 17) | (1 << 20) | (1 << 21);

    public const ulong EferSce = 1;
    public const ulong EferLme = 1 << 8;
    public const ulong EferLma = 1 << 10;
    public const ulong EferNxe = 1 << 11;
    public const ulong EferKnown = EferSce | EferLme | EferLma | EferNxe;

    public const uint MsrApicBase = 0x1b;
    public const uint MsrTsc = 0x10;
    public const uint MsrSysenterCs = 0x174;
    public const uint MsrSysenterEsp = 0x175;
    public const uint MsrSysenterEip = 0x176;
    public const uint MsrMiscEnable = 0x1a0;
    public const uint MsrPat = 0x277;
    public const uint MsrEfer = 0xc0000080;
    public const uint MsrStar = 0xc0000081;
    public const uint MsrLstar = 0xc0000082;
    public const uint MsrCstar = 0xc0000083;
    public const uint MsrFmask = 0xc0000084;
    public const uint MsrFsBase = 0xc0000100;
    public const uint MsrGsBase = 0xc0000101;
    public const uint MsrKernelGsBase = 0xc0000102;
    public const uint MsrTscAux = 0xc0000103;
}
