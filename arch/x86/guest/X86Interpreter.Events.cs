// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Arch.X86;

/// <summary>Where an event that goes through the IDT comes from.</summary>
internal enum X86EventKind
{
    /// <summary>A fault of the instruction at RIP, or an abort.</summary>
    Fault,

    /// <summary>A #DB trap, reported after an instruction.</summary>
    Trap,

    /// <summary>INT n, INT3: the gate's DPL is checked against CPL and errors do not carry EXT.</summary>
    Software,

    /// <summary>An external interrupt or NMI.</summary>
    External,
}

/// <summary>Answer of <see cref="X86Interpreter.TryInjectInterrupt"/>.</summary>
internal enum X86InjectResult
{
    Injected,

    /// <summary>RFLAGS.IF is clear or an interrupt shadow holds; wait for <see cref="X86ExitKind.InterruptWindow"/>.</summary>
    Blocked,

    /// <summary>The bus wants an exit for an access of the delivery; inject again after it.</summary>
    Exit,

    /// <summary>Triple fault.</summary>
    Shutdown,
}

/// <content>Exceptions and interrupts through the guest's IDT.</content>
internal sealed unsafe partial class X86Interpreter
{
    private const int DoubleFault = 8;

    private bool CanTakeInterrupt => (_state.Rflags & X86Flags.If) != 0 && !_state.InterruptShadow;

    /// <summary>Delivers an external interrupt between instructions. Wakes a halted vCPU. Call on the vCPU's thread, outside of <see cref="Run"/>.</summary>
    public X86InjectResult TryInjectInterrupt(X86VcpuState state, X86Bus bus, byte vector)
    {
        _state = state;
        _bus = bus;
        return CanTakeInterrupt ? Inject(vector, X86EventKind.External, 0, false) : X86InjectResult.Blocked;
    }

    /// <summary>Delivers a non-maskable interrupt between instructions.</summary>
    public X86InjectResult TryInjectNmi(X86VcpuState state, X86Bus bus)
    {
        _state = state;
        _bus = bus;
        return state.InterruptShadow ? X86InjectResult.Blocked : Inject(2, X86EventKind.External, 0, false);
    }

    /// <summary>Delivers an exception on behalf of the host, as if the instruction at RIP had raised it. For #PF set CR2 first.</summary>
    public X86InjectResult InjectException(X86VcpuState state, X86Bus bus, byte vector, uint? errorCode)
    {
        _state = state;
        _bus = bus;
        _faultAddress = state.Cr2;
        return Inject(vector, X86EventKind.Fault, errorCode ?? 0, errorCode is not null);
    }

    private static bool HasErrorCode(int vector) => vector is 8 or (>= 10 and <= 14) or 17 or 21;

    private static bool IsContributory(int vector) => vector is 0 or (>= 10 and <= 13);

    private X86InjectResult Inject(int vector, X86EventKind kind, uint code, bool hasCode)
    {
        LoadPrivilege();
        X86ExitKind exit = Deliver(vector, kind, code, hasCode);
        if (exit == X86ExitKind.None)
        {
            _state.Halted = false;
            return X86InjectResult.Injected;
        }
        return exit == X86ExitKind.Shutdown ? X86InjectResult.Shutdown : X86InjectResult.Exit;
    }

    private X86ExitKind DeliverFault() => Deliver(_faultVector, X86EventKind.Fault, _faultCode, HasErrorCode(_faultVector));

    /// <summary>
    /// Delivers an event, and what its delivery raises in turn: contributory pairs become #DF, a fault of the #DF delivery shuts down. On an exit nothing
    /// has changed, so that the instruction (or the injection) can be tried again.
    /// </summary>
    private X86ExitKind Deliver(int vector, X86EventKind kind, uint code, bool hasCode)
    {
        while (true)
        {
            if (vector == 14 && kind == X86EventKind.Fault)
                _state.Cr2 = _faultAddress;
            int step = TryDeliver(vector, kind, code, hasCode);
            if (step == X86Step.Serialize)
            {
                LoadPrivilege();
                return X86ExitKind.None;
            }
            if (step == X86Step.Exit)
                return _exit;
            if (vector == DoubleFault && kind == X86EventKind.Fault)
                return X86ExitKind.Shutdown;
            int second = _faultVector;
            if (second == 14)
                _state.Cr2 = _faultAddress;
            bool combine = kind == X86EventKind.Fault &&
                ((IsContributory(vector) && IsContributory(second)) || (vector == 14 && (second == 14 || IsContributory(second))));
            kind = X86EventKind.Fault;
            vector = combine ? DoubleFault : second;
            code = combine ? 0 : _faultCode;
            hasCode = HasErrorCode(vector);
        }
    }

    /// <summary>One delivery. <see cref="X86Step.Serialize"/>: done, RIP is the handler's; else a fault or an exit, and nothing has changed.</summary>
    private int TryDeliver(int vector, X86EventKind kind, uint code, bool hasCode)
    {
        X86VcpuState s = _state;
        uint external = kind == X86EventKind.Software ? 0u : 1;
        uint gateError = ((uint)vector << 3) | 2 | external;
        if ((uint)vector * 16 + 15 > s.Idtr.Limit)
            return Raise(13, gateError);
        ulong* gate = stackalloc ulong[2];
        X86BusResult result = ReadSystem(s.Idtr.Base + ((uint)vector * 16), (byte*)gate, 16);
        if (result != X86BusResult.Done)
            return FromBus(result, 13);
        int type = (int)(gate[0] >> 40) & 0x1f;
        int gateDpl = (int)(gate[0] >> 45) & 3;
        if (type is not (0xe or 0xf))
            return Raise(13, gateError);
        if (kind == X86EventKind.Software && gateDpl < Cpl)
            return Raise(13, gateError);
        if ((gate[0] & (1UL << 47)) == 0)
            return Raise(11, gateError);

        ulong target = (gate[0] & 0xffff) | ((gate[0] >> 32) & 0xffff0000) | (gate[1] << 32);
        ushort selector = (ushort)(gate[0] >> 16);
        int ist = (int)(gate[0] >> 32) & 7;
        if ((selector & ~3) == 0)
            return Raise(13, external);
        int step = ReadDescriptor(selector, external, out ulong at, out ulong descriptor);
        if (step != X86Step.Next)
            return step;
        X86Segment newCs = FromDescriptor(selector, descriptor);
        uint selectorError = ((uint)selector & 0xfffc) | external;
        int oldCpl = Cpl;
        if ((newCs.Attributes & (X86Segment.CodeOrData | 8)) != (X86Segment.CodeOrData | 8) || newCs.Dpl > oldCpl ||
            !newCs.IsLong || (newCs.Attributes & X86Segment.DefaultBig) != 0)
            return Raise(13, selectorError);
        if ((newCs.Attributes & X86Segment.Present) == 0)
            return Raise(11, selectorError);
        int newCpl = (newCs.Attributes & 4) != 0 ? oldCpl : newCs.Dpl;

        ulong sp = s.Rsp;
        if (ist != 0 || newCpl < oldCpl)
        {
            uint slot = ist != 0 ? 0x24 + ((uint)(ist - 1) * 8) : 4 + ((uint)newCpl * 8);
            if (slot + 7 > s.Tr.Limit)
                return Raise(10, ((uint)s.Tr.Selector & 0xfffc) | external);
            result = ReadSystem(s.Tr.Base + slot, (byte*)&sp, 8);
            if (result != X86BusResult.Done)
                return FromBus(result, 13);
        }
        sp &= ~15UL;

        ulong flags = s.Rflags;
        if (kind == X86EventKind.Fault && vector != DoubleFault)
            flags |= X86Flags.Rf;
        const int FrameWords = 6;
        ulong* frame = stackalloc ulong[FrameWords];
        int first = hasCode ? 0 : 1;
        frame[0] = code;
        frame[1] = s.Rip;
        frame[2] = s.Cs.Selector;
        frame[3] = flags;
        frame[4] = s.Rsp;
        frame[5] = s.Ss.Selector;
        int size = (FrameWords - first) * 8;
        sp -= (uint)size;
        if (!IsCanonical(sp) || !IsCanonical(sp + (uint)size - 1))
            return Raise(12, external);
        if (!IsCanonical(target))
            return Raise(13, external);
        step = SetAccessed(at, descriptor, ref newCs);
        if (step != X86Step.Next)
            return step;
        step = PushFrame(sp, (byte*)(frame + first), size, newCpl);
        if (step != X86Step.Next)
            return step;

        s.Rsp = sp;
        s.Rip = target;
        newCs.Attributes = (ushort)((newCs.Attributes & ~0x60) | (newCpl << 5));
        newCs.Selector = (ushort)((selector & 0xfffc) | newCpl);
        s.Cs = newCs;
        if (newCpl != oldCpl)
            s.Ss = new X86Segment { Selector = (ushort)newCpl, Attributes = (ushort)(newCpl << 5) };
        s.Rflags &= ~(X86Flags.Tf | X86Flags.Nt | X86Flags.Rf | X86Flags.Vm);
        if (type == 0xe)
            s.Rflags &= ~X86Flags.If;
        s.InterruptShadow = false;
        PrivilegeChanged();
        return X86Step.Serialize;
    }

    /// <summary>Writes the interrupt frame, which may cross a page, with the rights of the level that is entered.</summary>
    private int PushFrame(ulong sp, byte* frame, int size, int newCpl)
    {
        X86Access access = X86Access.Write | (newCpl == 3 ? X86Access.User : X86Access.Implicit);
        byte* p = _bus.TryAccess(sp, size, access);
        if (p != null)
        {
            new ReadOnlySpan<byte>(frame, size).CopyTo(new Span<byte>(p, size));
            return X86Step.Next;
        }

        // The first byte of either page is probed, so that a fault leaves no half frame that anybody could see as one.
        for (int done = 0; done < size; done += 8)
        {
            X86BusResult result = _bus.WriteMemory(sp + (uint)done, frame + done, 8, access);
            if (result != X86BusResult.Done)
                return FromBus(result, 12);
        }
        return X86Step.Next;
    }
}
