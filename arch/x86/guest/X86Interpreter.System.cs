// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Arch.X86;

/// <content>Ports, control registers, descriptor tables, MSRs, interrupts of the program's own making.</content>
internal sealed unsafe partial class X86Interpreter
{
    private const ulong PopfAlways = X86Flags.Status | X86Flags.Tf | X86Flags.Df | X86Flags.Nt | X86Flags.Ac | X86Flags.Id;

    private int Cpl => _state.Cpl;

    private int Iopl => (int)(_state.Rflags >> 12) & 3;

    /// <summary>Above IOPL the TSS's I/O map decides; a clear bit allows.</summary>
    private int CheckPort(ushort port, int size)
    {
        if (Cpl <= Iopl)
            return X86Step.Next;
        ulong limit = _state.Tr.Limit;
        if (limit < 0x67)
            return Raise(13, 0);
        ushort map;
        X86BusResult result = ReadSystem(_state.Tr.Base + 0x66, (byte*)&map, 2);
        if (result != X86BusResult.Done)
            return FromBus(result, 13);
        ulong at = map + (ulong)(port >> 3);
        if (at + 1 > limit)
            return Raise(13, 0);
        ushort bits;
        result = ReadSystem(_state.Tr.Base + at, (byte*)&bits, 2);
        if (result != X86BusResult.Done)
            return FromBus(result, 13);
        return ((bits >> (port & 7)) & ((1 << size) - 1)) == 0 ? X86Step.Next : Raise(13, 0);
    }

    // IN and OUT: Aux 1 takes the port from the immediate, else from DX.
    private static int In(X86Interpreter c, X86Insn* i, byte* r)
    {
        ushort port = i->Aux == 1 ? (byte)i->Immediate : *(ushort*)(r + RdxOffset);
        int step = c.CheckPort(port, i->Size);
        if (step != X86Step.Next)
            return step;
        X86BusResult result = c._bus.In(port, i->Size, out uint value);
        if (result != X86BusResult.Done)
            return c.FromBus(result, 13);
        SetSized(r, i->Size, value);
        return X86Step.Next;
    }

    private static int Out(X86Interpreter c, X86Insn* i, byte* r)
    {
        ushort port = i->Aux == 1 ? (byte)i->Immediate : *(ushort*)(r + RdxOffset);
        int step = c.CheckPort(port, i->Size);
        if (step != X86Step.Next)
            return step;
        uint value = i->Size switch { 1 => *r, 2 => *(ushort*)r, _ => *(uint*)r };
        X86BusResult result = c._bus.Out(port, i->Size, value);
        return result == X86BusResult.Done ? X86Step.Next : c.FromBus(result, 13);
    }

    private static int Hlt(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        c._state.Halted = true;
        c._exit = X86ExitKind.Halt;
        return X86Step.RetireExit;
    }

    private static int Hypercall(X86Interpreter c, X86Insn* i, byte* r)
    {
        c._exit = X86ExitKind.Hypercall;
        return X86Step.RetireExit;
    }

    private static int Cli(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl > c.Iopl)
            return c.Raise(13, 0);
        c._state.Rflags &= ~X86Flags.If;
        return X86Step.Next;
    }

    private static int Sti(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl > c.Iopl)
            return c.Raise(13, 0);
        if ((c._state.Rflags & X86Flags.If) == 0)
        {
            c._state.Rflags |= X86Flags.If;
            c._state.InterruptShadow = true;
            c.UpdateCoreAttention();
        }
        return X86Step.Next;
    }

    private static int Pushf(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong value = c._state.Rflags & ~(X86Flags.Rf | X86Flags.Vm);
        return i->Size == 8 ? c.Push<X86Size64>(r, value) : c.Push<X86Size16>(r, value);
    }

    private static int Popf(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong value;
        int step = i->Size == 8 ? c.Peek<X86Size64>(r, 0, out value) : c.Peek<X86Size16>(r, 0, out value);
        if (step != X86Step.Next)
            return step;
        *(ulong*)(r + RspOffset) += i->Size;
        ulong mask = PopfAlways;
        if (c.Cpl == 0)
            mask |= X86Flags.Iopl;
        if (c.Cpl <= c.Iopl)
            mask |= X86Flags.If;
        if (i->Size == 2)
            mask &= ushort.MaxValue;
        return c.ChangeRflags(i, r, mask, value);
    }

    // A change of AC changes what the bus may allow, one of TF how the loop runs.
    private int ChangeRflags(X86Insn* i, byte* r, ulong mask, ulong value)
    {
        ref ulong flags = ref *(ulong*)(r + FlagsOffset);
        ulong old = flags;
        flags = (old & ~mask) | (value & mask) | X86Flags.Fixed;
        if (((old ^ flags) & (X86Flags.Ac | X86Flags.Tf)) == 0)
            return X86Step.Next;
        _bus.OnPrivilegeChanged(_state);
        UpdateCoreAttention();
        Target = NextRip(i, r);
        return X86Step.Serialize;
    }

    // CLAC and STAC: Aux is the new AC.
    private static int SetAc(X86Interpreter c, X86Insn* i, byte* r) =>
        c.Cpl != 0 ? c.Raise(6, 0) : c.ChangeRflags(i, r, X86Flags.Ac, i->Aux == 1 ? X86Flags.Ac : 0);

    private static int Cpuid(X86Interpreter c, X86Insn* i, byte* r)
    {
        c._bus.Cpuid(*(uint*)r, *(uint*)(r + RcxOffset), out uint eax, out uint ebx, out uint ecx, out uint edx);
        *(ulong*)r = eax;
        *(ulong*)(r + RbxOffset) = ebx;
        *(ulong*)(r + RcxOffset) = ecx;
        *(ulong*)(r + RdxOffset) = edx;
        return X86Step.Next;
    }

    // RDTSC; Aux 1 is RDTSCP.
    private static int Rdtsc(X86Interpreter c, X86Insn* i, byte* r)
    {
        if ((c._state.Cr4 & X86Control.Cr4Tsd) != 0 && c.Cpl != 0)
            return c.Raise(13, 0);
        ulong tsc = c._bus.ReadTsc();
        *(ulong*)r = (uint)tsc;
        *(ulong*)(r + RdxOffset) = tsc >> 32;
        if (i->Aux == 1)
            *(ulong*)(r + RcxOffset) = (uint)c._state.TscAux;
        return X86Step.Next;
    }

    private static int Rdmsr(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        X86VcpuState s = c._state;
        uint index = *(uint*)(r + RcxOffset);
        ulong value;
        switch (index)
        {
            case X86Control.MsrEfer:
                value = s.Efer;
                break;
            case X86Control.MsrStar:
                value = s.Star;
                break;
            case X86Control.MsrLstar:
                value = s.Lstar;
                break;
            case X86Control.MsrCstar:
                value = s.Cstar;
                break;
            case X86Control.MsrFmask:
                value = s.Fmask;
                break;
            case X86Control.MsrFsBase:
                value = s.FsBase;
                break;
            case X86Control.MsrGsBase:
                value = s.GsBase;
                break;
            case X86Control.MsrKernelGsBase:
                value = s.KernelGsBase;
                break;
            case X86Control.MsrTscAux:
                value = s.TscAux;
                break;
            case X86Control.MsrSysenterCs:
                value = s.SysenterCs;
                break;
            case X86Control.MsrSysenterEsp:
                value = s.SysenterEsp;
                break;
            case X86Control.MsrSysenterEip:
                value = s.SysenterEip;
                break;
            case X86Control.MsrMiscEnable:
                value = s.MiscEnable;
                break;
            case X86Control.MsrPat:
                value = s.Pat;
                break;
            case X86Control.MsrTsc:
                value = c._bus.ReadTsc();
                break;
            default:
                X86BusResult result = c._bus.ReadMsr(index, out value);
                if (result != X86BusResult.Done)
                    return c.FromBus(result, 13);
                break;
        }
        *(ulong*)r = (uint)value;
        *(ulong*)(r + RdxOffset) = value >> 32;
        return X86Step.Next;
    }

    private static int Wrmsr(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        X86VcpuState s = c._state;
        uint index = *(uint*)(r + RcxOffset);
        ulong value = *(uint*)r | ((ulong)*(uint*)(r + RdxOffset) << 32);
        switch (index)
        {
            case X86Control.MsrLstar:
            case X86Control.MsrCstar:
            case X86Control.MsrFsBase:
            case X86Control.MsrGsBase:
            case X86Control.MsrKernelGsBase:
            case X86Control.MsrSysenterEsp:
            case X86Control.MsrSysenterEip:
                if (!IsCanonical(value))
                    return c.Raise(13, 0);
                break;
        }
        switch (index)
        {
            case X86Control.MsrEfer:
                return c.WriteEfer(i, r, value);
            case X86Control.MsrStar:
                s.Star = value;
                break;
            case X86Control.MsrLstar:
                s.Lstar = value;
                break;
            case X86Control.MsrCstar:
                s.Cstar = value;
                break;
            case X86Control.MsrFmask:
                if (value >> 32 != 0)
                    return c.Raise(13, 0);
                s.Fmask = value;
                break;
            case X86Control.MsrFsBase:
                s.FsBase = value;
                break;
            case X86Control.MsrGsBase:
                s.GsBase = value;
                break;
            case X86Control.MsrKernelGsBase:
                s.KernelGsBase = value;
                break;
            case X86Control.MsrTscAux:
                if (value >> 32 != 0)
                    return c.Raise(13, 0);
                s.TscAux = value;
                break;
            case X86Control.MsrSysenterCs:
                s.SysenterCs = (uint)value;
                break;
            case X86Control.MsrSysenterEsp:
                s.SysenterEsp = value;
                break;
            case X86Control.MsrSysenterEip:
                s.SysenterEip = value;
                break;
            case X86Control.MsrMiscEnable:
                s.MiscEnable = value;
                break;
            case X86Control.MsrPat:
                // Memory types 2, 3 and above 7 do not exist.
                for (int n = 0; n < 64; n += 8)
                {
                    if (((value >> n) & 0xff) is 2 or 3 or > 7)
                        return c.Raise(13, 0);
                }
                s.Pat = value;
                break;
            default:
                X86BusResult result = c._bus.WriteMsr(index, value);
                if (result != X86BusResult.Done)
                    return c.FromBus(result, 13);
                break;
        }
        return X86Step.Next;
    }

    private int WriteEfer(X86Insn* i, byte* r, ulong value)
    {
        X86VcpuState s = _state;
        if ((value & ~X86Control.EferKnown) != 0)
            return Raise(13, 0);
        value = (value & ~X86Control.EferLma) | (s.Efer & X86Control.EferLma);
        if (s.Paging && ((value ^ s.Efer) & X86Control.EferLme) != 0)
            return Raise(13, 0);
        s.Efer = value;
        return PagingChanged(i, r, keepTlb: false);
    }

    private int PagingChanged(X86Insn* i, byte* r, bool keepTlb)
    {
        _bus.OnPagingChanged(_state, keepTlb);
        Target = NextRip(i, r);
        return X86Step.Serialize;
    }

    // MOV from CRn (Aux n) to a register.
    private static int MovFromControl(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        X86VcpuState s = c._state;
        *(ulong*)(r + i->Destination) = i->Aux switch { 0 => s.Cr0, 2 => s.Cr2, 3 => s.Cr3, 4 => s.Cr4, _ => s.Cr8 };
        return X86Step.Next;
    }

    private static int MovToControl(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        X86VcpuState s = c._state;
        ulong value = *(ulong*)(r + i->Source);
        switch (i->Aux)
        {
            case 0:
                return c.WriteCr0(i, r, value);
            case 2:
                s.Cr2 = value;
                return X86Step.Next;
            case 3:
            {
                bool pcid = (s.Cr4 & X86Control.Cr4Pcide) != 0;
                bool keep = pcid && value >> 63 != 0;
                if (pcid)
                    value &= ~(1UL << 63);
                if (value >> X86GuestWalker.PhysicalAddressBits != 0)
                    return c.Raise(13, 0);
                s.Cr3 = value;
                return c.PagingChanged(i, r, keep);
            }
            case 4:
                // PAE cannot go while long mode is on; PCIDs need the PCID in CR3 to be zero when they come.
                if ((value & ~X86Control.Cr4Known) != 0 || (value & X86Control.Cr4Pae) == 0)
                    return c.Raise(13, 0);
                if ((value & ~s.Cr4 & X86Control.Cr4Pcide) != 0 && (s.Cr3 & 0xfff) != 0)
                    return c.Raise(13, 0);
                s.Cr4 = value;
                return c.PagingChanged(i, r, keepTlb: false);
            default:
                if (value > 15)
                    return c.Raise(13, 0);
                s.Cr8 = value;
                return X86Step.Next;
        }
    }

    private int WriteCr0(X86Insn* i, byte* r, ulong value)
    {
        if (value >> 32 != 0 || ((value & X86Control.Cr0Nw) != 0 && (value & X86Control.Cr0Cd) == 0) || (value & X86Control.Cr0Pe) == 0)
            return Raise(13, 0);

        // Clearing PG leaves 64-bit mode, which the manual forbids from a 64-bit code segment; a state that never had paging stays without.
        if (_state.Paging && (value & X86Control.Cr0Pg) == 0)
            return Raise(13, 0);
        if ((value & X86Control.Cr0Pg) != 0 && (_state.Cr4 & X86Control.Cr4Pae) == 0)
            return Raise(13, 0);
        _state.Cr0 = (value & X86Control.Cr0Known) | X86Control.Cr0Et;
        return PagingChanged(i, r, keepTlb: false);
    }

    // CLTS and the low bits of LMSW (TS, EM, MP change nothing here; PE can be set only).
    private static int Clts(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        c._state.Cr0 &= ~8UL;
        return X86Step.Next;
    }

    private static int MovFromDebug(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        if (i->Aux is 4 or 5 && (c._state.Cr4 & X86Control.Cr4De) != 0)
            return c.Raise(6, 0);
        X86VcpuState s = c._state;
        *(ulong*)(r + i->Destination) = i->Aux switch { 0 => s.Dr0, 1 => s.Dr1, 2 => s.Dr2, 3 => s.Dr3, 4 or 6 => s.Dr6, _ => s.Dr7 };
        return X86Step.Next;
    }

    private static int MovToDebug(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        if (i->Aux is 4 or 5 && (c._state.Cr4 & X86Control.Cr4De) != 0)
            return c.Raise(6, 0);
        X86VcpuState s = c._state;
        ulong value = *(ulong*)(r + i->Source);
        if (i->Aux >= 4 && value >> 32 != 0)
            return c.Raise(13, 0);
        switch (i->Aux)
        {
            case 0:
                s.Dr0 = value;
                break;
            case 1:
                s.Dr1 = value;
                break;
            case 2:
                s.Dr2 = value;
                break;
            case 3:
                s.Dr3 = value;
                break;
            case 4:
            case 6:
                s.Dr6 = (value & 0xe00f) | 0xffff0ff0;
                break;
            default:
                s.Dr7 = (value & 0xffff2fff) | 0x400;
                break;
        }
        return X86Step.Next;
    }

    // LGDT, LIDT: Aux 0 and 1.
    private static int LoadTable(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        ulong address = EffectiveAddress(i, r);
        ulong table = 0;
        int step = c.ReadOperand<X86Size16>(i, address, c._read, out ulong limit);
        if (step == X86Step.Next)
            step = c.ReadOperand<X86Size64>(i, address + 2, c._read, out table);
        if (step != X86Step.Next)
            return step;
        if (!IsCanonical(table))
            return c.Raise(13, 0);
        X86TableRegister value = new() { Base = table, Limit = (ushort)limit };
        if (i->Aux == 0)
            c._state.Gdtr = value;
        else
            c._state.Idtr = value;
        return X86Step.Next;
    }

    private static int StoreTable(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0 && (c._state.Cr4 & X86Control.Cr4Umip) != 0)
            return c.Raise(13, 0);
        X86TableRegister value = i->Aux == 0 ? c._state.Gdtr : c._state.Idtr;
        byte* bytes = stackalloc byte[10];
        *(ushort*)bytes = value.Limit;
        *(ulong*)(bytes + 2) = value.Base;
        ulong address = EffectiveAddress(i, r);
        byte* p = c._bus.TryAccess(address, 10, c._write);
        if (p != null)
        {
            new ReadOnlySpan<byte>(bytes, 10).CopyTo(new Span<byte>(p, 10));
            return X86Step.Next;
        }
        X86BusResult result = c._bus.WriteMemory(address, bytes, 10, c._write);
        return result == X86BusResult.Done ? X86Step.Next : c.FromBus(result, GeneralVector(i));
    }

    private static int Invlpg(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        c._bus.InvalidatePage(EffectiveAddress(i, r));
        c.Target = NextRip(i, r);
        return X86Step.Serialize;
    }

    // WBINVD, INVD: caches are coherent here.
    private static int Wbinvd(X86Interpreter c, X86Insn* i, byte* r) => c.Cpl != 0 ? c.Raise(13, 0) : X86Step.Next;

    private static int Swapgs(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        (c._state.KernelGsBase, c._state.GsBase) = (c._state.GsBase, c._state.KernelGsBase);
        return X86Step.Next;
    }

    // RDFSBASE 0, RDGSBASE 1, WRFSBASE 2, WRGSBASE 3 by Aux.
    private static int FsGsBase(X86Interpreter c, X86Insn* i, byte* r)
    {
        if ((c._state.Cr4 & X86Control.Cr4Fsgsbase) == 0)
            return c.Raise(6, 0);
        ref ulong location = ref (i->Aux & 1) == 0 ? ref c._state.FsBase : ref c._state.GsBase;
        if (i->Aux < 2)
        {
            SetSized(r + i->Destination, i->Size, location);
            return X86Step.Next;
        }
        ulong value = i->Size == 8 ? *(ulong*)(r + i->Destination) : *(uint*)(r + i->Destination);
        if (!IsCanonical(value))
            return c.Raise(13, 0);
        location = value;
        return X86Step.Next;
    }

    private static int Syscall(X86Interpreter c, X86Insn* i, byte* r)
    {
        X86VcpuState s = c._state;
        if ((s.Efer & X86Control.EferSce) == 0)
            return c.Raise(6, 0);
        if (!IsCanonical(s.Lstar))
            return c.Raise(13, 0);
        *(ulong*)(r + RcxOffset) = NextRip(i, r);
        s.Regs[11] = s.Rflags & ~X86Flags.Rf;
        s.Rflags = (s.Rflags & ~(s.Fmask | X86Flags.Rf)) | X86Flags.Fixed;
        ushort selector = (ushort)((s.Star >> 32) & 0xfffc);
        s.Cs = X86Segment.FlatCode64(selector);
        s.Ss = X86Segment.FlatData((ushort)(selector + 8));
        c.Target = s.Lstar;
        return c.PrivilegeChanged();
    }

    private static int Sysret(X86Interpreter c, X86Insn* i, byte* r)
    {
        X86VcpuState s = c._state;
        if ((s.Efer & X86Control.EferSce) == 0)
            return c.Raise(6, 0);
        if (c.Cpl != 0 || !IsCanonical(*(ulong*)(r + RcxOffset)))
            return c.Raise(13, 0);
        if (i->Size != 8)
            return c.ExitWithError(X86InternalError.UnsupportedInstruction, i);
        s.Rflags = (s.Regs[11] & (PopfAlways | X86Flags.If | X86Flags.Iopl)) | X86Flags.Fixed;
        ushort selector = (ushort)(s.Star >> 48);
        s.Cs = X86Segment.FlatCode64((ushort)((selector + 16) | 3));
        s.Ss = X86Segment.FlatData((ushort)((selector + 8) | 3));
        c.Target = *(ulong*)(r + RcxOffset);
        return c.PrivilegeChanged();
    }

    private int PrivilegeChanged()
    {
        _bus.OnPrivilegeChanged(_state);
        UpdateCoreAttention();
        return X86Step.Serialize;
    }

    private ref X86Segment SegmentByNumber(int number)
    {
        switch (number)
        {
            case 0:
                return ref _state.Es;
            case 1:
                return ref _state.Cs;
            case 2:
                return ref _state.Ss;
            case 3:
                return ref _state.Ds;
            case 4:
                return ref _state.Fs;
            default:
                return ref _state.Gs;
        }
    }

    // MOV r/m, Sreg (Size2 is the segment's number). A register destination is written at operand size, memory always with 16 bits.
    private static int MovFromSegment(X86Interpreter c, X86Insn* i, byte* r)
    {
        ushort selector = c.SegmentByNumber(i->Size2).Selector;
        if (i->Aux == 1)
            return c.WriteOperand<X86Size16>(i, EffectiveAddress(i, r), selector);
        SetSized(r + i->Destination, i->Size, selector);
        return X86Step.Next;
    }

    private static int MovToSegment(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong selector;
        if (i->Aux == 1)
        {
            int read = c.ReadOperand<X86Size16>(i, EffectiveAddress(i, r), c._read, out selector);
            if (read != X86Step.Next)
                return read;
        }
        else
        {
            selector = *(ushort*)(r + i->Source);
        }
        int step = c.LoadSegment(i->Size2, (ushort)selector);
        if (step == X86Step.Next && i->Size2 == 2)
        {
            c._state.InterruptShadow = true;
            c.UpdateCoreAttention();
        }
        return step;
    }

    // PUSH FS, PUSH GS, POP FS, POP GS.
    private static int PushSegment(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong selector = c.SegmentByNumber(i->Size2).Selector;
        return i->Size == 8 ? c.Push<X86Size64>(r, selector) : c.Push<X86Size16>(r, selector);
    }

    private static int PopSegment(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong selector;
        int step = i->Size == 8 ? c.Peek<X86Size64>(r, 0, out selector) : c.Peek<X86Size16>(r, 0, out selector);
        if (step == X86Step.Next)
            step = c.LoadSegment(i->Size2, (ushort)selector);
        if (step == X86Step.Next)
            *(ulong*)(r + RspOffset) += i->Size;
        return step;
    }

    // LTR, LLDT: Size2 1 and 0.
    private static int LoadSystemSegment(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0)
            return c.Raise(13, 0);
        int step = c.ReadRm(i, r, out ulong raw);
        if (step != X86Step.Next)
            return step;
        ushort selector = (ushort)raw;
        bool task = i->Size2 == 1;
        if ((selector & ~3) == 0)
        {
            if (task)
                return c.Raise(13, 0);
            c._state.Ldtr = new X86Segment { Selector = selector };
            return X86Step.Next;
        }
        if ((selector & 4) != 0 || (uint)(selector | 7) + 8 > c._state.Gdtr.Limit)
            return c.Raise(13, (uint)selector & 0xfffc);
        ulong at = c._state.Gdtr.Base + (uint)(selector & ~7);
        ulong* descriptor = stackalloc ulong[2];
        X86BusResult result = c.ReadSystem(at, (byte*)descriptor, 16);
        if (result != X86BusResult.Done)
            return c.FromBus(result, 13);
        X86Segment segment = FromDescriptor(selector, descriptor[0]);
        int type = segment.Attributes & (X86Segment.TypeMask | X86Segment.CodeOrData);
        if (type != (task ? 9 : 2))
            return c.Raise(13, (uint)selector & 0xfffc);
        if ((segment.Attributes & X86Segment.Present) == 0)
            return c.Raise(11, (uint)selector & 0xfffc);
        segment.Base |= descriptor[1] << 32;
        if (!IsCanonical(segment.Base))
            return c.Raise(13, (uint)selector & 0xfffc);
        if (task)
        {
            ulong busy = descriptor[0] | (2UL << 40);
            result = c.WriteSystem(at, (byte*)&busy, 8);
            if (result != X86BusResult.Done)
                return c.FromBus(result, 13);
            segment.Attributes |= 2;
            c._state.Tr = segment;
        }
        else
        {
            c._state.Ldtr = segment;
        }
        return X86Step.Next;
    }

    // STR, SLDT by Size2 1 and 0; SMSW by Size2 2.
    private static int StoreSystemSegment(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (c.Cpl != 0 && (c._state.Cr4 & X86Control.Cr4Umip) != 0)
            return c.Raise(13, 0);
        ulong value = i->Size2 switch { 1 => c._state.Tr.Selector, 0 => c._state.Ldtr.Selector, _ => c._state.Cr0 };
        if (i->Aux == 1)
            return c.WriteOperand<X86Size16>(i, EffectiveAddress(i, r), (ushort)value);
        SetSized(r + i->Destination, i->Size, value);
        return X86Step.Next;
    }

    private static X86Segment FromDescriptor(ushort selector, ulong descriptor)
    {
        uint limit = (uint)(descriptor & 0xffff) | ((uint)(descriptor >> 32) & 0xf0000);
        ushort attributes = (ushort)((descriptor >> 40) & 0xf0ff);
        return new X86Segment
        {
            Selector = selector,
            Attributes = attributes,
            Limit = (attributes & X86Segment.Granular) != 0 ? (limit << 12) | 0xfff : limit,
            Base = ((descriptor >> 16) & 0xffffff) | ((descriptor >> 32) & 0xff000000),
        };
    }

    /// <summary>Reads the descriptor of a non-null selector. <paramref name="external"/> is the EXT bit of an error code.</summary>
    private int ReadDescriptor(ushort selector, uint external, out ulong at, out ulong descriptor)
    {
        ulong tableBase = _state.Gdtr.Base;
        ulong limit = _state.Gdtr.Limit;
        descriptor = at = 0;
        if ((selector & 4) != 0)
        {
            if ((_state.Ldtr.Attributes & X86Segment.Present) == 0)
                return Raise(13, ((uint)selector & 0xfffc) | external);
            tableBase = _state.Ldtr.Base;
            limit = _state.Ldtr.Limit;
        }
        if ((uint)(selector | 7) > limit)
            return Raise(13, ((uint)selector & 0xfffc) | external);
        at = tableBase + (uint)(selector & ~7);
        ulong value;
        X86BusResult result = ReadSystem(at, (byte*)&value, 8);
        if (result != X86BusResult.Done)
            return FromBus(result, 13);
        descriptor = value;
        return X86Step.Next;
    }

    private int LoadSegment(int number, ushort selector)
    {
        int cpl = Cpl;
        ref X86Segment segment = ref SegmentByNumber(number);
        if ((selector & ~3) == 0)
        {
            // A null SS is legal in 64-bit mode below ring 3.
            if (number == 2 && (cpl == 3 || (selector & 3) != cpl))
                return Raise(13, 0);
            if (number == 2)
                segment = new X86Segment { Selector = selector, Attributes = (ushort)(cpl << 5) };
            else
                segment = new X86Segment { Selector = selector };
            SetSegmentBase(number, 0);
            return X86Step.Next;
        }
        int step = ReadDescriptor(selector, 0, out ulong at, out ulong descriptor);
        if (step != X86Step.Next)
            return step;
        X86Segment loaded = FromDescriptor(selector, descriptor);
        int rpl = selector & 3;
        uint code = (uint)selector & 0xfffc;
        int type = loaded.Attributes & X86Segment.TypeMask;
        bool isCode = (type & 8) != 0;
        if ((loaded.Attributes & X86Segment.CodeOrData) == 0)
            return Raise(13, code);
        if (number == 2)
        {
            if (isCode || (type & 2) == 0 || rpl != cpl || loaded.Dpl != cpl)
                return Raise(13, code);
            if ((loaded.Attributes & X86Segment.Present) == 0)
                return Raise(12, code);
        }
        else
        {
            if (isCode && (type & 2) == 0)
                return Raise(13, code);
            if ((!isCode || (type & 4) == 0) && (rpl > loaded.Dpl || cpl > loaded.Dpl))
                return Raise(13, code);
            if ((loaded.Attributes & X86Segment.Present) == 0)
                return Raise(11, code);
        }
        step = SetAccessed(at, descriptor, ref loaded);
        if (step != X86Step.Next)
            return step;
        segment = loaded;
        SetSegmentBase(number, loaded.Base);
        return X86Step.Next;
    }

    private int SetAccessed(ulong at, ulong descriptor, ref X86Segment segment)
    {
        if ((descriptor & (1UL << 40)) != 0)
            return X86Step.Next;
        byte type = (byte)((descriptor >> 40) | 1);
        X86BusResult result = WriteSystem(at + 5, &type, 1);
        if (result != X86BusResult.Done)
            return FromBus(result, 13);
        segment.Attributes |= 1;
        return X86Step.Next;
    }

    private void SetSegmentBase(int number, ulong value)
    {
        if (number == 4)
            _state.FsBase = value;
        else if (number == 5)
            _state.GsBase = value;
    }

    // INT n and INT3: the vector is the immediate. INT1 has Aux 1: an event without a DPL check.
    private static int Interrupt(X86Interpreter c, X86Insn* i, byte* r)
    {
        ulong rip = *(ulong*)(r + RipOffset);
        *(ulong*)(r + RipOffset) = rip + i->Length;
        int step = c.TryDeliver((byte)i->Immediate, i->Aux == 1 ? X86EventKind.Trap : X86EventKind.Software, 0, false);
        if (step != X86Step.Serialize)
        {
            *(ulong*)(r + RipOffset) = rip;
            return step;
        }
        c.Target = *(ulong*)(r + RipOffset);
        return step;
    }

    private static int Undefined(X86Interpreter c, X86Insn* i, byte* r) => c.Raise(6, 0);

    private static int TooLong(X86Interpreter c, X86Insn* i, byte* r) => c.Raise(13, 0);

    private static int Unsupported(X86Interpreter c, X86Insn* i, byte* r) => c.ExitWithError(X86InternalError.UnsupportedInstruction, i);

    private static int Iretq(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (i->Size != 8)
            return c.ExitWithError(X86InternalError.UnsupportedInstruction, i);
        X86VcpuState s = c._state;
        if ((s.Rflags & X86Flags.Nt) != 0)
            return c.Raise(13, 0);
        ulong cs = 0;
        ulong flags = 0;
        ulong sp = 0;
        ulong ss = 0;
        int step = c.Peek<X86Size64>(r, 0, out ulong rip);
        if (step == X86Step.Next)
            step = c.Peek<X86Size64>(r, 8, out cs);
        if (step == X86Step.Next)
            step = c.Peek<X86Size64>(r, 16, out flags);
        if (step == X86Step.Next)
            step = c.Peek<X86Size64>(r, 24, out sp);
        if (step == X86Step.Next)
            step = c.Peek<X86Size64>(r, 32, out ss);
        if (step != X86Step.Next)
            return step;

        int oldCpl = c.Cpl;
        X86Segment oldSs = s.Ss;
        X86Segment oldCs = s.Cs;
        step = c.LoadReturnCode((ushort)cs, rip);
        if (step == X86Step.Next)
        {
            // The stack segment is checked against the level that is returned to.
            int newCpl = (int)cs & 3;
            s.Ss = new X86Segment { Selector = s.Ss.Selector, Attributes = (ushort)((s.Ss.Attributes & ~0x60) | (newCpl << 5)) };
            step = c.LoadSegment(2, (ushort)ss);
        }
        if (step != X86Step.Next)
        {
            s.Ss = oldSs;
            s.Cs = oldCs;
            return step;
        }

        ulong mask = PopfAlways;
        if (oldCpl == 0)
            mask |= X86Flags.Iopl | X86Flags.Vif | X86Flags.Vip;
        if (oldCpl <= (int)((s.Rflags >> 12) & 3))
            mask |= X86Flags.If;
        s.Rflags = (s.Rflags & ~(mask | X86Flags.Rf)) | (flags & mask) | X86Flags.Fixed;
        *(ulong*)(r + RspOffset) = sp;
        c.DropUserUnreachable(oldCpl);
        c.Target = rip;
        return c.PrivilegeChanged();
    }

    /// <summary>A far return to 64-bit code of the same or an outer level.</summary>
    private static int FarReturn(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (i->Size != 8)
            return c.ExitWithError(X86InternalError.UnsupportedInstruction, i);
        X86VcpuState s = c._state;
        ulong cs = 0;
        int step = c.Peek<X86Size64>(r, 0, out ulong rip);
        if (step == X86Step.Next)
            step = c.Peek<X86Size64>(r, 8, out cs);
        if (step != X86Step.Next)
            return step;
        ulong pop = i->Immediate & ushort.MaxValue;
        int oldCpl = c.Cpl;
        int newCpl = (int)cs & 3;
        X86Segment oldCs = s.Cs;
        X86Segment oldSs = s.Ss;
        ulong sp = *(ulong*)(r + RspOffset) + 16 + pop;
        step = c.LoadReturnCode((ushort)cs, rip);
        if (step == X86Step.Next && newCpl > oldCpl)
        {
            ulong ss = 0;
            step = c.Peek<X86Size64>(r, 16 + pop, out ulong outer);
            if (step == X86Step.Next)
                step = c.Peek<X86Size64>(r, 24 + pop, out ss);
            if (step == X86Step.Next)
            {
                s.Ss = new X86Segment { Attributes = (ushort)(newCpl << 5) };
                step = c.LoadSegment(2, (ushort)ss);
            }
            sp = outer + pop;
        }
        if (step != X86Step.Next)
        {
            s.Cs = oldCs;
            s.Ss = oldSs;
            return step;
        }
        *(ulong*)(r + RspOffset) = sp;
        c.DropUserUnreachable(oldCpl);
        c.Target = rip;
        return c.PrivilegeChanged();
    }

    /// <summary>Loads CS for a return. Only 64-bit code can be run, so another code segment is refused before anything changes.</summary>
    private int LoadReturnCode(ushort selector, ulong rip)
    {
        uint code = (uint)selector & 0xfffc;
        int rpl = selector & 3;
        if (code == 0)
            return Raise(13, 0);
        int step = ReadDescriptor(selector, 0, out ulong at, out ulong descriptor);
        if (step != X86Step.Next)
            return step;
        X86Segment segment = FromDescriptor(selector, descriptor);
        bool conforming = (segment.Attributes & 4) != 0;
        if ((segment.Attributes & (X86Segment.CodeOrData | 8)) != (X86Segment.CodeOrData | 8) || rpl < Cpl ||
            (conforming ? segment.Dpl > rpl : segment.Dpl != rpl))
            return Raise(13, code);
        if ((segment.Attributes & X86Segment.Present) == 0)
            return Raise(11, code);
        if (!segment.IsLong)
        {
            _exit = InternalError(X86InternalError.UnsupportedMode, null, 0);
            return X86Step.Exit;
        }
        if (!IsCanonical(rip))
            return Raise(13, 0);
        step = SetAccessed(at, descriptor, ref segment);
        if (step != X86Step.Next)
            return step;
        segment.Attributes = (ushort)((segment.Attributes & ~0x60) | (rpl << 5));
        _state.Cs = segment;
        return X86Step.Next;
    }

    /// <summary>A return to an outer level nulls data segments that it could not have loaded.</summary>
    private void DropUserUnreachable(int oldCpl)
    {
        if (Cpl <= oldCpl)
            return;
        for (int number = 0; number < 6; number++)
        {
            if (number is 1 or 2)
                continue;
            ref X86Segment segment = ref SegmentByNumber(number);
            bool conforming = (segment.Attributes & 0xc) == 0xc;
            if (!conforming && segment.Dpl < Cpl)
                segment = default;
        }
    }

    // JMP m16:64 within a level, the other way to reload CS.
    private static int FarJump(X86Interpreter c, X86Insn* i, byte* r)
    {
        if (i->Size != 8)
            return c.ExitWithError(X86InternalError.UnsupportedInstruction, i);
        ulong address = EffectiveAddress(i, r);
        ulong cs = 0;
        int step = c.ReadOperand<X86Size64>(i, address, c._read, out ulong rip);
        if (step == X86Step.Next)
            step = c.ReadOperand<X86Size16>(i, address + 8, c._read, out cs);
        if (step == X86Step.Next)
            step = c.LoadReturnCode((ushort)((cs & 0xfffc) | (uint)c.Cpl), rip);
        if (step != X86Step.Next)
            return step;
        c.Target = rip;
        return c.PrivilegeChanged();
    }

    private X86BusResult ReadSystem(ulong address, byte* destination, int size)
    {
        byte* p = _bus.TryAccess(address, size, X86Access.Implicit);
        if (p == null)
            return _bus.ReadMemory(address, destination, size, X86Access.Implicit);
        new ReadOnlySpan<byte>(p, size).CopyTo(new Span<byte>(destination, size));
        return X86BusResult.Done;
    }

    private X86BusResult WriteSystem(ulong address, byte* source, int size)
    {
        byte* p = _bus.TryAccess(address, size, X86Access.Write | X86Access.Implicit);
        if (p == null)
            return _bus.WriteMemory(address, source, size, X86Access.Write | X86Access.Implicit);
        new ReadOnlySpan<byte>(source, size).CopyTo(new Span<byte>(p, size));
        return X86BusResult.Done;
    }
}
