// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using KvmSharp.Arch.X86;
using KvmSharp.Arch.X86.Tests.Guest;

namespace KvmSharp.Vmm.Tests;

[TestFixture]
internal sealed class BundledGuestTests
{
    [Test]
    public void GuestBootsTouchesItsMemoryAndHalts([Values(1, 2, 5)] int vcpus)
    {
        var boot = new GuestBoot { Vcpus = vcpus, MemoryBytes = 8 << 20 };
        using FlatVm vm = GuestRunner.Boot(GuestProgram.Bundled(boot), boot, out X86ExitKind[] exits);
        Assert.That(exits, Is.All.EqualTo(X86ExitKind.Halt), vm.Serial);
        Assert.That(vm.Serial, Does.StartWith($"KvmSharp guest: {vcpus} vCPU, 8 MiB\n"));
        Assert.That(vm.Serial, Does.Contain("paging: own tables at 0x20000, upper half at 0xffff800000000000\n"));
        Assert.That(vm.Serial, Does.Contain("exceptions: #DE #BP #UD #PF taken, CR2 0x7fffdeadb000\n"));
        Assert.That(vm.Serial, Does.EndWith("done: 1792 pages, 0 errors, 4 exceptions\n"));
        Assert.That(GuestRunner.Info(vm, GuestProgram.InfoVerdict), Is.EqualTo(1UL));
        Assert.That(GuestRunner.Info(vm, GuestProgram.InfoDone), Is.EqualTo((ulong)vcpus));
        Assert.That(vm.DeviceLog.Count(d => !d.Write && d.Address == boot.DeviceAddress && d.Size == 4), Is.EqualTo(vcpus));
        Assert.That(vm.DeviceLog.Where(d => d.Write).Select(d => d.Value), Is.EquivalentTo(Enumerable.Range(0, vcpus).Select(i => (ulong)((uint)~boot.DeviceAddress + (uint)i))));

        // Each touched word, by the formula of the guest, and only those.
        ulong address = (1 << 20) + (100 * 64);
        Assert.That(vm.Word(address), Is.EqualTo(address ^ 0x9e3779b97f4a7c15));
        Assert.That(vm.Word(address + 8), Is.Zero);
    }

    [Test]
    public void TouchedBytesAndStrideAreThoseThatWereAskedFor()
    {
        var boot = new GuestBoot { MemoryBytes = 4 << 20, TouchBytes = 8192, Stride = 4096, DeviceAddress = 0 };
        using FlatVm vm = GuestRunner.Boot(GuestProgram.Bundled(boot), boot, out _);
        Assert.That(GuestRunner.Info(vm, GuestProgram.InfoPages), Is.EqualTo(2UL));
        Assert.That(vm.Word((1 << 20) + 4096), Is.Not.Zero);
        Assert.That(vm.Word((1 << 20) + 8192), Is.Zero);
        Assert.That(vm.DeviceLog, Is.Empty);
    }

    [TestCase(0, 16u, 64u)]
    [TestCase(33, 16u, 64u)]
    [TestCase(1, 0u, 64u)]
    [TestCase(1, 16u, 48u)]
    [TestCase(1, 16u, 0u)]
    public void ParametersOutOfRangeAreRefused(int vcpus, uint megabytes, uint stride)
    {
        var boot = new GuestBoot { Vcpus = vcpus, MemoryBytes = (ulong)megabytes << 20, Stride = stride };
        Assert.That(() => GuestProgram.Bundled(boot), Throws.ArgumentException);
    }

    [Test]
    public void ADeviceInMemoryIsRefused() =>
        Assert.That(() => GuestProgram.Bundled(new GuestBoot { DeviceAddress = 0x200000 }), Throws.ArgumentException.With.Message.Contains("device"));
}
