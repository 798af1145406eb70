// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Machine;
using Linux;

namespace KvmSharp.Init.Tests;

[TestFixture]
internal sealed class ProcessTests
{
    /// <summary>A table that grows is copied: an entry that is written meanwhile, behind the copy, would be lost with the old table.</summary>
    [Test]
    public void AFileIsPublishedUnderTheLockOfTheTable()
    {
        using Host host = Host.Boot(new HostOptions { MemoryBytes = 64UL << 20 });
        Assert.That(
            () => UserProcess.Run(host.Kernel, "opener", static process => process.Syscall(0, static _ =>
            {
                int first = Eventfd.sys_eventfd2(0, 0);
                int second = Linux.File.get_unused_fd_flags(0);
                SpinlockH.spin_lock(CurrentH.current.files!.file_lock);
                Linux.File.fd_install(second, Linux.File.fget((uint)first)!);
                return 0;
            })),
            Throws.TypeOf<KernelOops>().With.Message.Contain("file_lock"));
    }

    [Test]
    public void AForkedChildGoesOnFromItsParentsBreakAndWithoutItsLocks()
    {
        using Host host = Host.Boot(new HostOptions { MemoryBytes = 64UL << 20 });
        UserProcess.Run(host.Kernel, "parent", static process =>
        {
            ulong end = Volatile.Read(ref process.Mm.start_brk) + 8192;
            Assert.That((ulong)process.Syscall(end, static brk => Mmap.sys_brk(brk)), Is.EqualTo(end));
            Assert.That(process.Syscall(0, static _ => Mlock.sys_mlockall(2)), Is.Zero);
            process.RunForkedChild(child =>
            {
                Assert.That(Volatile.Read(ref child.Mm.brk), Is.EqualTo(end));
                ulong grown = (ulong)child.Syscall(end + 4096, static brk => Mmap.sys_brk(brk));
                Assert.That(grown, Is.EqualTo(end + 4096));
                Assert.That(Volatile.Read(ref child.Mm.locked_vm), Is.Zero);
            });
            Assert.That(Volatile.Read(ref process.Mm.brk), Is.EqualTo(end));
        });
        Assert.That(host.PowerDown(), Is.Empty);
    }
}
