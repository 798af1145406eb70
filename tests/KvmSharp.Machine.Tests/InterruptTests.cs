// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using FsCheck;
using FsCheck.Fluent;

namespace KvmSharp.Machine.Tests;

[TestFixture]
public sealed unsafe class InterruptTests
{
    private const int Timeout = 60_000;
    private const ulong Va = 0xffff_8880_0000_0000;

    [Test]
    public void AParkedCpuIsServedBySender()
    {
        using Machine m = New(4);
        Cpu self = Take(m, 1);
        List<(int Cpu, int Thread)> ran = [];
        m.CallFunction(self, m.AllCpus, (cpu, arg, a, b, c) => ran.Add((cpu.Id, Environment.CurrentManagedThreadId)), "x", 1, 2, 3);
        Assert.That(ran.Select(r => r.Cpu).Order(), Is.EqualTo(new[] { 0, 1, 2, 3 }));
        Assert.That(ran.Select(r => r.Thread), Is.All.EqualTo(Environment.CurrentManagedThreadId));
        Assert.That(self.Events[HwEvent.IpiSent], Is.EqualTo(3));
        Assert.That(self.Events[HwEvent.IpiReceived], Is.Zero);
        Assert.That(m.Totals()[HwEvent.IpiReceived], Is.EqualTo(3));
        Assert.That(m.CpuAt(0).State, Is.EqualTo(CpuState.Parked));
        self.Release();
    }

    [Test]
    public void ClocksMeetAtTheInterruptAndTheSenderWaitsForTheSlowest()
    {
        using Machine m = New(3);
        CostModel costs = m.Config.Costs;
        Cpu self = Take(m, 0);
        self.Advance(1_000_000);
        m.CpuAt(2).Advance(900_000_000);
        m.CallFunction(self, CpuSet.Of(1, 2), static (cpu, _, _, _, _) => cpu.Count(HwEvent.PageClear));
        long sent = 1_000_000 + (2 * costs[HwEvent.IpiSent]);
        long work = costs[HwEvent.IpiReceived] + costs[HwEvent.PageClear];
        Assert.That(m.CpuAt(1).Clock, Is.EqualTo(sent + work), "a CPU that was behind acts when the interrupt arrives");
        Assert.That(m.CpuAt(2).Clock, Is.EqualTo(900_000_000 + work), "one that was ahead is not turned back");
        Assert.That(self.Clock, Is.EqualTo(m.CpuAt(2).Clock));
        Assert.That(m.NowPs, Is.EqualTo(self.Clock));
        self.Release();
    }

    [Test]
    public void WithoutWaitingTheSenderGoesOn()
    {
        using Machine m = New(2);
        Cpu self = Take(m, 0), other = Take(m, 1);
        int ran = 0;
        for (int i = 0; i < 3; i++)
            m.CallFunction(self, CpuSet.Of(1), (_, _, _, _, _) => ran++, wait: false);
        Assert.That(ran, Is.Zero);
        Assert.That(other.InterruptPending);
        other.Poll();
        Assert.That(ran, Is.EqualTo(3));
        Assert.That(other.InterruptPending, Is.False);
        m.CallFunction(self, CpuSet.Of(1), (_, _, _, _, _) => ran++, wait: false);
        other.Release();
        Assert.That(ran, Is.EqualTo(4), "parking serves what is pending");
        self.Release();
    }

    [Test]
    public void DisabledInterruptsWaitUntilEnabled()
    {
        using Machine m = New(2);
        Cpu self = Take(m, 0), other = Take(m, 1);
        int ran = 0;
        other.DisableInterrupts();
        m.CallFunction(self, CpuSet.Of(1), (_, _, _, _, _) => ran++, wait: false);
        other.Poll();
        Assert.That(ran, Is.Zero);
        Assert.That(() => other.Release(), Throws.TypeOf<MachineException>().With.Message.Contains("interrupts disabled"));
        other.EnableInterrupts();
        Assert.That(ran, Is.EqualTo(1));
        other.Release();
        self.Release();
    }

    [Test]
    public void CallingWithInterruptsDisabledIsRefused()
    {
        using Machine m = New(2);
        Cpu self = Take(m, 0);
        self.DisableInterrupts();
        Assert.That(
            () => m.ShootDown(self, m.AllCpus, ShootdownKind.All),
            Throws.TypeOf<MachineException>().With.Message.Contains("interrupts disabled"));
        self.EnableInterrupts();
        self.Release();
    }

    [Test]
    public void ACpuThatNeverPollsIsReportedByNumber()
    {
        using Machine m = New(3);
        m.StuckAfterMs = 1;
        Cpu self = Take(m, 0), other = Take(m, 2);
        Assert.That(() => m.ShootDown(self, m.AllCpus, ShootdownKind.All), Throws.TypeOf<MachineException>().With.Message.Contains("CPU 2,"));
        other.Release();
        m.ShootDown(self, m.AllCpus, ShootdownKind.All);
        self.Release();
    }

    [Test]
    public void AHandlerCannotCallOthers()
    {
        using Machine m = New(2);
        Cpu self = Take(m, 0);
        Assert.That(
            () => m.CallFunction(self, CpuSet.Of(1), (cpu, _, _, _, _) => m.ShootDown(cpu, m.AllCpus, ShootdownKind.All)),
            Throws.TypeOf<MachineException>());
        Assert.That(m.CpuAt(1).State, Is.EqualTo(CpuState.Parked));
        Assert.That(m.CpuAt(1).InterruptsEnabled);
        m.ShootDown(self, m.AllCpus, ShootdownKind.All);
        self.Release();
    }

    [Test]
    public void ACpuHasOneOwnerAndOnlyTheOwnerReleases()
    {
        using Machine m = New(1);
        Cpu cpu = Take(m, 0);
        Assert.That(cpu.TryAcquire(), Is.False);
        cpu.Release();
        Assert.That(cpu.Release, Throws.TypeOf<MachineException>());
        Assert.That(cpu.TryAcquire());
        cpu.Release();
    }

    [Test]
    public void AnUnownedSenderIsRefused()
    {
        using Machine m = New(2);
        Assert.That(() => m.ShootDown(m.CpuAt(0), m.AllCpus, ShootdownKind.All), Throws.TypeOf<MachineException>());
    }

    [Test]
    public void ABroadcastInterruptsNobodyAndWorksWithInterruptsDisabled()
    {
        using Machine m = new(new MachineConfig { Isa = Isa.Arm64, Cpus = 3, MemoryBytes = 16 << 20 });
        Cpu self = Take(m, 0), other = Take(m, 1);
        foreach (Cpu cpu in m.Cpus)
            cpu.Tlb.Insert(Va, 0x4000_0000, 12, TlbPermissions.KernelRead | TlbPermissions.Global);
        self.DisableInterrupts();
        other.DisableInterrupts();
        long before = other.Clock;
        Thread poller = new(() =>
        {
            while (other.Tlb.Holds(Va, out _))
                other.Poll();
        });
        poller.Start();
        m.BroadcastInvalidate(self, ShootdownKind.RangeAllSpaces, Va, 4096);
        Assert.That(poller.Join(Timeout));
        foreach (Cpu cpu in m.Cpus)
            Assert.That(cpu.Tlb.Holds(Va, out _), Is.False);
        EventTotals t = m.Totals();
        Assert.That(t[HwEvent.IpiSent] + t[HwEvent.IpiReceived], Is.Zero);
        Assert.That(t[HwEvent.TlbBroadcastInvalidate], Is.EqualTo(1));
        Assert.That(other.Clock, Is.EqualTo(before));
        other.EnableInterrupts();
        self.EnableInterrupts();
        other.Release();
        self.Release();
    }

    [Test]
    public void BroadcastNeedsTheHardware()
    {
        using Machine m = New(1);
        Cpu self = Take(m, 0);
        Assert.That(() => m.BroadcastInvalidate(self, ShootdownKind.All), Throws.TypeOf<MachineException>());
        self.Release();
    }

    [TestCase(ShootdownKind.Range, HwEvent.TlbFlushLocalPage, HwEvent.TlbShootdownRange, 3)]
    [TestCase(ShootdownKind.RangeAllSpaces, HwEvent.TlbFlushLocalPage, HwEvent.TlbShootdownRange, 3)]
    [TestCase(ShootdownKind.Asid, HwEvent.TlbFlushLocalAsid, HwEvent.TlbShootdownAll, 1)]
    [TestCase(ShootdownKind.NonGlobal, HwEvent.TlbFlushLocalAll, HwEvent.TlbShootdownAll, 1)]
    [TestCase(ShootdownKind.All, HwEvent.TlbFlushLocalAll, HwEvent.TlbShootdownAll, 1)]
    [TestCase(ShootdownKind.Guest, HwEvent.TlbFlushLocalGuest, HwEvent.TlbShootdownGuest, 1)]
    public void AShootdownIsCountedOnceAndItsFlushesOnEachCpu(ShootdownKind kind, HwEvent local, HwEvent whole, int perCpu)
    {
        using Machine m = New(5);
        Cpu self = Take(m, 2);
        m.ShootDown(self, m.AllCpus, kind, Va + 0xfff, 0x2000, 0);
        EventTotals t = m.Totals();
        Assert.That(t[local], Is.EqualTo(5 * perCpu));
        Assert.That(t[whole], Is.EqualTo(1));
        Assert.That(t[HwEvent.IpiSent], Is.EqualTo(4));
        self.Release();
    }

    [Test]
    public void AShootdownAllocatesNothing()
    {
        using Machine m = New(8);
        Cpu self = Take(m, 0);
        CpuSet all = m.AllCpus;
        m.ShootDown(self, all, ShootdownKind.Range, Va, 4096);
        m.ShootDown(self, all, ShootdownKind.All);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            m.ShootDown(self, all, ShootdownKind.Range, Va, 4096);
            m.ShootDown(self, all, ShootdownKind.All);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        self.Release();
    }

    // Each thread maps pages at its own addresses, lets all CPUs cache them, unmaps, shoots down, and looks into every TLB.
    [TestCase(Isa.X86_64, false)]
    [TestCase(Isa.X86_64, true)]
    [TestCase(Isa.Arm64, true)]
    public void ShootdownsFromManyThreadsEndAndLeaveNoStaleEntry(Isa isa, bool broadcast)
    {
        CpuFeatures features = isa == Isa.Arm64 ? CpuFeatures.ArmDefault : CpuFeatures.X86Default | CpuFeatures.X86Invlpgb;
        using Machine m = new(new MachineConfig { Isa = isa, Cpus = 6, MemoryBytes = 64 << 20, Features = features });
        TableBuilder t = isa == Isa.Arm64 ? TableBuilder.Arm(m.Memory) : TableBuilder.X86(m.Memory);
        const int Threads = 4, Rounds = 200;
        nint[] entries = new nint[Threads];
        for (int i = 0; i < Threads; i++)
            entries[i] = (nint)t.Entry(Va + ((ulong)i << 12), 1);
        foreach (Cpu cpu in m.Cpus)
            (cpu.Root, cpu.KernelRoot) = (t.Root, t.Root);
        ulong leaf = isa == Isa.Arm64 ? 0x4100_0403ul : 0x100_0003ul;
        int stale = 0;
        List<Exception> errors = [];
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(i => new Thread(() =>
        {
            try
            {
                Cpu cpu = m.CpuAt(i);
                if (!cpu.TryAcquire())
                    throw new InvalidOperationException("somebody has my CPU");
                for (int round = 0; round < Rounds; round++)
                {
                    ulong va = Va + ((ulong)i << 12);
                    Volatile.Write(ref *(ulong*)entries[i], leaf);
                    for (int other = 0; other < Threads; other++)
                        cpu.TryTranslate(Va + ((ulong)other << 12), AccessKind.KernelRead, out _, out _);
                    Volatile.Write(ref *(ulong*)entries[i], 0);
                    if (broadcast)
                        m.BroadcastInvalidate(cpu, ShootdownKind.RangeAllSpaces, va, 4096);
                    else
                        m.ShootDown(cpu, m.AllCpus, round % 3 == 0 ? ShootdownKind.All : ShootdownKind.RangeAllSpaces, va, 4096);
                    foreach (Cpu c in m.Cpus)
                    {
                        if (c.Tlb.Holds(va, out _))
                            Interlocked.Increment(ref stale);
                    }

                    if (round % 16 == 0)
                    {
                        cpu.Release();
                        Thread.Yield();
                        if (!cpu.TryAcquire())
                            throw new InvalidOperationException("somebody has my CPU");
                    }
                }

                cpu.Release();
            }
            catch (Exception e)
            {
                lock (errors)
                    errors.Add(e);
            }
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            Assert.That(thread.Join(Timeout), "a shootdown hangs");
        Assert.That(errors, Is.Empty);
        Assert.That(stale, Is.Zero);
        EventTotals totals = m.Totals();
        Assert.That(totals[broadcast ? HwEvent.TlbBroadcastInvalidate : HwEvent.IpiReceived], Is.EqualTo(Threads * Rounds * (broadcast ? 1 : 5)));
        Assert.That(m.Cpus.ToArray().Select(c => c.State), Is.All.EqualTo(CpuState.Parked));
    }

    [Test]
    public void CountersAndClocksAreExactSums() =>
        Prop.ForAll<(byte Cpu, byte Event, ushort N)[]>(events =>
        {
            using Machine m = New(4);
            long[] clock = new long[4];
            EventTotals expected = new();
            foreach ((byte c, byte e, ushort n) in events)
            {
                HwEvent kind = (HwEvent)(e % EventCounters.Kinds);
                m.CpuAt(c % 4).Count(kind, n);
                clock[c % 4] += n * m.Config.Costs[kind];
                expected.Add(kind, n);
            }

            EventTotals t = m.Totals();
            return Enum.GetValues<HwEvent>().All(e => t[e] == expected[e])
                && Enumerable.Range(0, 4).All(i => m.CpuAt(i).Clock == clock[i])
                && m.NowPs == clock.Max()
                && t.PricePs(m.Config.Costs) == clock.Sum();
        }).QuickCheckThrowOnFailure();

    [Test]
    public void TheHookSeesEachAcknowledgementAsAStep()
    {
        using Machine m = New(3);
        Recorder hook = new();
        m.Hook = hook;
        Cpu self = Take(m, 0);
        m.ShootDown(self, m.AllCpus, ShootdownKind.All);
        Assert.That(hook.Acks, Is.EqualTo(new[] { (1, 0), (2, 0) }));
        Cpu other = Take(m, 1);
        m.CallFunction(self, CpuSet.Of(1), static (_, _, _, _, _) => { }, wait: false);
        other.Poll();
        Assert.That(hook.Acks[^1], Is.EqualTo((1, 1)));
        hook.OnWait = other.Poll;
        m.ShootDown(self, m.AllCpus, ShootdownKind.All);
        Assert.That(hook.Waits, Is.EqualTo(1));
        other.Release();
        self.Release();
    }

    [Test]
    public void LoadingAnAddressSpaceKeepsOrDropsAsHardwareDoes()
    {
        using Machine m = New(1);
        Cpu cpu = Take(m, 0);
        cpu.LoadAddressSpace(0x1000, 5, keep: true);
        cpu.Tlb.Insert(Va, 0x20_0000, 12, TlbPermissions.KernelRead);
        cpu.LoadAddressSpace(0x2000, 6, keep: true);
        Assert.That(cpu.Tlb.Holds(Va, out _));
        cpu.LoadAddressSpace(0x1000, 5, keep: false);
        Assert.That(cpu.Tlb.Holds(Va, out _), Is.False);
        Assert.That(cpu.Events[HwEvent.ContextSwitch], Is.EqualTo(3));
        Assert.That(() => cpu.LoadAddressSpace(0, 4096, true), Throws.TypeOf<MachineException>());
        cpu.Release();

        using Machine old = new(new MachineConfig { MemoryBytes = 16 << 20, Features = CpuFeatures.X86Pse | CpuFeatures.X86Pge });
        cpu = Take(old, 0);
        cpu.Tlb.Insert(Va, 0x20_0000, 12, TlbPermissions.KernelRead);
        cpu.Tlb.Insert(Va + 4096, 0x20_0000, 12, TlbPermissions.KernelRead | TlbPermissions.Global);
        cpu.LoadAddressSpace(0x2000, 0, keep: true);
        Assert.That(cpu.Tlb.Holds(Va, out _), Is.False, "without identifiers a load of the root drops all but globals");
        Assert.That(cpu.Tlb.Holds(Va + 4096, out _));
        Assert.That(() => cpu.LoadAddressSpace(0, 1, true), Throws.TypeOf<MachineException>());
        cpu.Release();
    }

    private static Machine New(int cpus) => new(new MachineConfig { Cpus = cpus, MemoryBytes = 16 << 20 });

    private static Cpu Take(Machine m, int id)
    {
        Cpu cpu = m.CpuAt(id);
        Assert.That(cpu.TryAcquire());
        return cpu;
    }

    private sealed class Recorder : ISchedulingHook
    {
        public List<(int Target, int Runner)> Acks { get; } = [];

        public int Waits { get; private set; }

        public Action? OnWait { get; set; }

        public void BeforeAck(Cpu target, Cpu runner) => Acks.Add((target.Id, runner.Id));

        public void WaitForAcks(Cpu self)
        {
            Waits++;
            OnWait?.Invoke();
        }
    }
}
