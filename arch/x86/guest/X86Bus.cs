// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Arch.X86;

/// <summary>What an access wants. The low bits are those of the page-fault error code, so that a fault needs no translation.</summary>
[Flags]
internal enum X86Access : uint
{
    Read = 0,
    Write = 1 << 1,
    User = 1 << 2,
    Fetch = 1 << 4,

    /// <summary>The CPU's own access to a descriptor table, TSS or exception stack: supervisor at any CPL, and never excused by RFLAGS.AC.</summary>
    Implicit = 1 << 8,
}

/// <summary>Answer of a bus.</summary>
internal enum X86BusResult
{
    Done,

    /// <summary>#PF: <see cref="X86Bus.FaultAddress"/> and <see cref="X86Bus.FaultErrorCode"/> are filled.</summary>
    PageFault,

    /// <summary>#GP(0), or #SS(0) for a stack reference: a non-canonical address or a refused register value.</summary>
    GeneralProtection,

    /// <summary>#UD.</summary>
    InvalidOpcode,

    /// <summary>A fetch from something that is not memory.</summary>
    NotCode,

    /// <summary>Leave the guest. The instruction has not retired and is executed again from its start by the next run.</summary>
    Exit,
}

/// <summary>Why the fast loop of the interpreter must stop and look. Bits may be set from any thread by <see cref="X86Bus.Raise"/>.</summary>
[Flags]
internal enum X86Attention
{
    None = 0,

    /// <summary>The host page that instructions are fetched from must be translated again.</summary>
    StaleFetch = 1,

    /// <summary>Call <see cref="X86Bus.OnPoll"/> before the next instruction.</summary>
    Poll = 1 << 1,

    /// <summary>Leave the guest before the next instruction with <see cref="X86ExitKind.Bus"/>: how a posted device write ends a run.</summary>
    ExitRequested = 1 << 2,

    /// <summary>Leave with <see cref="X86ExitKind.InterruptWindow"/> as soon as the guest would take an external interrupt.</summary>
    InterruptWindow = 1 << 3,

    /// <summary>Answers of devices are kept for the instruction that is being executed again; drop them when it retires.</summary>
    Completion = 1 << 4,

    /// <summary>Set by the interpreter: an interrupt shadow, RFLAGS.TF or a pending #DB.</summary>
    Core = 1 << 5,
}

/// <summary>
/// Everything outside of the core: memory by guest virtual address, ports, model specific registers, CPUID, time. One bus belongs to one vCPU and is
/// called on the thread that runs it, except for <see cref="Raise"/>. Nothing here throws for control flow and nothing allocates.
/// </summary>
internal abstract unsafe class X86Bus
{
    private int _attention;

    /// <summary>Linear address of the last <see cref="X86BusResult.PageFault"/>.</summary>
    public ulong FaultAddress;

    /// <summary>Error code of the last <see cref="X86BusResult.PageFault"/>.</summary>
    public uint FaultErrorCode;

    public X86Attention Attention => (X86Attention)Volatile.Read(ref _attention);

    /// <summary>Asks the interpreter to look before its next instruction, and a REP loop before its next chunk. Any thread.</summary>
    public void Raise(X86Attention bits) => Interlocked.Or(ref _attention, (int)bits);

    public void Lower(X86Attention bits) => Interlocked.And(ref _attention, ~(int)bits);

    /// <summary>
    /// Host address of <paramref name="size"/> bytes at <paramref name="gva"/> when they lie in one page of plain memory that allows
    /// <paramref name="access"/>; null sends the caller to <see cref="ReadMemory"/> or <see cref="WriteMemory"/>, which say why.
    /// The pointer is good until the next call of any method of this bus. A page-walk or a host fault may run inside.
    /// </summary>
    public abstract byte* TryAccess(ulong gva, int size, X86Access access);

    /// <summary>
    /// The slow way for anything that <see cref="TryAccess"/> refused: reads 1..16 bytes across pages or from a device. <paramref name="access"/> carries
    /// <see cref="X86Access.Write"/> for the first half of a read-modify-write, which must then fault like a write; with <see cref="X86Access.Fetch"/> it reads code.
    /// </summary>
    public abstract X86BusResult ReadMemory(ulong gva, byte* destination, int size, X86Access access);

    /// <summary>Writes all bytes or none: both pages are checked first. A device write that needs a host exit is posted: Done now, then <see cref="X86Attention.ExitRequested"/>.</summary>
    public abstract X86BusResult WriteMemory(ulong gva, byte* source, int size, X86Access access);

    public abstract X86BusResult In(ushort port, int size, out uint value);

    public abstract X86BusResult Out(ushort port, int size, uint value);

    /// <summary>MSRs that the core does not keep itself. The result is Done, GeneralProtection or Exit.</summary>
    public virtual X86BusResult ReadMsr(uint index, out ulong value)
    {
        value = 0;
        return X86BusResult.GeneralProtection;
    }

    public virtual X86BusResult WriteMsr(uint index, ulong value) => X86BusResult.GeneralProtection;

    public abstract void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx);

    /// <summary>The guest's time stamp counter in ticks.</summary>
    public abstract ulong ReadTsc();

    /// <summary>The guest invalidates one linear page (INVLPG).</summary>
    public abstract void InvalidatePage(ulong gva);

    /// <summary>The guest changed CR0, CR3, CR4 or EFER; the new value is in the state already. <paramref name="keepTlb"/> is CR3's bit 63 with PCIDs on.</summary>
    public abstract void OnPagingChanged(X86VcpuState state, bool keepTlb);

    /// <summary>The guest's privilege level or RFLAGS.AC changed.</summary>
    public virtual void OnPrivilegeChanged(X86VcpuState state)
    {
    }

    /// <summary>A request by <see cref="X86Attention.Poll"/>: acknowledge shootdowns, take host work. Done goes on, Exit leaves the guest.</summary>
    public virtual X86BusResult OnPoll(X86VcpuState state) => X86BusResult.Done;

    /// <summary>The instruction that was executed again after an exit has retired or faulted; kept device answers are void.</summary>
    public virtual void OnRetired()
    {
    }

    /// <summary>PAUSE: the guest spins.</summary>
    public virtual void OnPause() => Thread.Yield();

    /// <summary>Guards 16-byte compare-and-exchange, for which the host language has no primitive. One lock per VM, shared by its vCPUs.</summary>
    public virtual Lock WideAtomicLock { get; init; } = new();
}

/// <summary>Why <see cref="X86Interpreter.Run"/> returned.</summary>
internal enum X86ExitKind
{
    None,

    /// <summary>The instruction budget is used up.</summary>
    Budget,

    /// <summary>The bus asked for it; the bus knows why.</summary>
    Bus,

    /// <summary>HLT retired; <see cref="X86VcpuState.Halted"/> is set.</summary>
    Halt,

    /// <summary>VMCALL or VMMCALL retired; arguments and result are in the registers.</summary>
    Hypercall,

    /// <summary>Triple fault.</summary>
    Shutdown,

    /// <summary><see cref="X86Attention.InterruptWindow"/> was set and the guest can take an interrupt now.</summary>
    InterruptWindow,

    /// <summary>The core cannot execute the instruction at RIP: see <see cref="X86Interpreter.Error"/> and <see cref="X86Interpreter.ErrorBytes"/>.</summary>
    InternalError,
}

/// <summary>What an <see cref="X86ExitKind.InternalError"/> is about.</summary>
internal enum X86InternalError
{
    None,

    /// <summary>A valid instruction that the core does not execute (SSE, x87, VMX, ...).</summary>
    UnsupportedInstruction,

    /// <summary>The code segment is not 64-bit, or long mode is off.</summary>
    UnsupportedMode,

    /// <summary>RIP points at a device.</summary>
    CodeNotInMemory,

    /// <summary>A LOCKed access that crosses a page, or that is misaligned on a host that has no misaligned atomics.</summary>
    SplitLock,
}
