// SPDX-License-Identifier: GPL-2.0-only
using Iced.Intel;
using KvmSharp.Init;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSharp.Arch.X86.Tests;

/// <summary>Guests that really run, by KVM's own user interface.</summary>
internal sealed unsafe class KvmGuestTests
{
    private const ulong MemoryBytes = 4UL << 20;
    private const ulong Code = 0x10000;
    private const ulong Tables = 0x1000;

    [Test]
    public void A_guest_in_ordinary_memory_writes_and_halts()
    {
        Boot((process, vm) =>
        {
            ulong memory = vm.AddOrdinaryMemory();
            vm.Start(a =>
            {
                a.mov(rax, 0x1122334455667788);
                a.mov(__[0x20000], rax);
                a.hlt();
            });
            Assert.That(vm.Run(), Is.Zero);
            Assert.That(vm.Exit.exit_reason, Is.EqualTo(KVM_EXIT_HLT));
            Span<byte> data = stackalloc byte[8];
            process.Read(memory + 0x20000, data);
            Assert.That(BitConverter.ToUInt64(data), Is.EqualTo(0x1122334455667788));
        });
    }

    private static void Boot(Action<UserProcess, Vm> body, string strategy = "filemap", int cpus = 2)
    {
        using Host host = Host.Boot(new HostOptions { Cpus = cpus, MemoryBytes = 256UL << 20, Strategy = strategy });
        UserProcess.Run(host.Kernel, "vmm", process =>
        {
            var vm = new Vm(process);
            body(process, vm);
            vm.Close();
        });
        Assert.That(host.PowerDown(), Is.Empty);
    }

    /// <summary>A small VMM.</summary>
    private sealed class Vm
    {
        private readonly UserProcess process;
        private readonly int kvm;
        private readonly List<int> files = [];
        private ulong memory;
        private int vcpu = -1;
        private ulong runArea;

        internal Vm(UserProcess process, ulong type = 0)
        {
            this.process = process;
            kvm = process.OpenKvm();
            Fd = Check(process.Ioctl(kvm, KVM_CREATE_VM, type));
        }

        internal int Fd { get; }

        /// <summary>The shared page, through its mapping.</summary>
        internal kvm_run Exit
        {
            get
            {
                kvm_run copy;
                process.Read(runArea, new Span<byte>(&copy, sizeof(kvm_run)));
                return copy;
            }
        }

        internal int Check(long r)
        {
            Assert.That(r, Is.GreaterThanOrEqualTo(0), () => Errno.Name((int)r));
            return (int)r;
        }

        internal ulong AddOrdinaryMemory()
        {
            memory = (ulong)process.Mmap(0, MemoryBytes, 3, 0x22, -1, 0);
            var region = new kvm_userspace_memory_region2 { memory_size = MemoryBytes, userspace_addr = memory };
            Check(process.Ioctl(Fd, KVM_SET_USER_MEMORY_REGION2, Put(&region, sizeof(kvm_userspace_memory_region2))));
            return memory;
        }

        internal void Start(Action<Assembler> code)
        {
            var a = new Assembler(64);
            code(a);
            var stream = new MemoryStream();
            a.Assemble(new StreamCodeWriter(stream), Code);
            process.Write(memory + Code, stream.ToArray());

            // Identity map of the first 1 GiB with 2M pages.
            WriteQword(memory + Tables, (Tables + 0x1000) | 7);
            WriteQword(memory + Tables + 0x1000, (Tables + 0x2000) | 7);
            for (ulong i = 0; i < 512; i++)
                WriteQword(memory + Tables + 0x2000 + (i * 8), (i << 21) | 0x87);

            vcpu = Check(process.Ioctl(Fd, KVM_CREATE_VCPU, 0));
            runArea = (ulong)process.Mmap(0, PAGE_SIZE, 3, 1, vcpu, 0);
            kvm_sregs sregs;
            Check(process.Ioctl(vcpu, KVM_GET_SREGS, process.Scratch));
            process.Read(process.Scratch, new Span<byte>(&sregs, sizeof(kvm_sregs)));
            sregs.cr3 = Tables;
            sregs.cr0 |= 0x80000000;
            Check(process.Ioctl(vcpu, KVM_SET_SREGS, Put(&sregs, sizeof(kvm_sregs))));
            var regs = new kvm_regs { rip = Code, rsp = 0x30000, rflags = 2 };
            Check(process.Ioctl(vcpu, KVM_SET_REGS, Put(&regs, sizeof(kvm_regs))));
        }

        internal long Run() => process.Ioctl(vcpu, KVM_RUN, 0);

        internal void Close()
        {
            if (vcpu >= 0)
                Check(process.Close(vcpu));
            foreach (int fd in files)
                Check(process.Close(fd));
            Check(process.Close(Fd));
            Check(process.Close(kvm));
        }

        private ulong Put(void* data, int size)
        {
            process.Write(process.Scratch, new ReadOnlySpan<byte>(data, size));
            return process.Scratch;
        }

        private void WriteQword(ulong va, ulong value) => process.Write(va, new ReadOnlySpan<byte>(&value, 8));
    }
}
