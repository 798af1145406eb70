// SPDX-License-Identifier: GPL-2.0-only
using Iced.Intel;
using KvmSharp.Init;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSharp.Arch.X86.Tests;

/// <summary>Guests that really run, by KVM's own user interface.</summary>
internal sealed unsafe partial class KvmGuestTests
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

    [TestCase("none", 3UL)]
    [TestCase("v12", 7UL)]
    [TestCase("filemap", 7UL)]
    public void A_guest_runs_out_of_guest_memfd_and_no_byte_of_it_stays_in_the_direct_map(string strategy, ulong flags)
    {
        Boot(
            (process, vm) =>
            {
                vm.AddGuestMemfd(flags);
                vm.Start(a =>
                {
                    Label again = a.CreateLabel();
                    a.mov(rdi, 0x100000);
                    a.Label(ref again);
                    a.mov(__[rdi], rdi);
                    a.add(rdi, 4096);
                    a.cmp(rdi, 0x200000);
                    a.jne(again);
                    a.hlt();
                });
                Assert.That(vm.Run(), Is.Zero);
                Assert.That(vm.Exit.exit_reason, Is.EqualTo(KVM_EXIT_HLT));
                for (ulong at = 0x100000; at < 0x200000; at += PAGE_SIZE)
                    Assert.That(vm.ReadQword(at), Is.EqualTo(at));
            },
            strategy);
    }

    [Test]
    public void Ports_leave_for_user_space_and_take_its_answers()
    {
        Boot((process, vm) =>
        {
            vm.AddOrdinaryMemory();
            vm.Start(a =>
            {
                a.mov(dx, 0x3f8);
                a.mov(al, 0x41);
                a.@out(dx, al);
                a.mov(dx, 0x60);
                a.@in(eax, dx);
                a.mov(__[0x20000], rax);
                a.hlt();
            });
            Assert.That(vm.Run(), Is.Zero);
            kvm_run exit = vm.Exit;
            Assert.That((exit.exit_reason, exit.io_direction, exit.io_size, exit.io_port, exit.io_count), Is.EqualTo((KVM_EXIT_IO, (byte)1, (byte)1, (ushort)0x3f8, 1u)));
            Assert.That(vm.ReadRun(exit.io_data_offset) & 0xff, Is.EqualTo(0x41));
            Assert.That(vm.Run(), Is.Zero);
            exit = vm.Exit;
            Assert.That((exit.exit_reason, exit.io_direction, exit.io_size, exit.io_port), Is.EqualTo((KVM_EXIT_IO, (byte)0, (byte)4, (ushort)0x60)));
            vm.WriteRun(exit.io_data_offset, 0xdeadbeef);
            Assert.That(vm.Run(), Is.Zero);
            Assert.That(vm.Exit.exit_reason, Is.EqualTo(KVM_EXIT_HLT));
            Assert.That(vm.ReadQword(0x20000), Is.EqualTo(0xdeadbeef));
        });
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Devices_are_reached_by_emulation_also_from_memory_outside_the_direct_map(bool gmem)
    {
        Boot((process, vm) =>
        {
            if (gmem)
                vm.AddGuestMemfd(7);
            else
                vm.AddOrdinaryMemory();
            vm.Start(a =>
            {
                a.mov(rdi, 0x10000000);
                a.mov(__qword_ptr[rdi + 8], 0x55);
                a.mov(ebx, __dword_ptr[rdi + 16]);
                a.mov(__[0x20000], rbx);
                a.hlt();
            });
            Assert.That(vm.Run(), Is.Zero);
            kvm_run exit = vm.Exit;
            Assert.That((exit.exit_reason, exit.mmio_phys_addr, exit.mmio_len, exit.mmio_is_write), Is.EqualTo((KVM_EXIT_MMIO, 0x10000008UL, 8u, (byte)1)));
            Assert.That(*(ulong*)exit.mmio_data, Is.EqualTo(0x55));
            Assert.That(vm.Run(), Is.Zero);
            exit = vm.Exit;
            Assert.That((exit.exit_reason, exit.mmio_phys_addr, exit.mmio_len, exit.mmio_is_write), Is.EqualTo((KVM_EXIT_MMIO, 0x10000010UL, 4u, (byte)0)));
            vm.WriteRun(40, 0xcafe);
            Assert.That(vm.Run(), Is.Zero);
            Assert.That(vm.Exit.exit_reason, Is.EqualTo(KVM_EXIT_HLT));
            Assert.That(vm.ReadQword(0x20000), Is.EqualTo(0xcafe));
        });
    }

    [Test]
    public void A_hole_punched_under_the_guest_reads_as_zero_afterwards()
    {
        Boot((process, vm) =>
        {
            int gmem = vm.AddGuestMemfd(7);
            vm.Start(a =>
            {
                a.mov(rax, 0x77);
                a.mov(__[0x100000], rax);
                a.hlt();
                a.mov(rbx, __qword_ptr[0x100000]);
                a.mov(__[0x20000], rbx);
                a.hlt();
            });
            Assert.That(vm.Run(), Is.Zero);
            Assert.That(vm.ReadQword(0x100000), Is.EqualTo(0x77));
            Assert.That(process.Fallocate(gmem, 3, 0x100000, 0x1000), Is.Zero);
            vm.WriteQwordAt(0x20000, 1);
            Assert.That(vm.Run(), Is.Zero);
            Assert.That(vm.ReadQword(0x20000), Is.Zero);
        });
    }

    [Test]
    public void The_dirty_log_has_exactly_the_pages_that_the_guest_wrote()
    {
        Boot((process, vm) =>
        {
            vm.AddOrdinaryMemory(KVM_MEM_LOG_DIRTY_PAGES);
            vm.Start(a =>
            {
                // The first round sets the accessed and dirty bits of the guest's own tables.
                a.mov(rax, 1);
                a.mov(__[0x100000], rax);
                a.mov(rbx, __qword_ptr[0x102000]);
                a.hlt();
                a.mov(__[0x100000], rax);
                a.mov(__[0x104000], rax);
                a.hlt();
                a.hlt();
            });
            Assert.That(vm.Run(), Is.Zero);
            HashSet<int> first = vm.DirtyPages();
            Assert.That(first, Does.Contain(0x100));
            Assert.That(first, Does.Not.Contain(0x102), "the zero page is mapped read-only");
            Assert.That(vm.Run(), Is.Zero);
            Assert.That(vm.DirtyPages(), Is.EquivalentTo(new[] { 0x100, 0x104 }));
            Assert.That(vm.Run(), Is.Zero);
            Assert.That(vm.DirtyPages(), Is.Empty);
        });
    }

    [Test]
    public void A_read_only_slot_turns_writes_into_device_exits()
    {
        Boot((process, vm) =>
        {
            vm.AddOrdinaryMemory();
            vm.AddSlot(1, 0x40000000 >> 1, 0x10000, KVM_MEM_READONLY);
            vm.Start(a =>
            {
                a.mov(rbx, __qword_ptr[0x20000000]);
                a.mov(__dword_ptr[0x20000000], 7);
                a.hlt();
            });
            Assert.That(vm.Run(), Is.Zero);
            kvm_run exit = vm.Exit;
            Assert.That((exit.exit_reason, exit.mmio_phys_addr, exit.mmio_len, exit.mmio_is_write), Is.EqualTo((KVM_EXIT_MMIO, 0x20000000UL, 4u, (byte)1)));
            Assert.That(vm.Run(), Is.Zero);
            Assert.That(vm.Exit.exit_reason, Is.EqualTo(KVM_EXIT_HLT));
        });
    }

    [Test]
    public void Private_memory_without_a_file_is_a_memory_fault_exit()
    {
        Boot(
            (process, vm) =>
            {
                vm.AddOrdinaryMemory();
                vm.SetAttributes(0x100000, 0x1000, 8);
                vm.Start(a =>
                {
                    a.mov(__dword_ptr[0x100000], 1);
                    a.hlt();
                });
                Assert.That(vm.Run(), Is.EqualTo(-EFAULT));
                kvm_run exit = vm.Exit;
                Assert.That((exit.exit_reason, exit.memory_fault_gpa, exit.memory_fault_size, exit.memory_fault_flags), Is.EqualTo((KVM_EXIT_MEMORY_FAULT, 0x100000UL, 0x1000UL, 8UL)));
                vm.SetAttributes(0x100000, 0x1000, 0);
                Assert.That(vm.Run(), Is.Zero);
                Assert.That(vm.Exit.exit_reason, Is.EqualTo(KVM_EXIT_HLT));
            },
            type: 1);
    }

    [Test]
    public void An_instruction_outside_the_subset_is_shown_with_its_bytes()
    {
        Boot((process, vm) =>
        {
            vm.AddOrdinaryMemory();
            vm.Start(a => a.vaddps(ymm0, ymm1, ymm2));
            Assert.That(vm.Run(), Is.Zero);
            kvm_run exit = vm.Exit;
            Assert.That(exit.exit_reason, Is.EqualTo(KVM_EXIT_INTERNAL_ERROR));
            Assert.That(exit.internal_suberror, Is.EqualTo(KVM_INTERNAL_ERROR_EMULATION));
            Assert.That(exit.internal_insn_size, Is.GreaterThan(0));
        });
    }

    [TestCase("none", 3UL)]
    [TestCase("filemap", 7UL)]
    public void Four_vcpus_add_in_parallel_while_memory_is_punched_under_them(string strategy, ulong flags)
    {
        const int Vcpus = 4;
        const uint Rounds = 20000;
        Boot(
            (process, vm) =>
            {
                int gmem = vm.AddGuestMemfd(flags);
                vm.Start(
                    a =>
                    {
                        Label again = a.CreateLabel();
                        a.mov(ecx, Rounds);
                        a.Label(ref again);
                        a.@lock.inc(__qword_ptr[0x20000]);
                        a.mov(__[0x100000], rcx);
                        a.mov(rbx, __qword_ptr[0x101000]);
                        a.dec(ecx);
                        a.jne(again);
                        a.hlt();
                    },
                    Vcpus);
                int running = Vcpus;
                long[] results = new long[Vcpus];
                Thread[] threads = [.. Enumerable.Range(0, Vcpus).Select(i => new Thread(() => process.RunThread($"vcpu{i}", () =>
                {
                    results[i] = vm.Run(i);
                    Interlocked.Decrement(ref running);
                })))];
                foreach (Thread thread in threads)
                    thread.Start();
                do
                    Assert.That(process.Fallocate(gmem, 3, 0x100000, 0x2000), Is.Zero);
                while (Volatile.Read(ref running) != 0);
                foreach (Thread thread in threads)
                    thread.Join();
                Assert.That(results, Is.All.Zero);
                Assert.That(vm.ReadQword(0x20000), Is.EqualTo(Vcpus * Rounds));
            },
            strategy,
            cpus: 4);
    }

    [Test]
    public void The_death_of_a_VM_gets_a_spinning_vcpu_out_of_the_guest()
    {
        Boot(
            (process, vm) =>
            {
                vm.AddOrdinaryMemory();
                vm.Start(a =>
                {
                    Label again = a.CreateLabel();
                    a.mov(__byte_ptr[0x20000], 1);
                    a.Label(ref again);
                    a.jmp(again);
                });
                long result = 0;
                process.RunThreads(
                    ("vcpu", () => result = vm.Run()),
                    ("killer", () =>
                    {
                        while (vm.ReadQword(0x20000) == 0)
                            Thread.Yield();
                        process.Syscall(vm.Fd, static fd =>
                        {
                            @file file = Linux.File.fget((uint)fd)!;
                            KvmMain.kvm_vm_dead((kvm)file.private_data!);
                            FileTable.fput(file);
                            return 0;
                        });
                    }
                ));
                Assert.That(result, Is.EqualTo(-EIO));
                Assert.That(vm.Run(), Is.EqualTo(-EIO));
            },
            cpus: 3);
    }

    [Test]
    public void Immediate_exit_and_deleted_slots_end_a_run()
    {
        Boot((process, vm) =>
        {
            vm.AddOrdinaryMemory();
            vm.Start(a => a.hlt());
            vm.WriteRunByte(1, 1);
            Assert.That(vm.Run(), Is.EqualTo(-EINTR));
            vm.WriteRunByte(1, 0);
            Assert.That(vm.Run(), Is.Zero);
        });
    }

    private static void Boot(Action<UserProcess, Vm> body, string strategy = "filemap", int cpus = 2, ulong type = 0)
    {
        using Host host = Host.Boot(new HostOptions { Cpus = cpus, MemoryBytes = 256UL << 20, Strategy = strategy });
        UserProcess.Run(host.Kernel, "vmm", process =>
        {
            var vm = new Vm(process, type);
            body(process, vm);
            vm.Close();
        });
        Assert.That(host.PowerDown(), Is.Empty);
    }

    /// <summary>A small VMM.</summary>
    private sealed partial class Vm
    {
        private readonly UserProcess process;
        private readonly int kvm;
        private readonly List<int> files = [];
        private ulong memory;
        private readonly List<int> vcpus = [];
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

        internal ulong AddOrdinaryMemory(uint flags = 0)
        {
            memory = (ulong)process.Mmap(0, MemoryBytes, 3, 0x22, -1, 0);
            Region(0, 0, MemoryBytes, memory, flags, 0);
            return memory;
        }

        internal int AddGuestMemfd(ulong flags)
        {
            var create = new kvm_create_guest_memfd { size = MemoryBytes, flags = flags };
            int fd = Check(process.Ioctl(Fd, KVM_CREATE_GUEST_MEMFD, Put(&create, sizeof(kvm_create_guest_memfd))));
            files.Add(fd);
            memory = (ulong)process.Mmap(0, MemoryBytes, 3, 1, fd, 0);
            Region(0, 0, MemoryBytes, memory, KVM_MEM_GUEST_MEMFD, (uint)fd);
            return fd;
        }

        internal void AddSlot(uint slot, ulong gpa, ulong bytes, uint flags) =>
            Region(slot, gpa, bytes, (ulong)process.Mmap(0, bytes, 3, 0x22, -1, 0), flags, 0);

        internal void SetAttributes(ulong gpa, ulong size, ulong attributes)
        {
            var attrs = new kvm_memory_attributes { address = gpa, size = size, attributes = attributes };
            Check(process.Ioctl(Fd, KVM_SET_MEMORY_ATTRIBUTES, Put(&attrs, sizeof(kvm_memory_attributes))));
        }

        internal HashSet<int> DirtyPages()
        {
            ulong bitmap = process.Scratch + 256;
            var log = new kvm_dirty_log { dirty_bitmap = bitmap };
            Check(process.Ioctl(Fd, KVM_GET_DIRTY_LOG, Put(&log, sizeof(kvm_dirty_log))));
            var bytes = new byte[MemoryBytes / PAGE_SIZE / 8];
            process.Read(bitmap, bytes);
            return [.. Enumerable.Range(0, bytes.Length * 8).Where(i => (bytes[i / 8] >> (i % 8) & 1) != 0)];
        }

        internal ulong ReadQword(ulong gpa)
        {
            ulong value;
            process.Read(memory + gpa, new Span<byte>(&value, 8));
            return value;
        }

        internal void WriteQwordAt(ulong gpa, ulong value) => WriteQword(memory + gpa, value);

        internal ulong ReadRun(ulong offset)
        {
            ulong value;
            process.Read(runArea + offset, new Span<byte>(&value, 8));
            return value;
        }

        internal void WriteRun(ulong offset, ulong value) => WriteQword(runArea + offset, value);

        internal void WriteRunByte(ulong offset, byte value) => process.Write(runArea + offset, new ReadOnlySpan<byte>(&value, 1));

        internal void Start(Action<Assembler> code, int count = 1)
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

            for (int i = 0; i < count; i++)
            {
                int vcpu = Check(process.Ioctl(Fd, KVM_CREATE_VCPU, (ulong)i));
                vcpus.Add(vcpu);
                kvm_sregs sregs;
                Check(process.Ioctl(vcpu, KVM_GET_SREGS, process.Scratch));
                process.Read(process.Scratch, new Span<byte>(&sregs, sizeof(kvm_sregs)));
                sregs.cr3 = Tables;
                sregs.cr0 |= 0x80000000;
                Check(process.Ioctl(vcpu, KVM_SET_SREGS, Put(&sregs, sizeof(kvm_sregs))));
                var regs = new kvm_regs { rip = Code, rsp = 0x30000 + ((ulong)i << 12), rflags = 2 };
                Check(process.Ioctl(vcpu, KVM_SET_REGS, Put(&regs, sizeof(kvm_regs))));
            }

            runArea = (ulong)process.Mmap(0, PAGE_SIZE, 3, 1, vcpus[0], 0);
        }

        internal long Run(int vcpu = 0) => process.Ioctl(vcpus[vcpu], KVM_RUN, 0);

        internal void Close()
        {
            foreach (int fd in vcpus.Concat(files))
                Check(process.Close(fd));
            Check(process.Close(Fd));
            Check(process.Close(kvm));
        }

        private void Region(uint slot, ulong gpa, ulong bytes, ulong hva, uint flags, uint fd)
        {
            var region = new kvm_userspace_memory_region2
            {
                slot = slot,
                guest_phys_addr = gpa,
                memory_size = bytes,
                userspace_addr = hva,
                flags = flags,
                guest_memfd = fd,
            };
            Check(process.Ioctl(Fd, KVM_SET_USER_MEMORY_REGION2, Put(&region, sizeof(kvm_userspace_memory_region2))));
        }

        private ulong Put(void* data, int size)
        {
            process.Write(process.Scratch, new ReadOnlySpan<byte>(data, size));
            return process.Scratch;
        }

        private void WriteQword(ulong va, ulong value) => process.Write(va, new ReadOnlySpan<byte>(&value, 8));
    }
}
