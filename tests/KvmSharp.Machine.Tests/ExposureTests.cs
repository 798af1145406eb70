// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using FsCheck;
using FsCheck.Fluent;

namespace KvmSharp.Machine.Tests;

[TestFixture]
public sealed unsafe class ExposureTests
{
    private const ulong Linear = 0xffff_8880_0000_0000;
    private const ulong Temporary = 0xffff_9000_0000_0000;
    private const ulong Pfn = 0x1000;
    private const ulong Va = Linear + (Pfn << 12);

    private static readonly TlbPermissions Global = TlbPermissions.KernelRead | TlbPermissions.Global;

    [Test]
    public void APageProtectedAfterItsFlushWasNeverReachable()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        Cache(m, 0, 1);
        m.Exposure.LinearMapRemoved(Pfn, 1, Va, cpu);
        Assert.That(m.Exposure.Page(Pfn).Stale.ToString(), Is.EqualTo("0-1"));
        m.ShootDown(cpu, m.AllCpus, ShootdownKind.RangeAllSpaces, Va, 4096);
        m.Exposure.Protect(Pfn, 7, cpu);
        ExposureVerdict v = m.Exposure.Verdict();
        Assert.That(v.Clean);
        Assert.That(v.OpenWindows, Is.Zero);
        Assert.That(v.PagesProtected, Is.EqualTo(1));
        Assert.That(m.Exposure.Latest(), Is.Empty);
        cpu.Release();
    }

    [Test]
    public void ProtectionBeforeRemovalOpensAWindowThroughTheLiveEntry()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        cpu.Advance(1000);
        m.Exposure.Protect(Pfn, 7, cpu);
        Assert.That(m.Exposure.Verdict().OpenUnallowed, Is.EqualTo(1));
        Assert.That(m.Exposure.Verdict().Clean, Is.False);
        cpu.Advance(500);
        m.Exposure.LinearMapRemoved(Pfn, 1, Va, cpu);
        ExposureWindow w = m.Exposure.Latest().Single();
        Assert.That((w.Pfn, w.Owner, w.Via, w.FromPs, w.ToPs, w.Allowed), Is.EqualTo((Pfn, 7u, ExposureCause.LiveEntry, 1000L, 1500L, (string?)null)));
        Assert.That(w.Cpus, Is.EqualTo(m.AllCpus));
        ExposureVerdict v = m.Exposure.Verdict();
        Assert.That(v.Unallowed[ExposureCause.LiveEntry], Is.EqualTo(new ExposureSum(1, 500, 500)));
        Assert.That(v.OpenWindows, Is.Zero);
        Assert.That(v.Clean, Is.False);
        cpu.Release();
    }

    [Test]
    public void ARemoteStaleEntryIsAWindowUntilThatCpuFlushes()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        Cache(m, 0, 2);
        m.Exposure.LinearMapRemoved(Pfn, 1, Va, cpu);
        m.Exposure.Protect(Pfn, 1, cpu);
        cpu.FlushPage(Va);
        Assert.That(m.Exposure.Page(Pfn).Stale.ToString(), Is.EqualTo("2"), "a local flush is not enough");
        Assert.That(m.Exposure.Latest(), Is.Empty);
        long from = 0;
        m.ShootDown(cpu, m.AllCpus, ShootdownKind.All);
        ExposureWindow w = m.Exposure.Latest().Single();
        Assert.That(w.Via, Is.EqualTo(ExposureCause.StaleTlb));
        Assert.That(w.Cpus.ToString(), Is.EqualTo("0,2"));
        Assert.That((w.FromPs, w.ToPs), Is.EqualTo((from, m.CpuAt(2).Clock)));
        Assert.That(w.DurationPs, Is.Positive);
        Assert.That(m.Exposure.Freed(Pfn, cpu));
        cpu.Release();
    }

    [Test]
    public void AZapWithoutAFlushStaysOpenAndFreeingIsAViolation()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        Cache(m, 3);
        m.Exposure.LinearMapRemoved(Pfn, 1, Va, cpu);
        m.Exposure.Protect(Pfn, 9, cpu);
        Assert.That(m.Exposure.Verdict().OpenUnallowed, Is.EqualTo(1));
        m.Exposure.Unprotect(Pfn, cpu);
        Assert.That(m.Exposure.Freed(Pfn, cpu), Is.False);
        ExposureViolation x = m.Exposure.Violations().Single();
        Assert.That((x.Pfn, x.Owner, x.Via, x.Cpus.ToString()), Is.EqualTo((Pfn, 9u, ExposureCause.StaleTlb, "3")));
        Assert.That(m.Exposure.Verdict().Clean, Is.False);
        m.ShootDown(cpu, m.AllCpus, ShootdownKind.All);
        Assert.That(m.Exposure.Freed(Pfn, cpu), "after the flush it is clean");
        Assert.That(m.Exposure.Verdict().Violations, Is.EqualTo(1));
        cpu.Release();
    }

    [Test]
    public void ALargeEntryThatCoversThePageIsSeen()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        m.CpuAt(1).Tlb.Insert(Linear, 0, 30, Global);
        m.Exposure.LinearMapRemoved(Pfn, 2, Va, cpu);
        Assert.That(m.Exposure.Page(Pfn).Stale.ToString(), Is.EqualTo("1"));
        Assert.That(m.Exposure.Page(Pfn + 1).Stale.ToString(), Is.EqualTo("1"));
        m.ShootDown(cpu, CpuSet.Of(1), ShootdownKind.RangeAllSpaces, Va, 4096);
        Assert.That(m.Exposure.Page(Pfn).Stale.IsEmpty);
        Assert.That(m.Exposure.Page(Pfn + 1).Stale.IsEmpty, "the flush of one page dropped the entry that reached both");
        cpu.Release();
    }

    [Test]
    public void ReplacementAlsoEndsStaleness()
    {
        using Machine m = New(tlbEntries: 1);
        Cpu cpu = Take(m, 0);
        cpu.Tlb.Insert(Va, Pfn << 12, 12, Global);
        m.Exposure.LinearMapRemoved(Pfn, 1, Va, cpu);
        Assert.That(m.Exposure.Page(Pfn).Stale.Contains(0));
        cpu.Tlb.Insert(Va + 4096, 0x20_0000, 12, Global);
        Assert.That(m.Exposure.Page(Pfn).Stale.IsEmpty);
        cpu.Release();
    }

    [Test]
    public void RestoringEndsStalenessAndOpensAWindowWhileProtected()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        Cache(m, 1);
        m.Exposure.LinearMapRemoved(Pfn, 1, Va, cpu);
        m.Exposure.LinearMapRestored(Pfn, 1, Va, cpu);
        Assert.That(m.Exposure.Freed(Pfn, cpu), "the entry is live again, so what TLBs hold is true");
        m.Exposure.LinearMapRemoved(Pfn, 1, Va, cpu);
        m.ShootDown(cpu, m.AllCpus, ShootdownKind.All);
        m.Exposure.Protect(Pfn, 1, cpu);
        m.Exposure.LinearMapRestored(Pfn, 1, Va, cpu);
        Assert.That(m.Exposure.Verdict().OpenUnallowed, Is.EqualTo(1));
        m.Exposure.Unprotect(Pfn, cpu);
        Assert.That(m.Exposure.Latest().Single().Via, Is.EqualTo(ExposureCause.LiveEntry));
        Assert.That(m.Exposure.Verdict().OpenWindows, Is.Zero);
        cpu.Release();
    }

    [Test]
    public void AnAllowedWindowIsKeptApart()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        m.Exposure.AllowWindow(Pfn, "between allocation and zap", cpu);
        m.Exposure.Protect(Pfn, 1, cpu);
        cpu.Advance(300);
        Assert.That(m.Exposure.Verdict().OpenUnallowed, Is.Zero);
        m.Exposure.LinearMapRemoved(Pfn, 1, Va, cpu);
        m.Exposure.DisallowWindow(Pfn, cpu);
        ExposureVerdict v = m.Exposure.Verdict();
        Assert.That(v.Clean);
        Assert.That(v.Allowed[ExposureCause.LiveEntry], Is.EqualTo(new ExposureSum(1, 300, 300)));
        Assert.That(m.Exposure.Latest().Single().Allowed, Is.EqualTo("between allocation and zap"));
        cpu.Release();
    }

    [Test]
    public void WithdrawingLeaveSplitsAnOpenWindow()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        m.Exposure.AllowWindow(Pfn, "slow path", cpu);
        m.Exposure.Protect(Pfn, 1, cpu);
        cpu.Advance(10);
        m.Exposure.DisallowWindow(Pfn, cpu);
        cpu.Advance(20);
        m.Exposure.LinearMapRemoved(Pfn, 1, Va, cpu);
        Assert.That(m.Exposure.Latest().Select(w => (w.Allowed, w.DurationPs)), Is.EqualTo(new[] { ("slow path", 10L), (null, 20L) }));
        cpu.Release();
    }

    [Test]
    public void ATemporaryMappingLeavesStaleEntriesInEverySpaceUntilAllCpusFlush()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        m.Exposure.LinearMapRemoved(Pfn, 1, Va, cpu);
        m.Exposure.Protect(Pfn, 4, cpu);
        cpu.Tlb.Space = 3;
        m.Exposure.TemporaryMapped(Pfn, Temporary, cpu, 3);
        cpu.Advance(100);
        cpu.Tlb.Insert(Temporary, Pfn << 12, 12, TlbPermissions.KernelRead);
        m.CpuAt(1).Tlb.Space = 3;
        m.CpuAt(1).Tlb.Insert(Temporary, Pfn << 12, 12, TlbPermissions.KernelRead);
        m.Exposure.TemporaryUnmapped(Pfn, Temporary, cpu, 3);
        ExposureWindow w = m.Exposure.Latest().Single();
        Assert.That((w.Via, w.DurationPs, w.Cpus.ToString()), Is.EqualTo((ExposureCause.TemporaryMapping, 100L, "0")));
        Assert.That(m.Exposure.Page(Pfn).Stale.ToString(), Is.EqualTo("0-1"));

        // A short flush while another space is loaded does not reach the entry.
        cpu.Tlb.Space = 8;
        cpu.FlushPage(Temporary);
        Assert.That(m.Exposure.Page(Pfn).Stale.ToString(), Is.EqualTo("0-1"));
        cpu.FlushAll();
        Assert.That(m.Exposure.Page(Pfn).Stale.ToString(), Is.EqualTo("1"));
        Assert.That(m.Exposure.Freed(Pfn, cpu), Is.False);
        m.ShootDown(cpu, m.AllCpus, ShootdownKind.All);
        Assert.That(m.Exposure.Freed(Pfn, cpu));
        Assert.That(m.Exposure.Latest()[^1].Via, Is.EqualTo(ExposureCause.StaleTlb));
        cpu.Release();
    }

    [Test]
    public void FreeingWithALiveTemporaryMappingIsAViolation()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        m.Exposure.TemporaryMapped(Pfn, Temporary, cpu, 1);
        Assert.That(m.Exposure.Freed(Pfn, cpu), Is.False);
        Assert.That(m.Exposure.Violations().Single().Via, Is.EqualTo(ExposureCause.TemporaryMapping));
        m.Exposure.TemporaryUnmapped(Pfn, Temporary, cpu, 1);
        Assert.That(m.Exposure.Freed(Pfn, cpu));
        Assert.That(() => m.Exposure.TemporaryUnmapped(Pfn, Temporary, cpu, 1), Throws.TypeOf<MachineException>());
        cpu.Release();
    }

    [Test]
    public void APageBeyondMemoryIsRefused()
    {
        using Machine m = New();
        Assert.Throws<BusErrorException>(() => m.Exposure.Protect(m.Memory.Limit >> 12, 0, m.CpuAt(0)));
        Assert.Throws<BusErrorException>(() => m.Exposure.LinearMapRemoved((m.Memory.Limit >> 12) - 1, 2, Va, m.CpuAt(0)));
    }

    [Test]
    public void TheLongestWindowsAreKeptWhateverComesAfter()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        for (int i = 0; i < 1000; i++)
        {
            m.Exposure.Protect(Pfn, (uint)i, cpu);
            cpu.Advance(i == 3 ? 1_000_000 : i % 50);
            m.Exposure.Unprotect(Pfn, cpu);
        }

        Assert.That(m.Exposure.Longest()[0].Owner, Is.EqualTo(3));
        Assert.That(m.Exposure.Longest(), Has.Count.EqualTo(32));
        Assert.That(m.Exposure.Latest(), Has.Count.EqualTo(256));
        Assert.That(m.Exposure.Latest()[^1].Owner, Is.EqualTo(999));
        Assert.That(m.Exposure.Verdict().Unallowed[ExposureCause.LiveEntry].Count, Is.EqualTo(1000));
        cpu.Release();
    }

    [Test]
    public void TheSteadyStateAllocatesNothing()
    {
        using Machine m = New();
        Cpu cpu = Take(m, 0);
        Cycle(m, cpu, 32);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Cycle(m, cpu, 32);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(m.Exposure.Verdict().Clean, Is.False, "stale windows were seen");
        cpu.Release();
    }

    // Pages are zapped and flushed on some CPUs while others keep filling their TLBs from the same tables.
    [Test]
    public void ConcurrentFillsNeverEscapeTheLedger()
    {
        using Machine m = New(cpus: 4);
        TableBuilder t = TableBuilder.X86(m.Memory);
        const int Pages = 8, Rounds = 300;
        nint[] entries = new nint[Pages];
        for (int i = 0; i < Pages; i++)
        {
            entries[i] = (nint)t.Entry(Va + ((ulong)i << 12), 1);
            *(ulong*)entries[i] = ((Pfn + (ulong)i) << 12) | 0x103;
        }

        foreach (Cpu c in m.Cpus)
            c.Root = t.Root;
        bool stop = false;
        Thread[] fillers = [.. Enumerable.Range(1, 2).Select(id => new Thread(() =>
        {
            Cpu cpu = m.CpuAt(id);
            cpu.TryAcquire();
            while (!Volatile.Read(ref stop))
            {
                for (int i = 0; i < Pages; i++)
                    cpu.Speculate(Va + ((ulong)i << 12));
                Thread.Yield();
            }

            cpu.Release();
        }))];
        foreach (Thread f in fillers)
            f.Start();
        Cpu self = Take(m, 0);
        string? wrong = null;
        for (int round = 0; round < Rounds && wrong is null; round++)
        {
            int i = round % Pages;
            ulong pfn = Pfn + (ulong)i, va = Va + ((ulong)i << 12);
            Volatile.Write(ref *(ulong*)entries[i], *(ulong*)entries[i] & ~1ul);
            m.Exposure.LinearMapRemoved(pfn, 1, va, self);

            // What is held now and is not noted would be an escape; nobody can fill it any more.
            CpuSet noted = m.Exposure.Page(pfn).Stale;
            for (int c = 0; c < 4; c++)
            {
                if (m.CpuAt(c).Tlb.Holds(va, out _) && !noted.Contains(c))
                {
                    // An insertion that its own re-check is about to withdraw may be visible for a moment.
                    SpinWait spin = default;
                    for (int k = 0; k < 1000 && m.CpuAt(c).Tlb.Holds(va, out _); k++)
                        spin.SpinOnce(-1);
                    if (m.CpuAt(c).Tlb.Holds(va, out _))
                        wrong = $"CPU {c} holds page {i} in round {round} and is not noted";
                }
            }

            m.ShootDown(self, m.AllCpus, ShootdownKind.RangeAllSpaces, va, 4096);
            if (!m.Exposure.Page(pfn).Stale.IsEmpty)
                wrong ??= $"page {i} is stale after the shootdown of round {round}";
            if (!m.Exposure.Freed(pfn, self))
                wrong ??= $"page {i} freed dirty in round {round}";
            m.Exposure.LinearMapRestored(pfn, 1, va, self);
            Volatile.Write(ref *(ulong*)entries[i], *(ulong*)entries[i] | 1);
        }

        self.Release();
        Volatile.Write(ref stop, true);
        foreach (Thread f in fillers)
            Assert.That(f.Join(60_000));
        Assert.That(wrong, Is.Null);
    }

    // The reference knows which translations are true and asks the TLBs what they hold: the difference is what must be noted as stale.
    [Test]
    public void TheLedgerAgreesWithALookIntoEveryTlb() =>
        Prop.ForAll<(byte Op, byte Page, byte Cpu)[]>(ops =>
        {
            const int Pages = 4, Cpus = 3;
            using Machine m = New(Cpus, tlbEntries: 8);
            ExposureLedger x = m.Exposure;
            bool[] mapped = [true, true, true, true], guarded = new bool[Pages], allowed = new bool[Pages];
            int[] temps = new int[Pages];
            foreach ((byte op, byte p, byte c) in ops)
            {
                int page = p % Pages, other = p / Pages % Pages;
                Cpu cpu = m.CpuAt(c % Cpus);
                ulong pfn = Pfn + (ulong)page, va = Va + ((ulong)page << 12), temp = Temporary + ((ulong)page << 12);
                cpu.Count(HwEvent.PageClear);
                switch (op % 14)
                {
                    case 0 or 1 or 2 when mapped[page]:
                        cpu.Tlb.Insert(va, pfn << 12, 12, Global);
                        break;
                    case 3 when temps[page] != 0:
                        cpu.Tlb.Insert(temp, pfn << 12, 12, TlbPermissions.KernelRead);
                        break;
                    case 4 when mapped[page]:
                        mapped[page] = false;
                        x.LinearMapRemoved(pfn, 1, va, cpu);
                        break;
                    case 5 when !mapped[page]:
                        mapped[page] = true;
                        x.LinearMapRestored(pfn, 1, va, cpu);
                        break;
                    case 6 when temps[page] == 0 && !cpu.Tlb.Holds(temp, out _):
                        temps[page]++;
                        x.TemporaryMapped(pfn, temp, cpu, 0);
                        break;
                    case 7 when temps[page] != 0:
                        temps[page]--;
                        x.TemporaryUnmapped(pfn, temp, cpu, 0);
                        break;
                    case 8:
                        cpu.Tlb.InvalidatePageAllSpaces(va);
                        break;
                    case 9:
                        cpu.Tlb.InvalidateNonGlobal();
                        break;
                    case 10:
                        cpu.Tlb.InvalidateAll();
                        break;
                    case 11:
                        guarded[page] = true;
                        x.Protect(pfn, 1, cpu);
                        break;
                    case 12:
                        allowed[page] &= !guarded[page];
                        guarded[page] = false;
                        x.Unprotect(pfn, cpu);
                        break;
                    case 13:
                        allowed[page] = c % 2 == 0;
                        if (allowed[page])
                            x.AllowWindow(pfn, "r", cpu);
                        else
                            x.DisallowWindow(pfn, cpu);
                        break;
                }

                int open = 0, unallowed = 0;
                for (int i = 0; i < Pages; i++)
                {
                    CpuSet stale = default;
                    ulong linear = Va + ((ulong)i << 12), temporary = Temporary + ((ulong)i << 12);
                    for (int k = 0; k < Cpus; k++)
                    {
                        Tlb t = m.CpuAt(k).Tlb;
                        if ((!mapped[i] && t.Holds(linear, out _)) || (temps[i] == 0 && t.Holds(temporary, out _)))
                            stale.Add(k);
                    }

                    if (temps[i] == 0 && x.Page(Pfn + (ulong)i).Stale != stale)
                        return false;
                    int windows = guarded[i] ? (mapped[i] ? 1 : 0) + (temps[i] != 0 ? 1 : 0) + (x.Page(Pfn + (ulong)i).Stale.IsEmpty ? 0 : 1) : 0;
                    open += windows;
                    unallowed += allowed[i] ? 0 : windows;
                }

                ExposureVerdict v = x.Verdict();
                if (v.OpenWindows != open || v.OpenUnallowed != unallowed || v.PagesProtectedNow != guarded.Count(g => g))
                    return false;
            }

            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200).WithEndSize(150));

    private static void Cycle(Machine m, Cpu cpu, ulong pages)
    {
        for (ulong i = 0; i < pages; i++)
        {
            m.CpuAt(1).Tlb.Insert(Va + (i << 12), (Pfn + i) << 12, 12, Global);
            m.Exposure.LinearMapRemoved(Pfn + i, 1, Va + (i << 12), cpu);
            m.Exposure.Protect(Pfn + i, 1, cpu);
            m.Exposure.AllowWindow(Pfn + i, "cycle", cpu);
        }

        m.ShootDown(cpu, m.AllCpus, ShootdownKind.All);
        for (ulong i = 0; i < pages; i++)
        {
            m.Exposure.Unprotect(Pfn + i, cpu);
            m.Exposure.LinearMapRestored(Pfn + i, 1, Va + (i << 12), cpu);
            m.Exposure.Freed(Pfn + i, cpu);
        }
    }

    private static Machine New(int cpus = 4, int tlbEntries = 64) =>
        new(new MachineConfig { Cpus = cpus, MemoryBytes = 64 << 20, TlbEntries = tlbEntries });

    private static Cpu Take(Machine m, int id)
    {
        Cpu cpu = m.CpuAt(id);
        Assert.That(cpu.TryAcquire());
        return cpu;
    }

    private static void Cache(Machine m, params int[] cpus)
    {
        foreach (int id in cpus)
            m.CpuAt(id).Tlb.Insert(Va, Pfn << 12, 12, Global);
    }
}
