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
        UserProcess.Run(host.Kernel, "opener", static process => process.Syscall(0, static _ =>
        {
            int first = Eventfd.sys_eventfd2(0, 0);
            int second = Linux.File.get_unused_fd_flags(0);
            Linux.@file file = Linux.File.fget((uint)first)!;
            spinlock_t table = CurrentH.current.files!.file_lock;
            SpinlockH.spin_lock(table);
            Assert.That(() => Linux.File.fd_install(second, file), Throws.TypeOf<KernelOops>().With.Message.Contain("file_lock"));

            // What the second spin_lock() had begun when it was stopped, and the first.
            PreemptH.preempt_enable();
            SpinlockH.spin_unlock(table);
            FileTable.fput(file);
            Linux.File.put_unused_fd(second);
            return 0;
        }));
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
