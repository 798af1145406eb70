// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine.Tests;

[TestFixture]
public sealed unsafe class CpuTests
{
    private const ulong Va = 0xffff_8880_0000_0000;

    [Test]
    public void AStoreThroughACleanEntryWalksAgainAndSetsTheDirtyBit()
    {
        using Machine m = new(new MachineConfig { MemoryBytes = 64 << 20 });
        TableBuilder t = TableBuilder.X86(m.Memory);
        *t.Entry(Va, 1) = 0x100_0000 | 3;
        Cpu cpu = m.Cpus[0];
        Assert.That(cpu.TryAcquire());
        cpu.Root = t.Root;

        Assert.That(cpu.TryTranslate(Va + 5, AccessKind.KernelRead, out ulong pa, out _));
        Assert.That(pa, Is.EqualTo(0x100_0005));
        Assert.That(*t.Entry(Va, 1), Is.EqualTo(0x100_0000 | 3 | X86PageTables.Accessed));
        Assert.That(cpu.TryTranslate(Va + 6, AccessKind.KernelWrite, out _, out _));
        Assert.That(*t.Entry(Va, 1) & X86PageTables.Dirty, Is.Not.Zero);
        byte* p = cpu.TryAccess(Va + 7, AccessKind.KernelWrite, out _);
        Assert.That(m.Memory.Physical(p), Is.EqualTo(0x100_0007));
        cpu.Release();

        Assert.That(cpu.Events[HwEvent.TlbMiss], Is.EqualTo(2));
        Assert.That(cpu.Events[HwEvent.TlbHit], Is.EqualTo(1));
        Assert.That(cpu.Events[HwEvent.WalkStep], Is.EqualTo(8));
    }
}
