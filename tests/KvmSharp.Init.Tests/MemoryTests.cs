// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using KvmSharp.Machine;
using KvmSharp.Vmm;
using Linux;

namespace KvmSharp.Init.Tests;

[TestFixture]
internal sealed class MemoryTests
{
    private const ulong MiB = 1UL << 20;
    private const int KeepSize = 1;
    private const int KeepSizePunchHole = 3;
    private const int Pages = 4096;
    private const uint PreFaultMemory = 0xC040AED5;

    // Far below one byte for each page; room for what happens once, such as a grown list.
    private const long Constant = 2048;

    [Test]
    public void FallocateFaultAndPunchAllocateNothingOnTheManagedHeap([Values] Isa isa, [Values("none", "v12", "filemap")] string strategy)
    {
        using Host host = Host.Boot(new HostOptions { Isa = isa, Cpus = 1, Strategy = strategy, MemoryBytes = 256 * MiB });
        long fallocate = 0, punch = 0, fault = 0;
        UserProcess.Run(host.Kernel, "vmm", process =>
        {
            const long Length = Pages * 4096L;
            VirtualMachine machine = VirtualMachine.Create(process, (ulong)Length, Guest.Flags(strategy));
            for (int round = 0; round < 3; round++)
            {
                long start = GC.GetAllocatedBytesForCurrentThread();
                long error = process.Fallocate(machine.MemoryFd, KeepSize, 0, Length);
                fallocate = GC.GetAllocatedBytesForCurrentThread() - start;
                Assert.That(error, Is.Zero);
                punch = Punch(process, machine.MemoryFd, Length);

                start = GC.GetAllocatedBytesForCurrentThread();
                Touch(process, machine.UserAddress, 0, Pages);
                fault = GC.GetAllocatedBytesForCurrentThread() - start;
                Punch(process, machine.MemoryFd, Length);
            }

            // The program's own side of a store is not the fault's; what one store allocates on a page that is there is not counted.
            Touch(process, machine.UserAddress, 0, Pages);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Touch(process, machine.UserAddress, 0, Pages);
            fault -= GC.GetAllocatedBytesForCurrentThread() - before;
            machine.Close();
        });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(fallocate, Is.LessThan(Constant), "fallocate");
            Assert.That(fault, Is.LessThan(Constant), "first writes");
            Assert.That(punch, Is.LessThan(Constant), "punch hole");
            Assert.That(host.PowerDown(), Is.Empty);
        }
    }

    [Test]
    public void FaultsOfAGuestAllocateNothingOnTheManagedHeap([Values("none", "v12", "filemap")] string strategy)
    {
        using Host host = Host.Boot(new HostOptions { Cpus = 1, Strategy = strategy, MemoryBytes = 256 * MiB });
        long allocated = 0;
        UserProcess.Run(host.Kernel, "vmm", process =>
        {
            const long Length = Pages * 4096L;
            VirtualMachine machine = VirtualMachine.Create(process, (ulong)Length, Guest.Flags(strategy));
            int vcpu = (int)process.Ioctl(machine.Vm, Kvm.CreateVcpu, 0);
            Assert.That(vcpu, Is.Positive);
            byte[] range = new byte[64];
            for (int round = 0; round < 3; round++)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(range, 0);
                BinaryPrimitives.WriteUInt64LittleEndian(range.AsSpan(8), (ulong)Length);
                process.Write(process.Scratch, range);
                long start = GC.GetAllocatedBytesForCurrentThread();
                long error = process.Ioctl(vcpu, PreFaultMemory, process.Scratch);
                allocated = GC.GetAllocatedBytesForCurrentThread() - start;
                Assert.That(error, Is.Zero);
                process.Read(process.Scratch, range);
                Assert.That(BinaryPrimitives.ReadUInt64LittleEndian(range.AsSpan(8)), Is.Zero, "bytes left to fault in");
                Punch(process, machine.MemoryFd, Length);
            }

            Assert.That(process.Close(vcpu), Is.Zero);
            machine.Close();
        });
        Assert.That(allocated, Is.LessThan(Constant));
        Assert.That(host.PowerDown(), Is.Empty);
    }

    [Test]
    public void AGuestThatTheHostCannotHoldGetsEnomemAndNothingLeaks([Values] Isa isa, [Values("none", "v12", "filemap")] string strategy)
    {
        using Host host = Host.Boot(new HostOptions { Isa = isa, Cpus = 1, Strategy = strategy, MemoryBytes = 64 * MiB });
        const long Guest128 = 128L << 20;
        UserProcess.Run(host.Kernel, "vmm", process =>
        {
            VirtualMachine machine = VirtualMachine.Create(process, (ulong)Guest128, Guest.Flags(strategy));
            Assert.That(process.Fallocate(machine.MemoryFd, KeepSize, 0, Guest128), Is.EqualTo(-Errno.ENOMEM));

            // The memory comes back, and the file still works.
            Assert.That(process.Fallocate(machine.MemoryFd, KeepSizePunchHole, 0, Guest128), Is.Zero);
            Assert.That(process.Fallocate(machine.MemoryFd, KeepSize, 0, 4 << 20), Is.Zero);
            process.Write(machine.UserAddress + 4096, [1, 2, 3]);
            machine.Close();
        });
        Assert.That(host.PowerDown(), Is.Empty);
    }

    private static long Punch(UserProcess process, int fd, long length)
    {
        long start = GC.GetAllocatedBytesForCurrentThread();
        long error = process.Fallocate(fd, KeepSizePunchHole, 0, length);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - start;
        Assert.That(error, Is.Zero);
        return allocated;
    }

    private static void Touch(UserProcess process, ulong address, int from, int to)
    {
        Span<byte> one = [1];
        for (int i = from; i < to; i++)
            process.Write(address + ((ulong)i * 4096), one);
    }
}
