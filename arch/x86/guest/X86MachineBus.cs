// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;

namespace KvmSharp.Arch.X86;

/// <summary>Why the second stage stopped an access of the guest: what a processor reports as an EPT violation, or as a nested page fault.</summary>
internal struct X86Stage2Fault
{
    public ulong Gpa;

    /// <summary>The linear address whose translation or access it was.</summary>
    public ulong Gva;
    public FaultCause Cause;
    public X86Access Access;

    /// <summary>It hit a page-table entry of the guest, not the page itself.</summary>
    public bool InWalk;
}

/// <summary>
/// The bus of a vCPU that runs on a simulated CPU: each fetch, load and store goes through both stages and the CPU's guest TLB, and takes the CPU's
/// interrupts. Whatever the second stage refuses, memory that is not there yet and devices alike, leaves the guest with <see cref="Violation"/>; the
/// hypervisor maps a page and runs again, or emulates the instruction with <see cref="X86Interpreter.ExecuteOne"/> on a bus of its own.
/// <para>
/// CR3 writes drop all entries of the vCPU's space: PCIDs of the guest are accepted and cache nothing. Two vCPUs need two spaces.
/// </para>
/// </summary>
internal abstract unsafe class X86MachineBus : X86Bus
{
    private const int PageSize = 4096;
    private const CpuFeatures Basic = CpuFeatures.X86Pse | CpuFeatures.X86Gbpages | CpuFeatures.X86Pge;

    private readonly X86VcpuState _state;
    private readonly GuestAddressSpace _guest;
    private readonly Action _kick;
    private readonly PageTableFormat?[] _formats = new PageTableFormat?[8];
    private Cpu _cpu = null!;
    private ulong _generation;

    protected X86MachineBus(X86VcpuState state, GuestAddressSpace guest)
    {
        _state = state;
        _guest = guest;
        _kick = () => Raise(X86Attention.Poll);
    }

    /// <summary>The last refusal of the second stage; valid when a run ended with <see cref="X86ExitKind.Bus"/> and <see cref="HasViolation"/>.</summary>
    public X86Stage2Fault Violation { get; private set; }

    public bool HasViolation { get; set; }

    public Cpu Cpu => _cpu;

    /// <summary>Before a run, on the thread that owns <paramref name="cpu"/>. A CPU that the vCPU was not on last forgets its translations.</summary>
    public void EnterGuest(Cpu cpu)
    {
        if (!ReferenceEquals(_cpu, cpu))
            cpu.GuestTlb.InvalidateSpace(_guest.Space);
        _cpu = cpu;
        HasViolation = false;
        LoadPaging();
        cpu.Kick = _kick;
        Raise(X86Attention.Poll | X86Attention.StaleFetch);
    }

    /// <summary>After a run, before the CPU is given up.</summary>
    public void LeaveGuest() => _cpu.Kick = null;

    public override byte* TryAccess(ulong gva, int size, X86Access access)
    {
        if (((uint)gva & (PageSize - 1)) + (uint)size > PageSize)
            return null;
        return Resolve(gva, access, out byte* host) == X86BusResult.Done ? host : null;
    }

    public override X86BusResult ReadMemory(ulong gva, byte* destination, int size, X86Access access)
    {
        int first = Math.Min(size, PageSize - (int)(gva & (PageSize - 1)));
        X86BusResult result = Resolve(gva, access, out byte* host);
        if (result != X86BusResult.Done)
            return result;
        Unsafe.CopyBlockUnaligned(destination, host, (uint)first);
        if (first == size)
            return X86BusResult.Done;
        result = Resolve(gva + (uint)first, access, out host);
        if (result == X86BusResult.Done)
            Unsafe.CopyBlockUnaligned(destination + first, host, (uint)(size - first));
        return result;
    }

    public override X86BusResult WriteMemory(ulong gva, byte* source, int size, X86Access access)
    {
        int first = Math.Min(size, PageSize - (int)(gva & (PageSize - 1)));
        X86BusResult result = X86BusResult.Done;
        byte* host;
        if (first < size)
        {
            // The second page must be there before the first is written; it may go again in between, so it is asked for once more below.
            result = Resolve(gva + (uint)first, access, out host);
            if (result != X86BusResult.Done)
                return result;
        }
        result = Resolve(gva, access, out host);
        if (result != X86BusResult.Done)
            return result;
        Unsafe.CopyBlockUnaligned(host, source, (uint)first);
        if (first == size)
            return X86BusResult.Done;
        result = Resolve(gva + (uint)first, access, out host);
        if (result == X86BusResult.Done)
            Unsafe.CopyBlockUnaligned(host, source + first, (uint)(size - first));
        return result;
    }

    public override void InvalidatePage(ulong gva)
    {
        _cpu.GuestTlb.InvalidatePage(gva, _guest.Space);
        Raise(X86Attention.StaleFetch);
    }

    public override void OnPagingChanged(X86VcpuState state, bool keepTlb)
    {
        LoadPaging();
        _cpu.GuestTlb.InvalidateSpace(_guest.Space);
        Raise(X86Attention.StaleFetch);
    }

    /// <summary>Takes the CPU's interrupts. An heir that has work of its own at a poll calls this first.</summary>
    public override X86BusResult OnPoll(X86VcpuState state)
    {
        _cpu.Poll();
        _generation = _cpu.GuestTlb.Generation;
        return X86BusResult.Done;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static AccessKind KindOf(X86Access access, bool user)
    {
        if ((access & X86Access.Fetch) != 0)
            return user ? AccessKind.UserExecute : AccessKind.KernelExecute;
        if ((access & X86Access.Write) != 0)
            return user ? AccessKind.UserWrite : AccessKind.KernelWrite;
        return user ? AccessKind.UserRead : AccessKind.KernelRead;
    }

    private void LoadPaging()
    {
        _guest.Root = _state.Cr3 & X86GuestWalker.AddressMask;
        _guest.Stage1 = null;
        if (!_state.Paging)
            return;
        int nx = (_state.Efer & X86Control.EferNxe) != 0 ? 1 : 0;
        int smep = (_state.Cr4 & X86Control.Cr4Smep) != 0 ? 2 : 0;
        int smap = (_state.Cr4 & X86Control.Cr4Smap) != 0 ? 4 : 0;
        ref PageTableFormat? format = ref _formats[nx | smep | smap];
        format ??= new X86PageTables(
            _guest.Stage2.Memory,
            Basic | (nx != 0 ? CpuFeatures.X86Nx : 0) | (smep != 0 ? CpuFeatures.X86Smep : 0) | (smap != 0 ? CpuFeatures.X86Smap : 0));
        _guest.Stage1 = format;
    }

    private bool Translate(ulong gva, AccessKind kind, out byte* host, out WalkFault fault)
    {
        bool found = _cpu.TryTranslateGuest(_guest, gva, kind, out ulong pa, out fault);

        // The poll inside may have acknowledged a shootdown of the page that instructions come from.
        if (_cpu.GuestTlb.Generation != _generation)
        {
            _generation = _cpu.GuestTlb.Generation;
            Raise(X86Attention.StaleFetch);
        }
        host = found ? _cpu.Machine.Memory.Host(pa) : null;
        return found;
    }

    private X86BusResult Resolve(ulong gva, X86Access access, out byte* host)
    {
        bool user = (access & X86Access.User) != 0;
        return Translate(gva, KindOf(access, user), out host, out WalkFault fault) ? X86BusResult.Done : Refuse(gva, access, user, in fault, out host);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private X86BusResult Refuse(ulong gva, X86Access access, bool user, in WalkFault first, out byte* host)
    {
        WalkFault fault = first;
        host = null;
        if (fault.Cause == FaultCause.Permission && !user && (access & X86Access.Fetch) == 0)
        {
            // RFLAGS.AC lets explicit supervisor accesses use the rights of user code on user pages.
            if ((_state.Cr4 & X86Control.Cr4Smap) != 0 && (_state.Rflags & X86Flags.Ac) != 0 && (access & X86Access.Implicit) == 0 &&
                Translate(gva, KindOf(access, user: true), out host, out WalkFault excused))
                return X86BusResult.Done;
            if ((access & X86Access.Write) != 0 && (_state.Cr0 & X86Control.Cr0Wp) == 0)
                return WriteUnprotected(gva, access, out host);
        }
        switch (fault.Cause)
        {
            case FaultCause.NonCanonical:
                return X86BusResult.GeneralProtection;
            case FaultCause.Stage2:
            case FaultCause.Stage2Walk:
                return Violate(gva, fault.Stage2Address, fault.Stage2Cause, access, fault.Cause == FaultCause.Stage2Walk);
            case FaultCause.Bus:
                return Violate(gva, fault.EntryAddress, fault.Cause, access, inWalk: true);
            default:
                FaultAddress = gva;
                FaultErrorCode = (fault.X86ErrorCode & (X86GuestWalker.ErrorPresent | X86GuestWalker.ErrorReserved)) |
                    (uint)(access & (X86Access.Write | X86Access.User));
                if ((access & X86Access.Fetch) != 0 &&
                    ((_state.Efer & X86Control.EferNxe) != 0 || (_state.Cr4 & X86Control.Cr4Smep) != 0))
                    FaultErrorCode |= (uint)X86Access.Fetch;
                return X86BusResult.PageFault;
        }
    }

    /// <summary>CR0.WP is clear: the supervisor writes to what it may read. Such a translation is not cached.</summary>
    private X86BusResult WriteUnprotected(ulong gva, X86Access access, out byte* host)
    {
        host = null;
        ulong gpa = gva;
        if (_guest.Stage1 is { } stage1)
        {
            if (!stage1.WalkNested(_guest.Stage2, _guest.Stage2Root, _guest.Root, gva, AccessKind.KernelRead, true, out WalkResult read))
            {
                if (read.Fault.Cause == FaultCause.Stage2Walk)
                    return Violate(gva, read.Fault.Stage2Address, read.Fault.Stage2Cause, access, inWalk: true);
                FaultAddress = gva;
                FaultErrorCode = (read.Fault.X86ErrorCode & X86GuestWalker.ErrorPresent) | (uint)X86Access.Write;
                return X86BusResult.PageFault;
            }
            gpa = read.Physical;
        }
        if (!_guest.Stage2.Walk(_guest.Stage2Root, gpa, AccessKind.KernelWrite, true, out WalkResult write))
            return Violate(gva, gpa, write.Fault.Cause, access, inWalk: false);
        host = _cpu.Machine.Memory.Host(write.Physical);
        return X86BusResult.Done;
    }

    private X86BusResult Violate(ulong gva, ulong gpa, FaultCause cause, X86Access access, bool inWalk)
    {
        Violation = new X86Stage2Fault { Gpa = gpa, Gva = gva, Cause = cause, Access = access, InWalk = inWalk };
        HasViolation = true;
        return X86BusResult.Exit;
    }
}
