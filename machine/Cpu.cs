// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;

namespace KvmSharp.Machine;

/// <summary>A function that runs on a CPU because another one asked for it. It runs with interrupts disabled and must not wait.</summary>
/// <param name="cpu">The CPU it runs on, as far as the model goes; the host thread may be the sender's.</param>
/// <param name="argument">What the sender passed.</param>
/// <param name="a">A number the sender passed.</param>
/// <param name="b">A second number.</param>
/// <param name="c">A third number.</param>
public delegate void IpiFunction(Cpu cpu, object? argument, ulong a, ulong b, ulong c);

/// <summary>What a CPU is doing, as far as other CPUs may borrow it.</summary>
public enum CpuState
{
    /// <summary>Idle, or its task is in user mode or blocked: a sender may run a function on it.</summary>
    Parked,

    /// <summary>Owned by a thread, which takes interrupts when it polls.</summary>
    Running,

    /// <summary>Parked, and a sender is running a function on it right now.</summary>
    Borrowed,
}

/// <summary>The guest that a CPU translates for: the roots of both stages and the tag of its entries in the guest TLB.</summary>
public sealed class GuestAddressSpace
{
    /// <summary>Makes the address space of a virtual CPU.</summary>
    /// <param name="vm">The number of the virtual machine, 0 to 65535.</param>
    /// <param name="stage2">The format of the second stage.</param>
    public GuestAddressSpace(uint vm, PageTableFormat stage2)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vm, 0xffffu);
        Vm = vm;
        Stage2 = stage2;
    }

    /// <summary>Gets the number of the virtual machine.</summary>
    public uint Vm { get; }

    /// <summary>Gets or sets the format of the second stage.</summary>
    public PageTableFormat Stage2 { get; set; }

    /// <summary>Gets or sets the physical address of the second stage's root.</summary>
    public ulong Stage2Root { get; set; }

    /// <summary>Gets or sets the format of the guest's own tables; null while the guest runs without paging.</summary>
    public PageTableFormat? Stage1 { get; set; }

    /// <summary>Gets or sets the guest-physical address of the guest's root.</summary>
    public ulong Root { get; set; }

    /// <summary>Gets or sets the guest-physical address of the guest's root for the upper half (arm64).</summary>
    public ulong UpperRoot { get; set; }

    /// <summary>Gets or sets the guest's ASID, 0 to 65535. Two guest address spaces that are alive together need two numbers, or a flush.</summary>
    public uint Asid { get; set; }

    /// <summary>Gets the tag in the guest TLB.</summary>
    public uint Space => (Vm << Tlb.SpaceBits) | (Asid & 0xffff);
}

/// <summary>
/// One CPU: registers, TLBs, events, a clock. Everything but <see cref="State"/>, <see cref="Events"/>, <see cref="Clock"/> and the
/// auditors' views of the TLBs belongs to the thread that acquired the CPU.
/// </summary>
public sealed unsafe class Cpu
{
    private const int CallBlocks = 4;

    private readonly long* _counts;
    private readonly long* _prices;
    private readonly CallBlock[] _blocks = new CallBlock[CallBlocks];
    private readonly CallQueue _interruptQueue = new();
    private readonly CallQueue _broadcastQueue = new();
    private long _clock;
    private int _state;
    private int _pending;
    private bool _interruptsEnabled = true;

    internal Cpu(Machine machine, int id, byte* storage, long* prices)
    {
        Machine = machine;
        Id = id;
        _counts = (long*)storage;
        _prices = prices;
        Events = new EventCounters(_counts);
        storage += 4096;
        int entries = machine.Config.TlbEntries;
        int spaces = HostSpaces(machine.Config);
        Tlb = new Tlb(storage, machine.Memory, entries, spaces, false);
        storage += Tlb.StorageBytes(entries, spaces, false);
        GuestTlb = new Tlb(storage, machine.Memory, entries, GuestSpaces, true);
        for (int i = 0; i < CallBlocks; i++)
            _blocks[i] = new CallBlock();
    }

    /// <summary>Gets the machine.</summary>
    public Machine Machine { get; }

    /// <summary>Gets the number of the CPU, from 0.</summary>
    public int Id { get; }

    /// <summary>Gets the cache of translations of the host's own addresses.</summary>
    public Tlb Tlb { get; }

    /// <summary>Gets the cache of combined translations of guest addresses.</summary>
    public Tlb GuestTlb { get; }

    /// <summary>Gets the counts of events.</summary>
    public EventCounters Events { get; }

    /// <summary>Gets the clock in picoseconds. It starts at 0 and never goes back.</summary>
    public long Clock => Volatile.Read(ref _clock);

    /// <summary>Gets the state; a moment's view when read by another thread.</summary>
    public CpuState State => (CpuState)Volatile.Read(ref _state);

    /// <summary>Gets a value indicating whether interrupts are taken at polls.</summary>
    public bool InterruptsEnabled => _interruptsEnabled;

    /// <summary>Gets a value indicating whether some other CPU waits for this one to poll.</summary>
    public bool InterruptPending => Volatile.Read(ref _pending) != 0;

    /// <summary>Gets or sets the physical address of the root table (CR3; TTBR0). Setting it alone invalidates nothing.</summary>
    public ulong Root { get; set; }

    /// <summary>Gets or sets the physical address of the root table of the upper half (TTBR1). Not used on x86.</summary>
    public ulong KernelRoot { get; set; }

    /// <summary>Gets or sets the current address-space identifier (PCID; ASID). Setting it alone invalidates nothing.</summary>
    public uint Asid
    {
        get => Tlb.Space;
        set => Tlb.Space = value;
    }

    /// <summary>
    /// Gets or sets what a sender calls, on its own thread, after it has asked this CPU for something; null for nothing. It lets a loop that
    /// runs guest code look up from a flag of its own rather than poll for each instruction. It must not block and may come late.
    /// </summary>
    public Action? Kick { get; set; }

    internal static int GuestSpaces => 1024;

    /// <summary>Counts an event and pays for it. Only the owner may call it.</summary>
    /// <param name="e">The event.</param>
    /// <param name="n">How many.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Count(HwEvent e, long n = 1)
    {
        _counts[(int)e] += n;
        _clock += _prices[(int)e] * n;
    }

    /// <summary>Lets time pass without an event.</summary>
    /// <param name="ps">Picoseconds, not negative.</param>
    public void Advance(long ps)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ps);
        _clock += ps;
    }

    /// <summary>Brings the clock up to a time that it cannot be before: that of an event on another CPU which this one waited for.</summary>
    /// <param name="ps">The time.</param>
    public void AdvanceTo(long ps) => _clock = Math.Max(_clock, ps);

    /// <summary>Loads another address space. Counts a context switch.</summary>
    /// <param name="root">The physical address of its root table.</param>
    /// <param name="asid">Its identifier. 0 to 4095 on x86 (only 0 without process-context identifiers), 0 to 65535 on arm64.</param>
    /// <param name="keep">Whether entries of that identifier stay; x86 without the feature drops all non-global entries whatever is asked.</param>
    public void LoadAddressSpace(ulong root, uint asid, bool keep)
    {
        uint limit = Machine.AsidLimit;
        if (asid >= limit)
            throw new MachineException($"address-space identifier {asid} is not below {limit}");
        Count(HwEvent.ContextSwitch);
        Root = root;
        Tlb.Space = asid;
        if (Machine.Config.Isa == Isa.X86_64 && limit == 1)
            Tlb.InvalidateNonGlobal();
        else if (!keep)
            Tlb.InvalidateSpace(asid);
    }

    /// <summary>Translates an address of the host: from the TLB, else by a walk that fills it. Polls for interrupts first.</summary>
    /// <param name="va">Virtual byte address.</param>
    /// <param name="kind">The access.</param>
    /// <param name="pa">The physical byte address, on success.</param>
    /// <param name="fault">Why not, otherwise; not written on success.</param>
    /// <returns>Whether the access is allowed. A failure counts as a page fault.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslate(ulong va, AccessKind kind, out ulong pa, out WalkFault fault)
    {
        Poll();
        if (Tlb.TryLookup(va, kind, out pa))
        {
            _counts[(int)HwEvent.TlbHit]++;
            Unsafe.SkipInit(out fault);
            return true;
        }

        return Miss(va, kind, out pa, out fault);
    }

    /// <summary>Translates an address and gives the host address of the byte, good to the end of the 4 KiB page and until the next poll.</summary>
    /// <param name="va">Virtual byte address.</param>
    /// <param name="kind">The access.</param>
    /// <param name="fault">Why not; not written on success.</param>
    /// <returns>The pointer, or null. A translation to an address that is not RAM is a fault with cause Bus.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* TryAccess(ulong va, AccessKind kind, out WalkFault fault)
    {
        Poll();
        if (Tlb.TryLookup(va, (AccessKind)((uint)kind | Tlb.RamBit), out ulong pa))
        {
            _counts[(int)HwEvent.TlbHit]++;
            Unsafe.SkipInit(out fault);
            return Machine.Memory.Host(pa);
        }

        return AccessSlow(va, kind, out fault);
    }

    /// <summary>Fills the TLB for an address as speculation may at any time: no fault, no dirty bit.</summary>
    /// <param name="va">Virtual byte address.</param>
    /// <returns>Whether there is a translation.</returns>
    public bool Speculate(ulong va)
    {
        Poll();
        return Tlb.TryLookup(va, AccessKind.Any, out _) || Fill(va, AccessKind.Any, out _, out _);
    }

    /// <summary>Translates an address of a guest through both stages: from the guest TLB, else by walks that fill it.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="gva">Guest-virtual byte address.</param>
    /// <param name="kind">The access.</param>
    /// <param name="pa">The physical byte address, on success.</param>
    /// <param name="fault">Why not, otherwise; not written on success. Causes Stage2 and Stage2Walk are the hypervisor's, all others the guest's.</param>
    /// <returns>Whether the access is allowed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslateGuest(GuestAddressSpace guest, ulong gva, AccessKind kind, out ulong pa, out WalkFault fault)
    {
        Poll();
        GuestTlb.Space = guest.Space;
        if (GuestTlb.TryLookup(gva, kind, out pa))
        {
            _counts[(int)HwEvent.GuestTlbHit]++;
            Unsafe.SkipInit(out fault);
            return true;
        }

        return GuestMiss(guest, gva, kind, out pa, out fault);
    }

    /// <summary>Drops the translations of one page in the current address space and among the globals.</summary>
    /// <param name="va">Virtual byte address.</param>
    public void FlushPage(ulong va)
    {
        Count(HwEvent.TlbFlushLocalPage);
        Tlb.InvalidatePage(va, Tlb.Space);
    }

    /// <summary>Drops the translations of a range, page by page, in the current address space and among the globals.</summary>
    /// <param name="va">First virtual byte address.</param>
    /// <param name="length">Bytes.</param>
    public void FlushRange(ulong va, ulong length) => FlushRange(va, length, Tlb.Space, false);

    /// <summary>Drops the non-global translations of one address space.</summary>
    /// <param name="asid">Its identifier.</param>
    public void FlushAsid(uint asid)
    {
        Count(HwEvent.TlbFlushLocalAsid);
        Tlb.InvalidateSpace(asid);
    }

    /// <summary>Drops all non-global translations.</summary>
    public void FlushNonGlobal()
    {
        Count(HwEvent.TlbFlushLocalAll);
        Tlb.InvalidateNonGlobal();
    }

    /// <summary>Drops all translations of the host, globals included.</summary>
    public void FlushAll()
    {
        Count(HwEvent.TlbFlushLocalAll);
        Tlb.InvalidateAll();
    }

    /// <summary>Drops all translations of one virtual machine.</summary>
    /// <param name="vm">Its number.</param>
    public void FlushGuest(uint vm)
    {
        Count(HwEvent.TlbFlushLocalGuest);
        GuestTlb.InvalidateGroup(vm);
    }

    /// <summary>Takes the CPU for the calling thread, if it is parked. Waits out a sender that borrows it.</summary>
    /// <returns>Whether the thread owns it now.</returns>
    public bool TryAcquire()
    {
        SpinWait spin = default;
        while (true)
        {
            int was = Interlocked.CompareExchange(ref _state, (int)CpuState.Running, (int)CpuState.Parked);
            if (was == (int)CpuState.Parked)
                return true;
            if (was == (int)CpuState.Running)
                return false;
            spin.SpinOnce(-1);
        }
    }

    /// <summary>Runs what other CPUs asked for and parks.</summary>
    /// <exception cref="MachineException">The CPU is not owned, or has interrupts disabled: nobody could reach it.</exception>
    public void Release()
    {
        if (Volatile.Read(ref _state) != (int)CpuState.Running)
            throw new MachineException($"CPU {Id} is released but nobody owns it");
        if (!_interruptsEnabled)
            throw new MachineException($"CPU {Id} is parked with interrupts disabled: no other CPU could ever interrupt it");
        do
        {
            Poll();
            Interlocked.Exchange(ref _state, (int)CpuState.Parked);
        }
        while (Volatile.Read(ref _pending) != 0
            && Interlocked.CompareExchange(ref _state, (int)CpuState.Running, (int)CpuState.Parked) == (int)CpuState.Parked);
    }

    /// <summary>Stops taking interrupts at polls. Hardware broadcasts still act. Nesting is the caller's business.</summary>
    public void DisableInterrupts() => _interruptsEnabled = false;

    /// <summary>Takes interrupts again, and those that wait at once.</summary>
    public void EnableInterrupts()
    {
        _interruptsEnabled = true;
        Poll();
    }

    /// <summary>Runs what other CPUs asked for, if anything. One read when there is nothing. Every loop that waits for another CPU must call it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Poll()
    {
        if (Volatile.Read(ref _pending) != 0)
            Service();
    }

    internal static int HostSpaces(MachineConfig config) => config.Isa == Isa.X86_64 ? 4096 : 65536;

    internal static ulong StorageBytes(MachineConfig config) =>
        4096 + Tlb.StorageBytes(config.TlbEntries, HostSpaces(config), false) + Tlb.StorageBytes(config.TlbEntries, GuestSpaces, true);

    internal void FlushRange(ulong va, ulong length, uint space, bool allSpaces)
    {
        if (length == 0)
            return;
        Count(HwEvent.TlbFlushLocalPage, (long)(((va + length - 1) >> 12) - (va >> 12) + 1));
        if (allSpaces)
            Tlb.InvalidateRangeAllSpaces(va, length);
        else
            Tlb.InvalidateRange(va, length, space);
    }

    // Interrupts off for good measure: a block is prepared and queued by its owner alone.
    internal CallBlock TakeBlock()
    {
        SpinWait spin = default;
        while (true)
        {
            foreach (CallBlock b in _blocks)
            {
                if (Volatile.Read(ref b.Outstanding) == 0)
                    return b;
            }

            Poll();
            for (int i = 0; i < Machine.CpuCount; i++)
                Machine.CpuAt(i).BorrowAndServe(this);
            WaitStep(ref spin);
        }
    }

    internal void WaitStep(ref SpinWait spin)
    {
        if (Machine.Hook is { } hook)
            hook.WaitForAcks(this);
        else
            spin.SpinOnce(-1);
    }

    internal void Enqueue(CallBlock block)
    {
        (block.Broadcast ? _broadcastQueue : _interruptQueue).Enqueue(block);
        Interlocked.Increment(ref _pending);
        Kick?.Invoke();
    }

    // Runs the requests of a parked CPU on the calling thread.
    internal bool BorrowAndServe(Cpu runner)
    {
        bool borrowed = false;
        while (Volatile.Read(ref _pending) != 0)
        {
            if (Volatile.Read(ref _state) != (int)CpuState.Parked)
                break;
            Machine.Hook?.BeforeAck(this, runner);
            if (Interlocked.CompareExchange(ref _state, (int)CpuState.Borrowed, (int)CpuState.Parked) != (int)CpuState.Parked)
                break;
            borrowed = true;
            try
            {
                Drain(false);
            }
            finally
            {
                Interlocked.Exchange(ref _state, (int)CpuState.Parked);
            }
        }

        return borrowed;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Service() => Drain(true);

    private void Drain(bool hook)
    {
        while (Volatile.Read(ref _pending) != 0)
        {
            if (hook && (_broadcastQueue.Count != 0 || _interruptsEnabled))
                Machine.Hook?.BeforeAck(this, this);
            CallBlock? b = _broadcastQueue.Dequeue();
            if (b is null && _interruptsEnabled)
                b = _interruptQueue.Dequeue();
            if (b is null)
                return;
            Interlocked.Decrement(ref _pending);
            Serve(b);
        }
    }

    private void Serve(CallBlock b)
    {
        bool enabled = _interruptsEnabled;
        _interruptsEnabled = false;
        try
        {
            if (!b.Broadcast)
            {
                AdvanceTo(b.SentPs);
                Count(HwEvent.IpiReceived);
            }

            b.Function!(this, b.Argument, b.A, b.B, b.C);
        }
        finally
        {
            _interruptsEnabled = enabled;
            b.Acknowledge(_clock);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Miss(ulong va, AccessKind kind, out ulong pa, out WalkFault fault)
    {
        Count(HwEvent.TlbMiss);
        if (Fill(va, kind, out pa, out fault))
            return true;

        // A fault drops what the TLB had for the page, so that a handler which widens rights need not flush.
        Tlb.InvalidatePage(va, Tlb.Space);
        Count(HwEvent.PageFault);
        return false;
    }

    private bool Fill(ulong va, AccessKind kind, out ulong pa, out WalkFault fault)
    {
        PageTableFormat format = Machine.Stage1;
        while (true)
        {
            ulong root = format.RootFor(va, Root, KernelRoot);
            bool found = format.Walk(root, va, kind, true, out WalkResult r);
            Count(HwEvent.PageTableWalk);
            Count(HwEvent.WalkStep, r.Steps);
            fault = r.Fault;
            pa = r.Physical;
            if (!found)
                return false;
            Tlb.Insert(va, r.Physical, r.Shift, r.Permissions);

            // An auditor that changes the entry and then looks into TLBs either finds what was inserted, or its change is seen here.
            Interlocked.MemoryBarrier();
            if (Same(format, r.EntryAddress, r.Entry))
                return true;
            Tlb.InvalidatePage(va, Tlb.Space);
        }
    }

    private bool Same(PageTableFormat format, ulong entryAddress, ulong entry) =>
        ((Volatile.Read(ref *(ulong*)Machine.Memory.Host(entryAddress)) ^ entry) & ~format.HardwareBits) == 0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private byte* AccessSlow(ulong va, AccessKind kind, out WalkFault fault)
    {
        if (!TryTranslate(va, kind, out ulong pa, out fault))
            return null;
        if (Machine.Memory.IsRam(pa & ~0xffful, 4096))
            return Machine.Memory.Host(pa);
        fault = new WalkFault(va, kind, FaultCause.Bus, 1, 0, 0);
        return null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool GuestMiss(GuestAddressSpace guest, ulong gva, AccessKind kind, out ulong pa, out WalkFault fault)
    {
        Count(HwEvent.GuestTlbMiss);
        PageTableFormat second = guest.Stage2;
        while (true)
        {
            int shift = 30;
            TlbPermissions can = (TlbPermissions)~0u & ~TlbPermissions.Global;
            ulong gpa = gva;
            if (guest.Stage1 is { } first)
            {
                ulong root = first.RootFor(gva, guest.Root, guest.UpperRoot);
                bool found = first.WalkNested(second, guest.Stage2Root, root, gva, kind, true, out WalkResult r1);
                Count(HwEvent.PageTableWalk);
                Count(HwEvent.WalkStep, r1.Steps);
                if (!found)
                {
                    Count(r1.Fault.Cause == FaultCause.Stage2Walk ? HwEvent.TdpFault : HwEvent.PageFault);
                    fault = r1.Fault;
                    pa = 0;
                    return false;
                }

                gpa = r1.Physical;
                shift = r1.Shift;
                can &= r1.Permissions;
            }

            bool mapped = second.Walk(guest.Stage2Root, gpa, kind, true, out WalkResult r2);
            Count(HwEvent.PageTableWalk);
            Count(HwEvent.WalkStep, r2.Steps);
            if (!mapped)
            {
                Count(HwEvent.TdpFault);
                fault = new WalkFault(new WalkFault(gva, kind, FaultCause.Stage2, r2.Fault.Level, r2.EntryAddress, r2.Entry), FaultCause.Stage2, gpa, r2.Fault.Cause);
                pa = 0;
                return false;
            }

            pa = r2.Physical;
            GuestTlb.Insert(gva, pa, Math.Min(shift, r2.Shift), can & r2.Permissions);
            Interlocked.MemoryBarrier();
            if (Same(second, r2.EntryAddress, r2.Entry))
            {
                Unsafe.SkipInit(out fault);
                return true;
            }

            GuestTlb.InvalidatePage(gva, guest.Space);
        }
    }
}
