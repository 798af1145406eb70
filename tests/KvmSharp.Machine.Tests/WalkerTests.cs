// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine.Tests;

[TestFixture]
public sealed unsafe class WalkerTests
{
    private const ulong Mib = 1 << 20;
    private const ulong Gib = 1 << 30;
    private const ulong X = 0xffff_8880_1234_5678;
    private const ulong NoExecute = 1ul << 63;

    private static readonly TestCaseData[] X86Leaves =
    [
        // level, leaf, access, expected cause
        new TestCaseData(1, 0x80_0001ul, AccessKind.KernelRead, FaultCause.None),
        new TestCaseData(1, 0x80_0001ul, AccessKind.KernelWrite, FaultCause.Permission),
        new TestCaseData(1, 0x80_0003ul, AccessKind.KernelWrite, FaultCause.None),
        new TestCaseData(1, 0x80_0003ul, AccessKind.UserRead, FaultCause.Permission),
        new TestCaseData(1, 0x80_0007ul, AccessKind.UserWrite, FaultCause.None),
        new TestCaseData(1, 0x80_0005ul, AccessKind.UserWrite, FaultCause.Permission),
        new TestCaseData(1, 0x80_0007ul, AccessKind.KernelRead, FaultCause.Permission),
        new TestCaseData(1, 0x80_0007ul, AccessKind.KernelExecute, FaultCause.Permission),
        new TestCaseData(1, 0x80_0003ul, AccessKind.KernelExecute, FaultCause.None),
        new TestCaseData(1, 0x80_0003ul | NoExecute, AccessKind.KernelExecute, FaultCause.Permission),
        new TestCaseData(1, 0x80_0007ul | NoExecute, AccessKind.UserExecute, FaultCause.Permission),
        new TestCaseData(1, 0x80_0002ul, AccessKind.Any, FaultCause.NotPresent),
        new TestCaseData(2, 0x80_0083ul, AccessKind.KernelWrite, FaultCause.None),
        new TestCaseData(2, 0x80_1083ul, AccessKind.KernelWrite, FaultCause.None),
        new TestCaseData(2, 0x80_2083ul, AccessKind.KernelWrite, FaultCause.Reserved),
        new TestCaseData(3, 0x4000_0083ul, AccessKind.KernelWrite, FaultCause.None),
        new TestCaseData(3, 0x4020_0083ul, AccessKind.KernelWrite, FaultCause.Reserved),
        new TestCaseData(3, 0ul, AccessKind.KernelRead, FaultCause.NotPresent),
        new TestCaseData(4, 0x83ul, AccessKind.KernelRead, FaultCause.Reserved),
        new TestCaseData(4, 0ul, AccessKind.KernelRead, FaultCause.NotPresent),
    ];

    private static readonly TestCaseData[] ArmLeaves =
    [
        new TestCaseData(1, 0x4080_0403ul, AccessKind.KernelWrite, FaultCause.None),
        new TestCaseData(1, 0x4080_0401ul, AccessKind.KernelRead, FaultCause.NotPresent),
        new TestCaseData(1, 0x4080_0402ul, AccessKind.KernelRead, FaultCause.NotPresent),
        new TestCaseData(1, 0x4080_0483ul, AccessKind.KernelWrite, FaultCause.Permission),
        new TestCaseData(1, 0x4080_0483ul | (1ul << 51), AccessKind.KernelWrite, FaultCause.None),
        new TestCaseData(1, 0x4080_0403ul, AccessKind.UserRead, FaultCause.Permission),
        new TestCaseData(1, 0x4080_0443ul, AccessKind.UserWrite, FaultCause.None),
        new TestCaseData(1, 0x4080_0443ul, AccessKind.KernelRead, FaultCause.Permission),
        new TestCaseData(1, 0x4080_0443ul, AccessKind.KernelExecute, FaultCause.Permission),
        new TestCaseData(1, 0x4080_0403ul | (1ul << 53), AccessKind.KernelExecute, FaultCause.Permission),
        new TestCaseData(1, 0x4080_0403ul, AccessKind.KernelExecute, FaultCause.None),
        new TestCaseData(1, 0x4080_0443ul | (1ul << 54), AccessKind.UserExecute, FaultCause.Permission),
        new TestCaseData(2, 0x4080_0401ul, AccessKind.KernelWrite, FaultCause.None),
        new TestCaseData(3, 0x4000_0401ul, AccessKind.KernelWrite, FaultCause.None),
        new TestCaseData(4, 0x4000_0401ul, AccessKind.KernelWrite, FaultCause.NotPresent),
        new TestCaseData(2, 0ul, AccessKind.KernelWrite, FaultCause.NotPresent),
    ];

    [TestCaseSource(nameof(X86Leaves))]
    public void X86LeavesMeanWhatTheManualSays(int level, ulong leaf, AccessKind kind, FaultCause cause)
    {
        using PhysicalMemory m = new(Isa.X86_64, 64 * Mib);
        TableBuilder t = TableBuilder.X86(m);
        *t.Entry(X, level) = leaf;
        X86PageTables f = new(m, CpuFeatures.X86Default);
        Check(f.Walk(t.Root, X, kind, true, out WalkResult r), r, level, cause, t.EntryAddress(X, level));
        if (cause == FaultCause.None)
        {
            ulong offset = (1ul << (3 + (9 * level))) - 1;
            Assert.That(r.Physical, Is.EqualTo((leaf & 0x000f_ffff_ffff_f000 & ~offset) | (X & offset)));
        }
        else
        {
            Assert.That(*t.Entry(X, level), Is.EqualTo(leaf), "a fault changes nothing");
        }
    }

    [TestCaseSource(nameof(ArmLeaves))]
    public void ArmLeavesMeanWhatTheManualSays(int level, ulong leaf, AccessKind kind, FaultCause cause)
    {
        using PhysicalMemory m = new(Isa.Arm64, 64 * Mib);
        TableBuilder t = TableBuilder.Arm(m);
        *t.Entry(X, level) = leaf;
        Arm64PageTables f = new(m, CpuFeatures.ArmDefault);
        Check(f.Walk(t.Root, X, kind, true, out WalkResult r), r, level, cause, t.EntryAddress(X, level));
        if (cause != FaultCause.None)
            Assert.That(*t.Entry(X, level), Is.EqualTo(leaf), "a fault changes nothing");
    }

    [TestCase(0x0000_8000_0000_0000ul)]
    [TestCase(0xffff_7fff_ffff_ffff)]
    [TestCase(0x8000_0000_0000_0000)]
    public void X86RefusesAddressesThatAreNotCanonical(ulong va)
    {
        using PhysicalMemory m = new(Isa.X86_64, 16 * Mib);
        X86PageTables f = new(m, CpuFeatures.X86Default);
        Assert.That(f.Walk(0x20_0000, va, AccessKind.KernelRead, true, out WalkResult r), Is.False);
        Assert.That(r.Fault.Cause, Is.EqualTo(FaultCause.NonCanonical));
        Assert.That(r.Steps, Is.Zero);
    }

    [Test]
    public void RightsAreTheIntersectionOverX86Levels()
    {
        using PhysicalMemory m = new(Isa.X86_64, 64 * Mib);
        TableBuilder t = TableBuilder.X86(m);
        *t.Entry(X, 1) = 0x80_0007;
        X86PageTables f = new(m, CpuFeatures.X86Default);
        *t.Entry(X, 3) &= ~2ul;
        Assert.That(f.Walk(t.Root, X, AccessKind.UserWrite, true, out _), Is.False);
        Assert.That(f.Walk(t.Root, X, AccessKind.UserRead, true, out _), Is.True);
        *t.Entry(X, 4) &= ~4ul;
        Assert.That(f.Walk(t.Root, X, AccessKind.UserRead, true, out _), Is.False);
        *t.Entry(X, 2) |= NoExecute;
        Assert.That(f.Walk(t.Root, X, AccessKind.KernelExecute, true, out _), Is.False);
    }

    [Test]
    public void X86SetsAccessedOnEachLevelAndDirtyOnTheLeafOfAStore()
    {
        using PhysicalMemory m = new(Isa.X86_64, 64 * Mib);
        TableBuilder t = TableBuilder.X86(m);
        *t.Entry(X, 1) = 0x80_0003;
        X86PageTables f = new(m, CpuFeatures.X86Default);
        f.Walk(t.Root, X, AccessKind.KernelWrite, false, out WalkResult probe);
        Assert.That(*t.Entry(X, 1), Is.EqualTo(0x80_0003), "a probe leaves no trace");
        Assert.That(probe.Permissions & TlbPermissions.Dirty, Is.EqualTo(TlbPermissions.None));

        f.Walk(t.Root, X, AccessKind.KernelRead, true, out WalkResult read);
        Assert.That(*t.Entry(X, 1), Is.EqualTo(0x80_0023));
        Assert.That(read.Permissions & TlbPermissions.Dirty, Is.EqualTo(TlbPermissions.None));
        for (int level = 2; level <= 4; level++)
            Assert.That(*t.Entry(X, level) & 0x60, Is.EqualTo(0x20), $"level {level}");

        f.Walk(t.Root, X, AccessKind.KernelWrite, true, out WalkResult write);
        Assert.That(*t.Entry(X, 1), Is.EqualTo(0x80_0063));
        Assert.That(write.Permissions & TlbPermissions.Dirty, Is.EqualTo(TlbPermissions.Dirty));
    }

    [TestCase(CpuFeatures.X86Default & ~CpuFeatures.X86Gbpages, 3, 0x4000_0083ul, FaultCause.Reserved)]
    [TestCase(CpuFeatures.X86Default & ~CpuFeatures.X86Nx, 1, 0x80_0003ul | NoExecute, FaultCause.Reserved)]
    [TestCase(CpuFeatures.X86Default & ~CpuFeatures.X86Smap, 1, 0x80_0007ul, FaultCause.None)]
    public void AMissingX86FeatureChangesTheMeaning(CpuFeatures features, int level, ulong leaf, FaultCause cause)
    {
        using PhysicalMemory m = new(Isa.X86_64, 64 * Mib);
        TableBuilder t = TableBuilder.X86(m);
        *t.Entry(X, level) = leaf;
        X86PageTables f = new(m, features);
        Check(f.Walk(t.Root, X, AccessKind.KernelRead, true, out WalkResult r), r, level, cause, t.EntryAddress(X, level));
    }

    [TestCase(CpuFeatures.X86Default, true)]
    [TestCase(CpuFeatures.X86Default & ~CpuFeatures.X86Pge, false)]
    public void TheGlobalBitNeedsItsFeature(CpuFeatures features, bool global)
    {
        using PhysicalMemory m = new(Isa.X86_64, 64 * Mib);
        TableBuilder t = TableBuilder.X86(m);
        *t.Entry(X, 1) = 0x80_0103;
        Assert.That(new X86PageTables(m, features).Walk(t.Root, X, AccessKind.KernelRead, true, out WalkResult r));
        Assert.That((r.Permissions & TlbPermissions.Global) != 0, Is.EqualTo(global));
    }

    [Test]
    public void ATableOutsideRamIsABusFault()
    {
        using PhysicalMemory m = new(Isa.X86_64, 16 * Mib);
        TableBuilder t = TableBuilder.X86(m);
        *t.Entry(X, 4) = 0xC000_0003;
        Assert.That(new X86PageTables(m, CpuFeatures.X86Default).Walk(t.Root, X, AccessKind.KernelRead, true, out WalkResult r), Is.False);
        Assert.That(r.Fault.Cause, Is.EqualTo(FaultCause.Bus));
        Assert.That(r.Fault.Level, Is.EqualTo(3));
    }

    [Test]
    public void ArmSetsTheAccessFlagAndCleansReadOnlyOnAStoreWithDbm()
    {
        using PhysicalMemory m = new(Isa.Arm64, 64 * Mib);
        TableBuilder t = TableBuilder.Arm(m);
        ulong leaf = 0x4080_0083ul | (1ul << 51);
        *t.Entry(X, 1) = leaf;
        Arm64PageTables f = new(m, CpuFeatures.ArmDefault);
        Assert.That(f.Walk(t.Root, X, AccessKind.KernelRead, true, out WalkResult r));
        Assert.That(*t.Entry(X, 1), Is.EqualTo(leaf | Arm64PageTables.AccessFlag));
        Assert.That(r.Permissions & TlbPermissions.Dirty, Is.EqualTo(TlbPermissions.None));
        Assert.That(f.Walk(t.Root, X, AccessKind.KernelWrite, true, out r));
        Assert.That(*t.Entry(X, 1), Is.EqualTo((leaf | Arm64PageTables.AccessFlag) & ~Arm64PageTables.ReadOnly));
        Assert.That(r.Permissions & TlbPermissions.Dirty, Is.EqualTo(TlbPermissions.Dirty));
    }

    [Test]
    public void ArmWithoutHardwareUpdatesFaultsOnAClearAccessFlag()
    {
        using PhysicalMemory m = new(Isa.Arm64, 64 * Mib);
        TableBuilder t = TableBuilder.Arm(m);
        *t.Entry(X, 1) = 0x4080_0003;
        Arm64PageTables f = new(m, CpuFeatures.None);
        Assert.That(f.Walk(t.Root, X, AccessKind.KernelRead, true, out WalkResult r), Is.False);
        Assert.That(r.Fault.Cause, Is.EqualTo(FaultCause.AccessFlag));
        Assert.That(r.Fault.ArmFaultStatus, Is.EqualTo(0b001011));
    }

    [TestCase(61, AccessKind.UserRead)]
    [TestCase(62, AccessKind.UserWrite)]
    [TestCase(60, AccessKind.UserExecute)]
    [TestCase(59, AccessKind.KernelExecute)]
    public void ArmTableAttributesTakeRightsAway(int bit, AccessKind kind)
    {
        using PhysicalMemory m = new(Isa.Arm64, 64 * Mib);
        TableBuilder t = TableBuilder.Arm(m);
        ulong leaf = kind == AccessKind.KernelExecute ? 0x4080_0403ul : 0x4080_0443ul;
        *t.Entry(X, 1) = leaf;
        Arm64PageTables f = new(m, CpuFeatures.ArmDefault);
        Assert.That(f.Walk(t.Root, X, kind, true, out _));
        *t.Entry(X, 3) |= 1ul << bit;
        Assert.That(f.Walk(t.Root, X, kind, true, out _), Is.False);
    }

    [TestCase(1, 0x80_0007ul, AccessKind.KernelWrite, FaultCause.None)]
    [TestCase(1, 0x80_0005ul, AccessKind.KernelWrite, FaultCause.Permission)]
    [TestCase(1, 0x80_0003ul, AccessKind.UserExecute, FaultCause.Permission)]
    [TestCase(1, 0x80_0004ul, AccessKind.UserRead, FaultCause.Permission)]
    [TestCase(1, 0x80_0000ul, AccessKind.Any, FaultCause.NotPresent)]
    [TestCase(1, 0x80_0002ul, AccessKind.UserWrite, FaultCause.Reserved)]
    [TestCase(2, 0x80_0087ul, AccessKind.UserWrite, FaultCause.None)]
    [TestCase(2, 0x80_1087ul, AccessKind.UserWrite, FaultCause.Reserved)]
    [TestCase(3, 0x4000_0087ul, AccessKind.UserWrite, FaultCause.None)]
    public void EptLeavesMeanWhatTheManualSays(int level, ulong leaf, AccessKind kind, FaultCause cause)
    {
        using PhysicalMemory m = new(Isa.X86_64, 64 * Mib);
        TableBuilder t = TableBuilder.X86(m);
        ulong gpa = 0x12_3456_7000;
        *t.Entry(gpa, level) = leaf;
        Check(new X86Ept(m, CpuFeatures.None).Walk(t.Root, gpa, kind, true, out WalkResult r), r, level, cause, t.EntryAddress(gpa, level));
        if (cause == FaultCause.None)
            Assert.That(*t.Entry(gpa, level), Is.EqualTo(leaf | X86Ept.Accessed | X86Ept.Dirty));
    }

    [TestCase(1, 0x4080_04c3ul, AccessKind.KernelWrite, FaultCause.None)]
    [TestCase(1, 0x4080_0443ul, AccessKind.KernelWrite, FaultCause.Permission)]
    [TestCase(1, 0x4080_0403ul, AccessKind.KernelRead, FaultCause.Permission)]
    [TestCase(1, 0x4080_0443ul | (1ul << 51), AccessKind.KernelWrite, FaultCause.None)]
    [TestCase(1, 0x4080_04c3ul | (1ul << 54), AccessKind.UserExecute, FaultCause.Permission)]
    [TestCase(2, 0x4080_04c1ul, AccessKind.UserExecute, FaultCause.None)]
    [TestCase(1, 0x4080_04c1ul, AccessKind.UserExecute, FaultCause.NotPresent)]
    public void Stage2LeavesMeanWhatTheManualSays(int level, ulong leaf, AccessKind kind, FaultCause cause)
    {
        using PhysicalMemory m = new(Isa.Arm64, 64 * Mib);
        TableBuilder t = TableBuilder.Arm(m);
        ulong ipa = 0x12_3456_7000;
        *t.Entry(ipa, level) = leaf;
        Check(new Arm64Stage2(m, CpuFeatures.ArmDefault).Walk(t.Root, ipa, kind, true, out WalkResult r), r, level, cause, t.EntryAddress(ipa, level));
    }

    [TestCase(AccessKind.KernelRead, FaultCause.NotPresent, 0u)]
    [TestCase(AccessKind.UserWrite, FaultCause.NotPresent, 6u)]
    [TestCase(AccessKind.UserWrite, FaultCause.Permission, 7u)]
    [TestCase(AccessKind.KernelExecute, FaultCause.Permission, 17u)]
    [TestCase(AccessKind.KernelWrite, FaultCause.Reserved, 11u)]
    public void TheX86ErrorCodeIsBuiltFromCauseAndAccess(AccessKind kind, FaultCause cause, uint code) =>
        Assert.That(new WalkFault(X, kind, cause, 1, 0, 0).X86ErrorCode, Is.EqualTo(code));

    [Test]
    public void AGuestIsTranslatedThroughBothStages()
    {
        using Machine machine = new(new MachineConfig { MemoryBytes = 64 * Mib });
        PhysicalMemory m = machine.Memory;

        // Guest-physical page n lies at 16 MiB + n pages; the guest's tables are built at their host addresses.
        const ulong Base = 0x100_0000;
        TableBuilder ept = TableBuilder.X86(m);
        for (ulong n = 0; n < 32; n++)
            *ept.Entry(n << 12, 1) = (Base + (n << 12)) | 7;
        ulong gva = 0x40_1000;
        for (int level = 4; level > 1; level--)
        {
            ulong table = 0x1000ul * (ulong)(5 - level);
            *(ulong*)m.Host(Base + table + (8 * ((gva >> (3 + (9 * level))) & 511))) = (table + 0x1000) | 7;
        }

        *(ulong*)m.Host(Base + 0x4000 + (8 * ((gva >> 12) & 511))) = 0x9007;
        GuestAddressSpace guest = new(3, machine.Stage2)
        {
            Stage1 = machine.Stage1,
            Root = 0x1000,
            Stage2Root = ept.Root,
            Asid = 5,
        };
        Cpu cpu = machine.CpuAt(0);
        Assert.That(cpu.TryAcquire());
        Assert.That(cpu.TryTranslateGuest(guest, gva + 0x34, AccessKind.UserWrite, out ulong pa, out _));
        Assert.That(pa, Is.EqualTo(Base + 0x9034));
        Assert.That(cpu.Events[HwEvent.WalkStep], Is.EqualTo(24 + 16), "24 loads, and the second stage walked again to set the flags of 4 entries");
        Assert.That(cpu.TryTranslateGuest(guest, gva, AccessKind.UserRead, out _, out _));
        Assert.That(cpu.Events[HwEvent.GuestTlbHit], Is.EqualTo(1));

        // The entry of the second stage goes, the flush comes, and the fault names the guest-physical address.
        *ept.Entry(0x9000, 1) = 0;
        Assert.That(cpu.TryTranslateGuest(guest, gva, AccessKind.UserRead, out _, out _), "not yet flushed");
        cpu.FlushGuest(3);
        Assert.That(cpu.TryTranslateGuest(guest, gva + 8, AccessKind.UserRead, out _, out WalkFault fault), Is.False);
        Assert.That(fault.Cause, Is.EqualTo(FaultCause.Stage2));
        Assert.That(fault.Stage2Cause, Is.EqualTo(FaultCause.NotPresent));
        Assert.That(fault.Stage2Address, Is.EqualTo(0x9008));

        // The page with the guest's third table goes.
        *ept.Entry(0x2000, 1) = 0;
        Assert.That(cpu.TryTranslateGuest(guest, gva, AccessKind.UserRead, out _, out fault), Is.False);
        Assert.That(fault.Cause, Is.EqualTo(FaultCause.Stage2Walk));
        Assert.That(fault.Stage2Address & ~0xffful, Is.EqualTo(0x2000));
        cpu.Release();
    }

    private static void Check(bool found, in WalkResult r, int level, FaultCause cause, ulong entryAddress)
    {
        Assert.That(r.Fault.Cause, Is.EqualTo(cause));
        Assert.That(found, Is.EqualTo(cause == FaultCause.None));
        Assert.That(r.Success, Is.EqualTo(found));
        Assert.That(r.EntryAddress, Is.EqualTo(entryAddress));
        Assert.That(r.Steps, Is.EqualTo(5 - level));
        if (found)
            Assert.That(r.Shift, Is.EqualTo(3 + (9 * level)));
        else
            Assert.That(r.Fault.Level, Is.EqualTo(level));
    }
}
