// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvmSharp.Arch.X86;

/// <summary>
/// Executes x86-64 machine code against a bus. One instance per vCPU thread; it holds the cache of decoded instructions and no architectural state.
/// <para>
/// Each execution compares the code bytes in memory with the bytes that were decoded, so a write to code by anyone (the guest, another vCPU, the host)
/// is seen by the next instruction, and nothing has to track writes. A handler either retires or leaves the state as before the instruction:
/// an exit or a fault can always be followed by a new run from the same RIP.
/// </para>
/// </summary>
internal sealed unsafe partial class X86Interpreter
{
    /// <summary>The architectural limit of an instruction.</summary>
    public const int MaxInstructionLength = 15;

    private const int PageSize = 4096;
    private const int CacheBits = 13;
    private const int RipOffset = X86VcpuState.RipSlot * 8;
    private const int FlagsOffset = X86VcpuState.FlagsSlot * 8;
    private const int ZeroOffset = X86VcpuState.ZeroSlot * 8;
    private const int RaxOffset = 0;
    private const int RcxOffset = 8;
    private const int RdxOffset = 16;
    private const int RbxOffset = 24;
    private const int RspOffset = 32;
    private const int RbpOffset = 40;
    private const int RsiOffset = 48;
    private const int RdiOffset = 56;

    private readonly X86Insn[] _cacheMemory;
    private readonly X86Insn* _cache;
    private readonly X86Insn* _uncached;
    private readonly X86InsnDecoder _decoder = new();
    private readonly byte[] _errorBytes = new byte[MaxInstructionLength];

    private X86VcpuState _state = null!;
    private X86Bus _bus = null!;
    private X86Access _read;
    private X86Access _write;
    private X86Access _fetch;

    // The page of RIP: valid while rip - _fetchPage < _fetchLimit, which is zero when nothing is cached.
    private ulong _fetchPage;
    private ulong _fetchLimit;
    private byte* _fetchHost;

    private int _errorLength;
    private int _lastStep;
    private X86ExitKind _exit;

    private int _faultVector;
    private uint _faultCode;
    private ulong _faultAddress;

    public X86Interpreter()
    {
        // One entry more than the cache for what is not worth keeping, and one line to align to.
        _cacheMemory = GC.AllocateArray<X86Insn>((1 << CacheBits) + 2, pinned: true);
        nuint start = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_cacheMemory));
        _cache = (X86Insn*)((start + 63) & ~(nuint)63);
        _uncached = _cache + (1 << CacheBits);
        Forget();
    }

    /// <summary>Next RIP after a handler returned <see cref="X86Step.Jump"/>.</summary>
    public ulong Target { get; private set; }

    /// <summary>What the last <see cref="X86ExitKind.InternalError"/> was about.</summary>
    public X86InternalError Error { get; private set; }

    /// <summary>The bytes at RIP of the last <see cref="X86ExitKind.InternalError"/>.</summary>
    public ReadOnlySpan<byte> ErrorBytes => _errorBytes.AsSpan(0, _errorLength);

    /// <summary>Instructions decoded since construction: how often the cache missed.</summary>
    public long Decodes { get; private set; }

    /// <summary>Empties the cache of decoded instructions; never needed for correctness.</summary>
    public void Forget()
    {
        // An entry of a zeroed cache would match eight zero bytes, so each holds what those bytes decode to.
        byte* zeros = stackalloc byte[16];
        new Span<byte>(zeros, 16).Clear();
        _decoder.Decode(zeros, MaxInstructionLength, _uncached);
        for (int i = 0; i < 1 << CacheBits; i++)
            _cache[i] = *_uncached;
    }

    /// <summary>Instructions that the last <see cref="Run"/> executed.</summary>
    public long Executed { get; private set; }

    /// <summary>Runs at most <paramref name="maxInstructions"/> instructions (a chunk of a REP counts as one) from the state's RIP.</summary>
    public X86ExitKind Run(X86VcpuState state, X86Bus bus, long maxInstructions)
    {
        long budget = maxInstructions;
        X86ExitKind exit = RunWithin(state, bus, ref budget);
        Executed = maxInstructions - Math.Max(budget, 0);
        return exit;
    }

    /// <summary>Executes one instruction: the same core for an emulator that works for another vCPU engine, with its own bus.</summary>
    public X86ExitKind ExecuteOne(X86VcpuState state, X86Bus bus) => Run(state, bus, 1);

    private X86ExitKind RunWithin(X86VcpuState state, X86Bus bus, ref long budget)
    {
        _state = state;
        _bus = bus;
        LoadPrivilege();
        if (!state.Cs.IsLong || (state.Efer & X86Control.EferLma) == 0)
            return InternalError(X86InternalError.UnsupportedMode, null, 0);
        UpdateCoreAttention();
        while (true)
        {
            if (bus.Attention != X86Attention.None)
            {
                X86ExitKind exit = Attend(ref budget);
                if (exit != X86ExitKind.None)
                    return exit;
            }
            else
            {
                X86ExitKind exit = RunCore(ref budget, X86Attention.None);
                if (exit != X86ExitKind.None)
                    return exit;
            }
            if (budget <= 0)
                return X86ExitKind.Budget;
        }
    }

    private static uint CacheIndex(ulong rip) => (uint)(rip ^ (rip >> CacheBits)) & ((1u << CacheBits) - 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Matches(X86Insn* i, byte* p) =>
        ((*(ulong*)p ^ i->Low) << i->LowShift) == 0 && (i->Length <= 8 || ((*(ulong*)(p + 8) ^ i->High) << (128 - (8 * i->Length))) == 0);

    /// <summary>The loop. With <paramref name="ignored"/> bits set it executes past those attentions, which is how one instruction is stepped.</summary>
    /// <remarks>It is called seldom and runs long, so tiering would leave it in an unoptimised frame.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private X86ExitKind RunCore(ref long budgetLeft, X86Attention ignored)
    {
        byte* r = (byte*)_state.Regs;
        X86Bus bus = _bus;
        ulong rip = _state.Rip;
        long budget = budgetLeft;
        X86ExitKind exit = X86ExitKind.None;
        int step = X86Step.Next;

        while (budget > 0)
        {
            if ((bus.Attention & ~ignored) != X86Attention.None)
                break;
            X86Insn* i = _cache + CacheIndex(rip);
            ulong offset = rip - _fetchPage;
            *(ulong*)(r + RipOffset) = rip;
            budget--;
            if (offset < _fetchLimit)
            {
                byte* p = _fetchHost + offset;
                if (!Matches(i, p))
                    i = DecodeAt(p, i);
            }
            else
            {
                i = FetchSlow(rip, i, out step);
                if (i == null)
                    goto special;
            }

            step = i->Handler(this, i, r);
            if (step == X86Step.Next)
            {
                rip += i->Length;
                continue;
            }
            if (step == X86Step.Jump)
            {
                rip = Target;
                continue;
            }

            // A handler that jumps to itself in another step leaves here as well; nothing below is hot.
        special:
            if (step == X86Step.Again)
                continue;
            if (step == X86Step.Serialize)
            {
                rip = Target;
                LoadPrivilege();
                continue;
            }
            if (step == X86Step.Fault)
            {
                exit = DeliverFault();
                rip = *(ulong*)(r + RipOffset);
                if (exit == X86ExitKind.None)
                    continue;
            }
            else
            {
                exit = _exit;
                if (step == X86Step.RetireExit)
                    rip += i->Length;
            }
            break;
        }

        *(ulong*)(r + RipOffset) = rip;
        _lastStep = step;
        budgetLeft = budget;
        return exit;
    }

    /// <summary>The slow side of the loop: requests of the host, then one instruction with what must follow it.</summary>
    private X86ExitKind Attend(ref long budget)
    {
        X86Attention attention = _bus.Attention;
        if ((attention & (X86Attention.StaleFetch | X86Attention.Poll)) != 0)
        {
            _bus.Lower(attention & (X86Attention.StaleFetch | X86Attention.Poll));
            _fetchLimit = 0;
            if ((attention & X86Attention.Poll) != 0 && _bus.OnPoll(_state) != X86BusResult.Done)
                return X86ExitKind.Bus;
        }
        if ((attention & X86Attention.ExitRequested) != 0)
        {
            _bus.Lower(X86Attention.ExitRequested);
            return X86ExitKind.Bus;
        }
        if (_state.PendingDebugTrap)
        {
            X86ExitKind exit = Deliver(1, X86EventKind.Trap, 0, false);
            if (exit != X86ExitKind.None)
                return exit;
            _state.PendingDebugTrap = false;
            LoadPrivilege();
            UpdateCoreAttention();
        }
        if ((attention & X86Attention.InterruptWindow) != 0 && CanTakeInterrupt)
        {
            _bus.Lower(X86Attention.InterruptWindow);
            return X86ExitKind.InterruptWindow;
        }

        // The state may also have lost its reason for Core (the host wrote RFLAGS between runs).
        if ((attention & (X86Attention.Core | X86Attention.Completion | X86Attention.InterruptWindow)) == 0 || budget <= 0)
            return X86ExitKind.None;

        bool shadow = _state.InterruptShadow;
        bool trap = (_state.Rflags & X86Flags.Tf) != 0;
        _state.InterruptShadow = false;
        long one = 1;
        X86ExitKind result = RunCore(ref one, (X86Attention)(-1));
        budget -= 1 - one;
        if (_lastStep == X86Step.Exit)
        {
            _state.InterruptShadow = shadow;
            return result;
        }
        if ((attention & X86Attention.Completion) != 0)
        {
            _bus.Lower(X86Attention.Completion);
            _bus.OnRetired();
        }
        if (trap && _lastStep != X86Step.Fault)
        {
            _state.PendingDebugTrap = true;
            _state.Dr6 |= 1 << 14;
        }
        UpdateCoreAttention();
        return result;
    }

    private void UpdateCoreAttention()
    {
        bool want = _state.InterruptShadow || _state.PendingDebugTrap || (_state.Rflags & X86Flags.Tf) != 0;
        if (want != ((_bus.Attention & X86Attention.Core) != 0))
        {
            if (want)
                _bus.Raise(X86Attention.Core);
            else
                _bus.Lower(X86Attention.Core);
        }
    }

    private void LoadPrivilege()
    {
        X86Access user = _state.Cpl == 3 ? X86Access.User : X86Access.Read;
        _read = user;
        _write = user | X86Access.Write;
        _fetch = user | X86Access.Fetch;
        _fetchLimit = 0;
    }

    private X86Insn* DecodeAt(byte* p, X86Insn* into)
    {
        Decodes++;
        X86Decode result = _decoder.Decode(p, MaxInstructionLength, _uncached);
        if (result != X86Decode.Cacheable)
            return _uncached;
        *into = *_uncached;
        return into;
    }

    /// <summary>RIP is on a new page, near the end of one, or in something that is not plain memory. Null: a fault or an exit is in <paramref name="step"/>.</summary>
    private X86Insn* FetchSlow(ulong rip, X86Insn* i, out int step)
    {
        const int Span = 16;
        step = X86Step.Next;
        ulong page = rip & ~(ulong)(PageSize - 1);
        int offset = (int)(rip - page);
        byte* buffer = stackalloc byte[Span * 2];
        new Span<byte>(buffer, Span * 2).Clear();
        int have = Math.Min(PageSize - offset, MaxInstructionLength);

        byte* host = _bus.TryAccess(rip, 1, _fetch);
        if (host != null)
        {
            _fetchPage = page;
            _fetchHost = host - offset;
            _fetchLimit = PageSize - Span + 1;
            if (offset <= PageSize - Span)
                return Matches(i, host) ? i : DecodeAt(host, i);
            new Span<byte>(host, have).CopyTo(new Span<byte>(buffer, Span));
        }
        else
        {
            _fetchLimit = 0;
            X86BusResult result = _bus.ReadMemory(rip, buffer, have, _fetch);
            if (result != X86BusResult.Done)
            {
                step = FromBus(result, 13);
                return null;
            }
        }

        if (i->Length <= have && Matches(i, buffer))
            return i;
        Decodes++;
        X86Decode decode = _decoder.Decode(buffer, have, _uncached);
        if (decode == X86Decode.NeedMore && have < MaxInstructionLength)
        {
            // Only an instruction that really crosses may fault on the second page.
            X86BusResult result = _bus.ReadMemory(rip + (uint)have, buffer + have, MaxInstructionLength - have, _fetch);
            if (result != X86BusResult.Done)
            {
                step = FromBus(result, 13);
                return null;
            }
            decode = _decoder.Decode(buffer, MaxInstructionLength, _uncached);
        }
        if (decode != X86Decode.Cacheable)
            return _uncached;
        *i = *_uncached;
        return i;
    }

    private X86ExitKind InternalError(X86InternalError error, byte* bytes, int length)
    {
        Error = error;
        _errorLength = length;
        new ReadOnlySpan<byte>(bytes, length).CopyTo(_errorBytes);
        return X86ExitKind.InternalError;
    }

    private int ExitWithError(X86InternalError error, X86Insn* i)
    {
        byte* bytes = stackalloc byte[16];
        *(ulong*)bytes = i->Low;
        *(ulong*)(bytes + 8) = i->High;
        _exit = InternalError(error, bytes, i->Length);
        return X86Step.Exit;
    }

    private int Raise(int vector, uint code)
    {
        _faultVector = vector;
        _faultCode = code;
        return X86Step.Fault;
    }

    private int FromBus(X86BusResult result, int vectorOfGeneral)
    {
        switch (result)
        {
            case X86BusResult.PageFault:
                _faultAddress = _bus.FaultAddress;
                return Raise(14, _bus.FaultErrorCode);
            case X86BusResult.GeneralProtection:
                return Raise(vectorOfGeneral, 0);
            case X86BusResult.InvalidOpcode:
                return Raise(6, 0);
            case X86BusResult.NotCode:
                _exit = InternalError(X86InternalError.CodeNotInMemory, null, 0);
                return X86Step.Exit;
            default:
                _exit = X86ExitKind.Bus;
                return X86Step.Exit;
        }
    }
}
