// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine.Tests;

[TestFixture]
public sealed unsafe class PhysicalMemoryTests
{
    [Test]
    public void X86HasItsTwoHoles()
    {
        using PhysicalMemory m = new(Isa.X86_64, 5ul << 30);
        Assert.That(m.Ranges, Is.EqualTo(new PhysicalRange[]
        {
            new(0, 0xA0000), new(0x100000, 3ul << 30), new(4ul << 30, 6ul << 30),
        }));
        Assert.That(m.Limit, Is.EqualTo(6ul << 30));
        Assert.That(m.TotalBytes, Is.EqualTo((5ul << 30) - 0x60000));
    }

    [TestCase(0ul, 1ul, true)]
    [TestCase(0x9ffffu, 1ul, true)]
    [TestCase(0x9ffffu, 2ul, false)]
    [TestCase(0xa0000u, 1ul, false)]
    [TestCase(0xfffffu, 1ul, false)]
    [TestCase(0x100000ul, 0xbff00000ul, true)]
    [TestCase(0x100000ul, 0xbff00001ul, false)]
    [TestCase(0xc0000000ul, 8ul, false)]
    [TestCase(0xfffffff8ul, 8ul, false)]
    [TestCase(0xfffffff8ul, 16ul, false)]
    [TestCase(0x100000000ul, 0x80000000ul, true)]
    [TestCase(0x17ffffff8ul, 16ul, false)]
    [TestCase(0x180000000ul, 0ul, false)]
    [TestCase(0x100000000ul, ulong.MaxValue, false)]
    [TestCase(ulong.MaxValue, 1ul, false)]
    public void TheEdgesOfRamAreExact(ulong pa, ulong length, bool ram)
    {
        using PhysicalMemory m = new(Isa.X86_64, 5ul << 30);
        Assert.That(m.IsRam(pa, length), Is.EqualTo(ram));
        if (ram)
            Assert.That((nint)m.HostChecked(pa, length), Is.Not.Zero);
        else
            Assert.Throws<BusErrorException>(() => m.HostChecked(pa, length));
    }

    [Test]
    public void ArmRamStartsAtOneGib()
    {
        using PhysicalMemory m = new(Isa.Arm64, 16 << 20);
        Assert.That(m.Ranges, Is.EqualTo(new PhysicalRange[] { new(1ul << 30, (1ul << 30) + (16 << 20)) }));
        Assert.That(m.IsRam(0, 1), Is.False);
    }

    [Test]
    public void MemoryKeepsWhatIsStoredAndDiscardedPagesReadAsZero()
    {
        using PhysicalMemory m = new(Isa.X86_64, 16 << 20);
        ulong* p = (ulong*)m.Host(0x20_0000);
        Assert.That(*p, Is.Zero);
        *p = 42;
        *(ulong*)m.Host(0x20_1000) = 43;
        Assert.That(m.Physical(p), Is.EqualTo(0x20_0000));
        m.Discard(0x20_0000, 4096);
        Assert.That(*p, Is.Zero);
        Assert.That(*(ulong*)m.Host(0x20_1000), Is.EqualTo(43));
        Assert.Throws<BusErrorException>(() => m.Discard(0x9f000, 8192));
    }

    [Test]
    public void ATebibyteCostsNothingUntilTouched()
    {
        using Machine m = new(new MachineConfig { MemoryBytes = 1ul << 40, Cpus = 4 });
        Assert.That(m.Memory.Limit, Is.EqualTo((1ul << 40) + (1ul << 30)));
        long before = m.Memory.ResidentBytes;
        Assert.That(before, Is.InRange(0, 2 << 20));
        for (ulong i = 0; i < 64; i++)
            *m.Memory.Host((4ul << 30) + (i * (8ul << 30))) = 1;
        Assert.That(m.Memory.ResidentBytes - before, Is.InRange(64 * 4096, 64ul << 21));
    }

    [Test]
    public void MachinesDoNotShareMemory()
    {
        using Machine a = new(new MachineConfig { MemoryBytes = 16 << 20 });
        using Machine b = new(new MachineConfig { MemoryBytes = 16 << 20 });
        *a.Memory.Host(0x1000) = 1;
        Assert.That(*b.Memory.Host(0x1000), Is.Zero);
    }
}
