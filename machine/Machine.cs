// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine;

/// <summary>What a shootdown drops.</summary>
public enum ShootdownKind
{
    /// <summary>The pages of a range, in one address space and among the globals.</summary>
    Range,

    /// <summary>The pages of a range in every address space and among the globals.</summary>
    RangeAllSpaces,

    /// <summary>All non-global entries of one address space.</summary>
    Asid,

    /// <summary>All non-global entries.</summary>
    NonGlobal,

    /// <summary>Everything of the host.</summary>
    All,

    /// <summary>Everything of one virtual machine (its number is given in place of the address-space identifier).</summary>
    Guest,
}

/// <summary>
/// The silicon: RAM and CPUs. Several machines live side by side in one process. Nothing here knows an operating system.
/// </summary>
public sealed unsafe class Machine : IDisposable
{
    private static readonly IpiFunction Flush = FlushHere;
    private static readonly IpiFunction Invalidate = InvalidateHere;

    private readonly NativeRegion _cpuStorage;
    private readonly Cpu[] _cpus;
    private readonly CpuSet _allCpus;
    private bool _disposed;

    /// <summary>Builds a machine. Costs a few reservations of address space; memory is committed as it is touched.</summary>
    /// <param name="config">What it is made of.</param>
    /// <exception cref="ArgumentException">A field of the configuration is out of range.</exception>
    /// <exception cref="MachineOutOfMemoryException">The host refuses the address space.</exception>
    public Machine(MachineConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Config = config with { Costs = config.Costs, Features = config.Features };
        Memory = new PhysicalMemory(config.Isa, config.MemoryBytes, config.HostHugePages);
        try
        {
            ulong stride = Cpu.StorageBytes(Config);
            _cpuStorage = new NativeRegion(4096 + (stride * (ulong)config.Cpus), "CPU state");
            try
            {
                long* prices = (long*)_cpuStorage.Base;
                Config.Costs.Prices.CopyTo(new Span<long>(prices, EventCounters.Stride));
                bool x86 = config.Isa == Isa.X86_64;
                Stage1 = x86 ? new X86PageTables(Memory, Config.Features) : new Arm64PageTables(Memory, Config.Features);
                Stage2 = x86 ? new X86Ept(Memory, Config.Features) : new Arm64Stage2(Memory, Config.Features);
                _cpus = new Cpu[config.Cpus];
                for (int i = 0; i < _cpus.Length; i++)
                    _cpus[i] = new Cpu(this, i, _cpuStorage.Base + 4096 + (stride * (ulong)i), prices);
                _allCpus = CpuSet.FirstN(_cpus.Length);
                Exposure = new ExposureLedger(this);
            }
            catch
            {
                _cpuStorage.Dispose();
                throw;
            }
        }
        catch
        {
            Memory.Dispose();
            throw;
        }
    }

    /// <summary>Gets what the machine is made of.</summary>
    public MachineConfig Config { get; }

    /// <summary>Gets the RAM.</summary>
    public PhysicalMemory Memory { get; }

    /// <summary>Gets the CPUs, in the order of their numbers.</summary>
    public ReadOnlySpan<Cpu> Cpus => _cpus;

    /// <summary>Gets the number of CPUs.</summary>
    public int CpuCount => _cpus.Length;

    /// <summary>Gets the set of all CPUs.</summary>
    public ref readonly CpuSet AllCpus => ref _allCpus;

    /// <summary>Gets the walker of the host's own tables.</summary>
    public PageTableFormat Stage1 { get; }

    /// <summary>Gets the walker of second-stage tables.</summary>
    public PageTableFormat Stage2 { get; }

    /// <summary>Gets the ledger of which page was reachable when.</summary>
    public ExposureLedger Exposure { get; }

    /// <summary>Gets or sets the explorer of interleavings; null when threads run free. Set it while no CPU runs.</summary>
    public ISchedulingHook? Hook { get; set; }

    /// <summary>
    /// Gets or sets how many milliseconds of the host's time a sender waits before it reports a CPU that neither polls nor parks; 0 to wait for
    /// ever. It finds a hang in the software under test; it never changes simulated time. Not used while there is a hook.
    /// </summary>
    public int StuckAfterMs { get; set; } = 60_000;

    /// <summary>Gets the latest of all clocks, in picoseconds.</summary>
    public long NowPs
    {
        get
        {
            long now = 0;
            foreach (Cpu cpu in _cpus)
                now = Math.Max(now, cpu.Clock);
            return now;
        }
    }

    /// <summary>Gets one more than the highest address-space identifier.</summary>
    public uint AsidLimit => Config.Isa == Isa.X86_64
        ? ((Config.Features & CpuFeatures.X86Pcid) != 0 ? 4096u : 1)
        : ((Config.Features & CpuFeatures.ArmAsid16) != 0 ? 65536u : 256);

    /// <summary>Gets a value indicating whether the hardware can invalidate on all CPUs without interrupting them.</summary>
    public bool HasBroadcast => Config.Isa == Isa.Arm64 || (Config.Features & CpuFeatures.X86Invlpgb) != 0;

    /// <summary>One CPU.</summary>
    /// <param name="id">Its number, from 0.</param>
    /// <returns>The CPU.</returns>
    public Cpu CpuAt(int id) => _cpus[id];

    /// <summary>Sums the events of all CPUs. Exact while no CPU runs.</summary>
    /// <returns>The sums.</returns>
    public EventTotals Totals()
    {
        EventTotals totals = new();
        foreach (Cpu cpu in _cpus)
            cpu.Events.AddTo(totals);
        return totals;
    }

    /// <summary>
    /// Runs a function on CPUs by interrupt. On a parked one it runs on the calling thread; a running one runs it at its next poll. If the
    /// set holds the sender, it runs there too, without an interrupt. While it waits, the sender serves requests of others.
    /// </summary>
    /// <param name="self">The sender, owned by the calling thread, interrupts enabled.</param>
    /// <param name="targets">Where to run it.</param>
    /// <param name="function">What to run. It must not wait and must not call functions elsewhere.</param>
    /// <param name="argument">Passed on to the function.</param>
    /// <param name="a">The first number passed on.</param>
    /// <param name="b">The second number passed on.</param>
    /// <param name="c">The third number passed on.</param>
    /// <param name="wait">Whether to return only after all have run it; the sender's clock is then not before any of theirs.</param>
    /// <exception cref="MachineException">
    /// Interrupts are disabled: two such senders would wait for each other forever. Or a target did not poll within <see cref="StuckAfterMs"/>.
    /// </exception>
    public void CallFunction(
        Cpu self, in CpuSet targets, IpiFunction function, object? argument = null, ulong a = 0, ulong b = 0, ulong c = 0, bool wait = true)
    {
        ArgumentNullException.ThrowIfNull(self);
        if (!self.InterruptsEnabled)
            throw new MachineException($"CPU {self.Id} calls a function on other CPUs with interrupts disabled; on silicon that deadlocks");
        Call(self, targets, function, argument, a, b, c, wait, false);
    }

    /// <summary>Invalidates translations on CPUs by interrupting them. Returns when all have done it.</summary>
    /// <param name="self">The sender, owned by the calling thread, interrupts enabled.</param>
    /// <param name="targets">The CPUs; the sender only if it is in the set.</param>
    /// <param name="kind">What to drop.</param>
    /// <param name="va">First virtual byte address, for ranges.</param>
    /// <param name="length">Bytes, for ranges.</param>
    /// <param name="asid">The address-space identifier, or the number of the virtual machine.</param>
    public void ShootDown(Cpu self, in CpuSet targets, ShootdownKind kind, ulong va = 0, ulong length = 0, uint asid = 0)
    {
        ArgumentNullException.ThrowIfNull(self);
        self.Count(ShootdownEvent(kind));
        CallFunction(self, targets, Flush, null, va, length, Pack(kind, asid));
    }

    /// <summary>
    /// Invalidates translations on all CPUs by a hardware broadcast and waits until it has acted. No CPU is interrupted, so it works with
    /// interrupts disabled on either side. A running CPU acts when it next polls.
    /// </summary>
    /// <param name="self">The sender, owned by the calling thread.</param>
    /// <param name="kind">What to drop.</param>
    /// <param name="va">First virtual byte address, for ranges.</param>
    /// <param name="length">Bytes, for ranges.</param>
    /// <param name="asid">The address-space identifier, or the number of the virtual machine.</param>
    /// <exception cref="MachineException">The hardware cannot broadcast.</exception>
    public void BroadcastInvalidate(Cpu self, ShootdownKind kind, ulong va = 0, ulong length = 0, uint asid = 0)
    {
        ArgumentNullException.ThrowIfNull(self);
        if (!HasBroadcast)
            throw new MachineException("this machine has no hardware broadcast of invalidations (feature X86Invlpgb)");
        self.Count(HwEvent.TlbBroadcastInvalidate);
        self.Count(ShootdownEvent(kind));
        Call(self, _allCpus, Invalidate, null, va, length, Pack(kind, asid), true, true);
    }

    /// <summary>Gives all memory back. No thread may use the machine any more.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        Exposure.Dispose();
        _cpuStorage.Dispose();
        Memory.Dispose();
    }

    private static ulong Pack(ShootdownKind kind, uint asid) => ((ulong)kind << 32) | asid;

    private static HwEvent ShootdownEvent(ShootdownKind kind) => kind switch
    {
        ShootdownKind.Range or ShootdownKind.RangeAllSpaces => HwEvent.TlbShootdownRange,
        ShootdownKind.Guest => HwEvent.TlbShootdownGuest,
        _ => HwEvent.TlbShootdownAll,
    };

    private static void FlushHere(Cpu cpu, object? argument, ulong va, ulong length, ulong kindAndAsid)
    {
        uint asid = (uint)kindAndAsid;
        switch ((ShootdownKind)(kindAndAsid >> 32))
        {
            case ShootdownKind.Range:
                cpu.FlushRange(va, length, asid, false);
                break;
            case ShootdownKind.RangeAllSpaces:
                cpu.FlushRange(va, length, 0, true);
                break;
            case ShootdownKind.Asid:
                cpu.FlushAsid(asid);
                break;
            case ShootdownKind.NonGlobal:
                cpu.FlushNonGlobal();
                break;
            case ShootdownKind.Guest:
                cpu.FlushGuest(asid);
                break;
            default:
                cpu.FlushAll();
                break;
        }
    }

    private static void InvalidateHere(Cpu cpu, object? argument, ulong va, ulong length, ulong kindAndAsid)
    {
        uint asid = (uint)kindAndAsid;
        switch ((ShootdownKind)(kindAndAsid >> 32))
        {
            case ShootdownKind.Range:
                cpu.Tlb.InvalidateRange(va, length, asid);
                break;
            case ShootdownKind.RangeAllSpaces:
                cpu.Tlb.InvalidateRangeAllSpaces(va, length);
                break;
            case ShootdownKind.Asid:
                cpu.Tlb.InvalidateSpace(asid);
                break;
            case ShootdownKind.NonGlobal:
                cpu.Tlb.InvalidateNonGlobal();
                break;
            case ShootdownKind.Guest:
                cpu.GuestTlb.InvalidateGroup(asid);
                break;
            default:
                cpu.Tlb.InvalidateAll();
                break;
        }
    }

    private void Call(
        Cpu self, in CpuSet targets, IpiFunction function, object? argument, ulong a, ulong b, ulong c, bool wait, bool broadcast)
    {
        if (self.State != CpuState.Running)
            throw new MachineException($"CPU {self.Id} sends a request but no thread owns it");
        CpuSet remote = targets;
        bool here = remote.Contains(self.Id);
        remote.Remove(self.Id);
        remote.IntersectWith(_allCpus);
        int count = remote.Count;
        if (count != 0)
        {
            CallBlock block = self.TakeBlock();
            block.Function = function;
            block.Argument = argument;
            block.A = a;
            block.B = b;
            block.C = c;
            block.Broadcast = broadcast;
            block.Reset();
            if (!broadcast)
                self.Count(HwEvent.IpiSent, count);
            block.SentPs = self.Clock;
            Volatile.Write(ref block.Outstanding, count);
            foreach (int id in remote)
                _cpus[id].Enqueue(block);
            foreach (int id in remote)
                _cpus[id].BorrowAndServe(self);
            if (here)
                function(self, argument, a, b, c);
            if (wait)
                Wait(self, remote, block);
            return;
        }

        if (here)
            function(self, argument, a, b, c);
    }

    private void ThrowStuck(Cpu self, in CpuSet remote)
    {
        CpuSet stuck = default;
        foreach (int id in remote)
        {
            if (_cpus[id].InterruptPending)
                stuck.Add(id);
        }

        throw new MachineException(
            $"CPU {self.Id} has waited {StuckAfterMs} ms for CPU {stuck}, which is owned by a thread that neither polls nor releases it");
    }

    private void Wait(Cpu self, in CpuSet remote, CallBlock block)
    {
        SpinWait spin = default;
        long start = Environment.TickCount64;
        while (Volatile.Read(ref block.Outstanding) != 0)
        {
            self.Poll();
            foreach (int id in remote)
                _cpus[id].BorrowAndServe(self);
            if (Volatile.Read(ref block.Outstanding) == 0)
                break;
            self.WaitStep(ref spin);
            if (StuckAfterMs != 0 && Hook is null && Environment.TickCount64 - start > StuckAfterMs)
                ThrowStuck(self, remote);
        }

        if (!block.Broadcast)
            self.AdvanceTo(block.LastAckPs);
    }
}
