// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using FsCheck;
using FsCheck.Fluent;

namespace KvmSharp.Machine.Tests;

[TestFixture]
public sealed unsafe class TlbTests
{
    private const TlbPermissions Rw = TlbPermissions.KernelRead | TlbPermissions.KernelWrite | TlbPermissions.Dirty;

    [Test]
    public void AnEntryServesItsSpaceAndAGlobalOneServesAll()
    {
        using Machine m = New(64);
        Tlb t = m.CpuAt(0).Tlb;
        t.Space = 1;
        t.Insert(0x1000, 0x20_0000, 12, Rw);
        t.Insert(0x2000, 0x20_1000, 12, Rw | TlbPermissions.Global);
        t.Space = 2;
        Assert.That(t.TryLookup(0x1000, AccessKind.KernelRead, out _), Is.False);
        Assert.That(t.TryLookup(0x2abc, AccessKind.KernelRead, out ulong pa));
        Assert.That(pa, Is.EqualTo(0x20_1abc));
        t.Space = 1;
        Assert.That(t.TryLookup(0x1000, AccessKind.KernelRead, out _), "the entry of a space that is not loaded stays");
    }

    [Test]
    public void EachFlushDropsWhatItNamesAndNothingElse()
    {
        (Action<Tlb> Flush, string Left)[] cases =
        [
            (t => t.InvalidatePage(0x1000, 1), "1b 2a 2b Gb"),
            (t => t.InvalidatePage(0x1000, 2), "1a 1b 2b Gb"),
            (t => t.InvalidatePage(0x1000, 3), "1a 1b 2a 2b Gb"),
            (t => t.InvalidatePageAllSpaces(0x1000), "1b 2b Gb"),
            (t => t.InvalidateRange(0x1000, 0x2000, 1), "2a 2b Gb"),
            (t => t.InvalidateRange(0, 1 << 30, 1), "2a 2b Gb"),
            (t => t.InvalidateRangeAllSpaces(0, 1 << 30), "Gb"),
            (t => t.InvalidateRangeAllSpaces(0x1000, 0), "1a 1b 2a 2b Ga Gb"),
            (t => t.InvalidateSpace(1), "2a 2b Ga Gb"),
            (t => t.InvalidateSpace(2), "1a 1b Ga Gb"),
            (t => t.InvalidateNonGlobal(), "Ga Gb"),
            (t => t.InvalidateAll(), string.Empty),
        ];
        foreach ((Action<Tlb> flush, string left) in cases)
        {
            using Machine m = New(64);
            Tlb t = m.CpuAt(0).Tlb;
            foreach (uint space in (uint[])[1, 2])
            {
                t.Space = space;
                t.Insert(0x1000, 0x20_0000 + (space << 12), 12, Rw);
                t.Insert(0x2000, 0x30_0000 + (space << 12), 12, Rw);
            }

            // A global entry for page a and one far away.
            t.Space = 3;
            t.Insert(0x1000, 0x40_0000, 12, Rw | TlbPermissions.Global);
            t.Insert(0x4000_0000_0000, 0x4000_0000, 30, Rw | TlbPermissions.Global);
            flush(t);
            IEnumerable<string> seen = t.Entries()
                .Select(e => (e.Global ? "G" : e.Space.ToString(System.Globalization.CultureInfo.InvariantCulture))
                    + (e.Address == 0x1000 ? "a" : "b"));
            Assert.That(string.Join(' ', seen.Order(StringComparer.Ordinal)), Is.EqualTo(left));
        }
    }

    [Test]
    public void InvalidationByAddressDropsLargePagesThatCoverIt()
    {
        using Machine m = New(64);
        Tlb t = m.CpuAt(0).Tlb;
        t.Insert(0x4000_0000, 0x4000_0000, 30, Rw);
        t.Insert(0x1_0020_0000, 0x20_0000, 21, Rw | TlbPermissions.Global);
        Assert.That(t.TryLookup(0x4123_4000, AccessKind.KernelRead, out _));
        t.InvalidatePage(0x7fff_f000, 0);
        Assert.That(t.TryLookup(0x4123_4000, AccessKind.KernelRead, out _), Is.False);
        Assert.That(t.TryLookup(0x1_0020_1000, AccessKind.KernelRead, out _));
        t.InvalidateRange(0x1_003f_f000, 0x100_0000, 9);
        Assert.That(t.TryLookup(0x1_0020_1000, AccessKind.KernelRead, out _), Is.False);
    }

    [Test]
    public void AGroupFlushDropsAllSpacesOfOneVirtualMachine()
    {
        using Machine m = New(64);
        Tlb t = m.CpuAt(0).GuestTlb;
        uint[] spaces = [(7 << 16) | 1, (7 << 16) | 2, (8 << 16) | 1];
        foreach (uint space in spaces)
        {
            t.Space = space;
            t.Insert(0x1000, 0x20_0000, 12, Rw);
        }

        t.InvalidateGroup(7);
        Assert.That(t.Entries().Select(e => e.Space), Is.EqualTo(new[] { spaces[2] }));
    }

    [Test]
    public void AuditorsFindEntriesOfEverySpaceByAddressAndByFrame()
    {
        using Machine m = New(64);
        Tlb t = m.CpuAt(0).Tlb;
        t.Space = 9;
        t.Insert(0x20_0000, 0x60_0000, 21, Rw);
        t.Space = 1;
        Assert.That(t.Holds(0x20_5000, out TlbEntry e));
        Assert.That(e, Is.EqualTo(new TlbEntry(0x20_0000, 0x60_0000, 21, Rw, 9)));
        Assert.That(t.HoldsPhysical(0x7f_f000, 4096, out e));
        Assert.That(e.Space, Is.EqualTo(9));
        Assert.That(t.HoldsPhysical(0x80_0000, 4096, out _), Is.False);
        Assert.That(t.HoldsPhysical(0x5f_f000, 4096, out _), Is.False);
        t.InvalidateSpace(9);
        Assert.That(t.Holds(0x20_5000, out _), Is.False);
        Assert.That(t.HoldsPhysical(0x60_0000, 4096, out _), Is.False);
    }

    [Test]
    public void AMergedLeafReplacesTheSmallerEntryThatDidNotServe()
    {
        using Machine m = New(64);
        Tlb t = m.CpuAt(0).Tlb;
        t.Insert(0x20_1000, 0x20_1000, 12, TlbPermissions.KernelRead);
        Assert.That(t.TryLookup(0x20_1000, AccessKind.KernelWrite, out _), Is.False);
        t.Insert(0x20_1000, 0x20_1000, 21, Rw);
        Assert.That(t.TryLookup(0x20_1000, AccessKind.KernelWrite, out ulong pa));
        Assert.That(pa, Is.EqualTo(0x20_1000));
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(4)]
    [TestCase(63)]
    [TestCase(1536)]
    public void ItNeverHoldsMoreThanItsSize(int entries)
    {
        using Machine m = New(entries);
        Tlb t = m.CpuAt(0).Tlb;
        Assert.That(t.Capacity, Is.InRange(1, entries));
        for (ulong i = 0; i < 5000; i++)
            t.Insert(i << 12, 0x20_0000, 12, Rw);
        Assert.That(t.Entries(), Has.Count.EqualTo(t.Capacity));
        Assert.That(t.TryLookup(4999 << 12, AccessKind.KernelRead, out _), "the latest is there");
    }

    // The reference remembers each translation that was put in and not invalidated since; what the TLB says must be one of them.
    [Test]
    public void NoInvalidatedTranslationIsEverReturned() =>
        Prop.ForAll<(byte Op, ushort Va, byte Space)[], byte>((ops, size) =>
        {
            using Machine m = New(1 + (size % 40));
            Tlb t = m.CpuAt(0).Tlb;
            Dictionary<(ulong Page, int Shift, uint Space, bool Global), ulong> live = [];
            ulong frame = 1;
            foreach ((byte op, ushort v, byte sp) in ops)
            {
                uint space = sp % 4u;
                ulong va = Address(v);
                switch (op % 16)
                {
                    case 0 or 1 or 2 or 3 or 4 or 5:
                        t.Space = space;
                        int shift = v % 7 == 0 ? 21 : v % 11 == 0 ? 30 : 12;
                        bool global = op / 16 % 4 == 0;
                        ulong pa = frame++ << 30;
                        t.Insert(va, pa, shift, Rw | (global ? TlbPermissions.Global : 0));
                        live[(va >> shift, shift, global ? 0 : space, global)] = pa;
                        break;
                    case 6 or 7:
                        t.InvalidatePage(va, space);
                        Remove(live, k => Covers(k, va, va) && (k.Global || k.Space == space));
                        break;
                    case 8:
                        t.InvalidatePageAllSpaces(va);
                        Remove(live, k => Covers(k, va, va));
                        break;
                    case 9:
                        t.InvalidateRange(va, 0x5000, space);
                        Remove(live, k => Covers(k, va, va + 0x4fff) && (k.Global || k.Space == space));
                        break;
                    case 10:
                        t.InvalidateRangeAllSpaces(va, 0x100_0000);
                        Remove(live, k => Covers(k, va, va + 0xff_ffff));
                        break;
                    case 11:
                        t.InvalidateSpace(space);
                        Remove(live, k => !k.Global && k.Space == space);
                        break;
                    case 12 when op / 16 == 0:
                        t.InvalidateNonGlobal();
                        Remove(live, k => !k.Global);
                        break;
                    case 13 when op / 16 == 0:
                        t.InvalidateAll();
                        live.Clear();
                        break;
                }

                t.Space = space;
                for (ushort probe = 0; probe < 64; probe++)
                {
                    ulong at = Address(probe);
                    if (!t.TryLookup(at, AccessKind.KernelRead, out ulong got))
                        continue;
                    if (!live.Any(e => Covers(e.Key, at, at) && (e.Key.Global || e.Key.Space == space)
                        && (e.Value | (at & ((1ul << e.Key.Shift) - 1))) == got))
                        return false;
                }

                if (!t.Entries().All(e => live.Any(l => l.Key.Shift == e.Shift && l.Key.Page == e.Address >> e.Shift && l.Value == e.Physical)))
                    return false;
            }

            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(150).WithEndSize(120));

    [Test]
    public void ATlbOfAnySizeAnswersAsTheTablesDo() =>
        Prop.ForAll<(ushort Va, byte Kind)[], byte, bool>((accesses, size, arm) =>
        {
            MachineConfig config = new() { Isa = arm ? Isa.Arm64 : Isa.X86_64, MemoryBytes = 64 << 20, TlbEntries = 1 + size };
            using Machine m = new(config);
            TableBuilder t = arm ? TableBuilder.Arm(m.Memory) : TableBuilder.X86(m.Memory);
            ulong ram = arm ? 0x4100_0000ul : 0x100_0000ul;
            for (ushort v = 0; v < 64; v++)
            {
                if (v % 5 == 4)
                    continue;
                ulong frame = ram + (v * 0x1000ul);
                *t.Entry(Address(v), 1) = arm
                    ? frame | 0x403 | (v % 3 == 0 ? 0x80ul : 0) | (v % 2 == 0 ? 0x800ul : 0)
                    : frame | 1 | (v % 3 == 0 ? 0ul : 2) | (v % 2 == 0 ? 0x100ul : 0) | (v % 7 == 0 ? 4ul : 0);
            }

            AccessKind[] kinds = [AccessKind.KernelRead, AccessKind.KernelWrite, AccessKind.KernelExecute, AccessKind.UserRead, AccessKind.UserWrite];
            Cpu cpu = m.CpuAt(0);
            cpu.TryAcquire();
            cpu.Root = t.Root;
            cpu.KernelRoot = t.Root;
            foreach ((ushort v, byte k) in accesses)
            {
                ulong va = Address((ushort)(v % 64)) | (v & 0xfffu);
                AccessKind kind = kinds[k % kinds.Length];
                bool walked = m.Stage1.Walk(t.Root, va, kind, false, out WalkResult r);
                bool got = cpu.TryTranslate(va, kind, out ulong pa, out WalkFault fault);
                if (walked != got || (got && pa != r.Physical) || (!got && fault.Cause != r.Fault.Cause))
                    return false;
                byte* p = cpu.TryAccess(va, kind, out _);
                if (got ? p != m.Memory.Host(pa) : p != null)
                    return false;
            }

            cpu.Release();
            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100).WithEndSize(300));

    [Test]
    public void HitsAndFillsAllocateNothing()
    {
        using Machine m = New(1536);
        TableBuilder t = TableBuilder.X86(m.Memory);
        for (ulong i = 0; i < 4096; i++)
            *t.Entry(i << 12, 1) = 0x100_0003 + ((i & 255) << 12);
        Cpu cpu = m.CpuAt(0);
        cpu.TryAcquire();
        cpu.Root = t.Root;
        Touch(cpu, 4096);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Touch(cpu, 4096);
        cpu.FlushAll();
        Touch(cpu, 64);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        cpu.Release();
    }

    [Test]
    public void AnAddressThatIsMappedToNoRamIsABusFault()
    {
        using Machine m = New(16);
        TableBuilder t = TableBuilder.X86(m.Memory);
        *t.Entry(0x1000, 1) = 0xC000_0003;
        Cpu cpu = m.CpuAt(0);
        cpu.TryAcquire();
        cpu.Root = t.Root;
        for (int i = 0; i < 3; i++)
        {
            Assert.That(cpu.TryTranslate(0x1000, AccessKind.KernelRead, out ulong pa, out _));
            Assert.That(pa, Is.EqualTo(0xC000_0000));
            Assert.That(cpu.TryAccess(0x1000, AccessKind.KernelRead, out WalkFault fault) == null);
            Assert.That(fault.Cause, Is.EqualTo(FaultCause.Bus));
        }

        cpu.Release();
    }

    private static void Touch(Cpu cpu, ulong pages)
    {
        for (ulong i = 0; i < pages; i++)
        {
            if (!cpu.TryTranslate(i << 12, AccessKind.KernelWrite, out _, out _) || cpu.TryAccess(i << 12, AccessKind.KernelRead, out _) == null)
                throw new InvalidOperationException("a page that is mapped was not found");
        }
    }

    private static Machine New(int entries) => new(new MachineConfig { MemoryBytes = 64 << 20, TlbEntries = entries });

    // A few pages that collide in sets, some under the same large page.
    private static ulong Address(ushort v) => ((ulong)(v % 8) << 12) | ((ulong)(v / 8 % 4) << 21) | ((ulong)(v / 32 % 2) << 30);

    private static bool Covers((ulong Page, int Shift, uint Space, bool Global) k, ulong from, ulong to) =>
        k.Page >= from >> k.Shift && k.Page <= to >> k.Shift;

    private static void Remove<TValue>(
        Dictionary<(ulong Page, int Shift, uint Space, bool Global), TValue> live, Func<(ulong Page, int Shift, uint Space, bool Global), bool> which)
    {
        foreach ((ulong, int, uint, bool) key in live.Keys.Where(which).ToList())
            live.Remove(key);
    }
}
