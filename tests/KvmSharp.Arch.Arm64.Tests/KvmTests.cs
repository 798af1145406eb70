// SPDX-License-Identifier: GPL-2.0-only
using KvmSharp.Arch.Arm64;
using static Linux.Arm64UapiKvm;

namespace KvmSharp.Arch.Arm64.Tests;

/// <summary>Capabilities, memslots, second-stage faults and exits by KVM's own user interface; numbers are conformance cases of spec/guest_memfd.md.</summary>
internal sealed unsafe class KvmTests : KvmArmTest
{
    private const ulong Device = 0xfee00000;

    [Test]
    public void Capabilities_say_what_is_compiled_in()
    {
        BootCleanly(process =>
        {
            var vm = new Vm(process);
            Assert.Multiple(() =>
            {
                Assert.That(vm.Cap(KVM_CAP_MEMORY_ATTRIBUTES), Is.Zero, "233");
                Assert.That(vm.Cap(KVM_CAP_PRE_FAULT_MEMORY), Is.Zero, "236");
                Assert.That(vm.Cap(KVM_CAP_GUEST_MEMFD), Is.EqualTo(1));
                Assert.That(vm.Cap(KVM_CAP_MEMORY_FAULT_INFO), Is.EqualTo(1));
                Assert.That(vm.Cap(KVM_CAP_GUEST_MEMFD_FLAGS) & 3, Is.EqualTo(3), "case 5");
                Assert.That(vm.Cap(KVM_CAP_NR_MEMSLOTS), Is.EqualTo(32767));
                Assert.That(vm.Cap(KVM_CAP_MULTI_ADDRESS_SPACE), Is.Zero.Or.EqualTo(1));
                Assert.That(vm.Cap(99999), Is.Zero);
            });
            vm.Close();
        });
    }

    /// <summary>Cases 134 and its sisters.</summary>
    [Test]
    public void Attributes_and_prefaulting_are_unknown_ioctls()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(All).StartAt(0);
            Assert.That(process.Ioctl(vm.Fd, KVM_SET_MEMORY_ATTRIBUTES, process.Scratch), Is.EqualTo(-EINVAL));
            Assert.That(process.Ioctl(vm.Fd, 0xAEFF, 0), Is.EqualTo(-EINVAL));
            Assert.That(process.Ioctl(vm.Vcpu, KVM_PRE_FAULT_MEMORY, process.Scratch), Is.EqualTo(-EINVAL));
            vm.Close();
        });
    }

    /// <summary>Rule of section 6.3 and bugs 20, 60, 90: the flag is accepted exactly where the map can change and nobody cleans caches through it.</summary>
    [Test]
    public void The_flag_needs_a_map_that_can_change_and_forced_write_back([Values] bool rodataFull, [Values] bool bbml2, [Values] bool fwb)
    {
        CpuFeatures features = CpuFeatures.ArmDefault & ~(bbml2 ? 0 : CpuFeatures.ArmBbml2NoAbort) & ~(fwb ? 0 : CpuFeatures.ArmS2Fwb);
        BootCleanly(
            process =>
            {
                bool supported = rodataFull && fwb;
                var vm = new Vm(process);
                Assert.That(vm.Cap(KVM_CAP_GUEST_MEMFD_FLAGS), Is.EqualTo(supported ? 7 : 3));
                Assert.That(vm.CreateMemory(NoDirectMap), supported ? Is.GreaterThanOrEqualTo(0) : Is.EqualTo(-EINVAL));
                vm.Close();
            },
            features: features,
            options: new Arm64Options { RodataFull = rodataFull });
    }

    [Test]
    public void Sizes_of_the_guest_address_space_are_checked([Values(0UL, 32UL, 40UL, 48UL)] ulong good, [Values(31UL, 49UL, 0x100UL, 1UL << 31)] ulong bad)
    {
        BootCleanly(process =>
        {
            new Vm(process, good).Close();
            int kvm = process.OpenKvm();
            Assert.That(process.Ioctl(kvm, KVM_CREATE_VM, bad), Is.EqualTo(-EINVAL));
            Vm.Check(process.Close(kvm));
        });
    }

    /// <summary>Cases 118 to 120, in the order of section 5.3.</summary>
    [Test]
    public void Memslots_are_checked_in_order()
    {
        BootCleanly(
            process =>
            {
                var vm = new Vm(process, 32);
                ulong user = (ulong)process.Mmap(0, MemoryBytes, 3, 0x22, -1, 0);
                int closed = Vm.Check(vm.CreateMemory(0));
                int open = Vm.Check(vm.CreateMemory(GUEST_MEMFD_FLAG_MMAP));
                Assert.Multiple(() =>
                {
                    Assert.That(vm.SetRegion(closed, (1UL << 32) - PAGE_SIZE, 2 * PAGE_SIZE, user), Is.EqualTo(-EFAULT), "beyond the address space comes first");
                    Assert.That(vm.SetRegion(closed, 0, MemoryBytes, user), Is.EqualTo(-EINVAL), "file that cannot be mapped");
                    Assert.That(vm.SetRegion(open, (1UL << 32) - PAGE_SIZE, PAGE_SIZE, user), Is.Zero, "the last page fits");
                    Assert.That(vm.SetRegion(open, 0, 0, user), Is.Zero);
                });

                // The failed binding was undone: the same range of the file binds again.
                Assert.That(vm.SetRegion(closed, 0, MemoryBytes, user), Is.EqualTo(-EINVAL));
                var cap = new kvm_enable_cap { cap = KVM_CAP_ARM_MTE };
                process.Write(process.Scratch, new ReadOnlySpan<byte>(&cap, sizeof(kvm_enable_cap)));
                Vm.Check(process.Ioctl(vm.Fd, KVM_ENABLE_CAP, process.Scratch));
                Assert.That(vm.SetRegion(open, 0, MemoryBytes, user), Is.EqualTo(-EINVAL), "memory tagging");
                Assert.That(vm.SetRegion(-1, 0, MemoryBytes, user, flags: 0), Is.Zero);
                vm.Close();
            },
            options: new Arm64Options { Mte = true });
    }

    /// <summary>Cases 79 and 163, in memory of every kind.</summary>
    [TestCase("none", All)]
    [TestCase("v12", NoDirectMap)]
    [TestCase("filemap", NoDirectMap)]
    public void Guest_and_host_see_the_same_memory(string strategy, ulong flags)
    {
        BootCleanly(
            process =>
            {
                Vm vm = new Vm(process).WithGuestMemfd(flags);
                process.Write(vm.Memory + 0x20000, [0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa]);
                vm.Start(s => s.Load(5, 0x20000).StoreValue(0x20000, ulong.MaxValue).Fill(0x100000, 1024, 512, 7).Verify(6, 0x100000, 1024, 512, 7).Stop());
                vm.RunToStop();
                Assert.Multiple(() =>
                {
                    Assert.That(vm.Register(10), Is.EqualTo(0xaaaaaaaaaaaaaaaa));
                    Assert.That(vm.Register(12), Is.Zero, "errors");
                    Assert.That(vm.Read(0x20000), Is.EqualTo(ulong.MaxValue));
                    Assert.That(vm.Read(0x100200), Is.EqualTo(0x100200 ^ 7));
                });
                vm.Close();
            },
            strategy);
    }

    [Test]
    public void Ordinary_memory_works_too_and_is_unmapped_with_the_area()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithOrdinaryMemory();
            vm.Start(s => s.StoreValue(0x20000, 42).Stop().StoreValue(0x20000, 43).Stop());
            vm.RunToStop();
            Assert.That(vm.Read(0x20000), Is.EqualTo(42));

            // MADV_DONTNEED: the notifier takes the page from the guest, which gets a new one.
            Vm.Check(process.Syscall(vm.Memory, static m => Linux.Madvise.sys_madvise(m + 0x20000, PAGE_SIZE, 4)));
            Assert.That(vm.Read(0x20000), Is.Zero);
            vm.RunToStop();
            Assert.That(vm.Read(0x20000), Is.EqualTo(43));
            vm.Close();
        });
    }

    [Test]
    public void A_hole_takes_the_page_from_the_guest()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(NoDirectMap);
            vm.Start(s => s.StoreValue(0x20000, 42).Stop().Load(1, 0x20000).Stop());
            vm.RunToStop();
            Vm.Check(process.Fallocate(vm.MemoryFd, 3, 0x20000, (long)PAGE_SIZE));
            vm.RunToStop();
            Assert.That(vm.Register(2), Is.Zero);
            vm.Close();
        });
    }

    [Test]
    public void Accesses_without_memory_are_for_user_space()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(NoDirectMap);
            vm.Start(s => s.StoreValue(Device + 8, 0x1234, 2).Load(3, Device, 4).Stop());
            kvm_run exit = vm.RunTo(KVM_EXIT_MMIO);
            Assert.That((exit.mmio_phys_addr, exit.mmio_len, exit.mmio_is_write, *(ulong*)exit.mmio_data), Is.EqualTo((Device + 8, 2u, (byte)1, 0x1234UL)));
            exit = vm.RunTo(KVM_EXIT_MMIO);
            Assert.That((exit.mmio_phys_addr, exit.mmio_len, exit.mmio_is_write), Is.EqualTo((Device, 4u, (byte)0)));
            vm.Answer(40, 0xffffffff_87654321);
            vm.RunToStop();
            Assert.That(vm.Register(6), Is.EqualTo(0x87654321), "only what was asked for");
            vm.Close();
        });
    }

    [Test]
    public void Hypercalls_go_to_user_space_and_power_control_does_not()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(All);
            vm.Start(s => s.Move(0, 0x84000000).Hvc().Store(0, 0x20000).Move(0, 0xc6000001).Move(1, 11).Hvc().Store(0, 0x20008).Move(0, 0x84000008).Hvc());
            kvm_run exit = vm.RunTo(KVM_EXIT_HYPERCALL);
            Assert.That(vm.Read(0x20000), Is.EqualTo(0x10003));
            Assert.That((exit.hypercall_nr, exit.hypercall_args[0]), Is.EqualTo((0xc6000001UL, 11UL)));
            vm.Answer(88, 99);
            exit = vm.RunTo(KVM_EXIT_SYSTEM_EVENT);
            Assert.That(exit.internal_suberror, Is.EqualTo(KVM_SYSTEM_EVENT_SHUTDOWN));
            Assert.That(vm.Read(0x20008), Is.EqualTo(99));
            vm.Close();
        });
    }

    /// <summary>Case 165.</summary>
    [Test]
    public void A_fetch_without_memory_is_the_guests_problem()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(All);
            vm.Start(s =>
            {
                ulong vector = s.Here + (2 * Arm64Script.StepBytes);
                s.SetVector(vector).Branch(Device).Stop();
            });
            vm.RunToStop();
            Assert.That(vm.Register(58), Is.EqualTo(Device));
            vm.Close();
        });
    }

    [Test]
    public void An_address_beyond_the_guests_address_space_is_an_abort()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process, 32).WithGuestMemfd(All);
            vm.Start(s => s.SetVector(s.Here + (3 * Arm64Script.StepBytes)).Load(1, 1UL << 32).Stop().StoreValue(0x20000, 1).Stop());
            vm.RunToStop();
            Assert.That(vm.Read(0x20000), Is.EqualTo(1));
            vm.Close();
        });
    }

    [Test]
    public void A_step_without_meaning_is_an_internal_error()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(All).StartAt(0x3000);
            Assert.That(vm.RunTo(KVM_EXIT_INTERNAL_ERROR).internal_suberror, Is.EqualTo(KVM_INTERNAL_ERROR_EMULATION));
            vm.Close();
        });
    }

    [Test]
    public void A_vCPU_that_was_not_initialised_does_not_run()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(All);
            int vcpu = Vm.Check(process.Ioctl(vm.Fd, KVM_CREATE_VCPU, 3));
            Assert.That(process.Ioctl(vcpu, KVM_RUN, 0), Is.EqualTo(-ENOEXEC));
            Vm.Check(process.Close(vcpu));
            vm.Close();
        });
    }

    /// <summary>Case 164.</summary>
    [Test]
    public void A_fault_that_finds_no_page_says_where_and_why()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(All);
            vm.Start(s => s.Load(1, 0x20008).Stop());
            process.Kernel.Failures = new FailureInjector();
            vm.RunUntouched(process, out long r);
            process.Kernel.Failures = null;
            kvm_run exit = vm.Exit;
            Assert.Multiple(() =>
            {
                Assert.That(r, Is.EqualTo(-ENOMEM));
                Assert.That(exit.exit_reason, Is.EqualTo(KVM_EXIT_MEMORY_FAULT));
                Assert.That((exit.memory_fault_gpa, exit.memory_fault_size, exit.memory_fault_flags), Is.EqualTo((0x20000UL, PAGE_SIZE, 0UL)));
            });
            vm.RunToStop();
            vm.Close();
        });
    }

    /// <summary>Section 5.5: between the invalidation and the end of a deletion, and after it, the guest finds a device.</summary>
    [Test]
    public void A_deleted_slot_is_a_device()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(NoDirectMap);
            int other = Vm.Check(vm.CreateMemory(NoDirectMap, PAGE_SIZE));
            ulong at = (ulong)process.Mmap(0, PAGE_SIZE, 3, 1, other, 0);
            Vm.Check(vm.SetRegion(other, 1UL << 30, PAGE_SIZE, at, slot: 1));
            vm.Start(s => s.StoreValue(1UL << 30, 1).Stop().StoreValue(1UL << 30, 2).Stop());
            vm.RunToStop();
            Vm.Check(vm.SetRegion(other, 1UL << 30, 0, at, slot: 1));
            Assert.That(vm.RunTo(KVM_EXIT_MMIO).mmio_phys_addr, Is.EqualTo(1UL << 30));
            Vm.Check(process.Munmap(at, PAGE_SIZE));
            vm.Close();
        });
    }

    [Test]
    public void The_dirty_log_shows_what_the_guest_wrote()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithOrdinaryMemory(KVM_MEM_LOG_DIRTY_PAGES);
            vm.Start(s => s.StoreValue(0x20000, 1).Load(1, 0x21000).Stop().StoreValue(0x20000, 2).Stop());
            vm.RunToStop();
            Assert.That(vm.DirtyWord(process), Is.EqualTo(1UL << 32), "page 32; the script was written by the host");
            Assert.That(vm.DirtyWord(process), Is.Zero);
            vm.RunToStop();
            Assert.That(vm.DirtyWord(process), Is.EqualTo(1UL << 32), "reading the log protects again");
            vm.Close();
        });
    }

    /// <summary>Bug 28 and rule FWB-1: why the flag is refused without forced write-back.</summary>
    [Test]
    public void Without_forced_write_back_mapping_a_page_cleans_the_cache_by_its_linear_address()
    {
        BootCleanly(
            process =>
            {
                KvmSharp.Machine.Machine machine = process.Kernel.machine;
                Vm vm = new Vm(process).WithGuestMemfd(All);
                vm.Start(s => s.StoreValue(0x20000, 1).Stop().StoreValue(0x30000, 1).Stop());
                long before = machine.Totals()[HwEvent.CacheMaintenance];
                vm.RunToStop();
                Assert.That(machine.Totals()[HwEvent.CacheMaintenance] - before, Is.EqualTo(2), "script and data");

                // Somebody took the page out all the same: the maintenance faults.
                process.Syscall(process.Kernel, static kernel =>
                {
                    page page = alloc_page(GFP_KERNEL);
                    ulong addr = page_address(page);
                    Assert.That(kernel.arch.set_direct_map_valid_noflush(kernel, addr, 1, false), Is.Zero);
                    Assert.That(() => CacheS.dcache_clean_inval_poc(addr, addr + PAGE_SIZE), Throws.TypeOf<KernelOops>());
                    Assert.That(kernel.arch.set_direct_map_valid_noflush(kernel, addr, 1, true), Is.Zero);
                    __free_page(page);
                    return 0;
                });
                vm.Close();
            },
            features: CpuFeatures.ArmDefault & ~CpuFeatures.ArmS2Fwb);
    }

    [Test]
    public void With_forced_write_back_no_cache_is_cleaned()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(NoDirectMap);
            vm.Start(s => s.Fill(0x100000, 512, 4096, 1).Stop());
            vm.RunToStop();
            Assert.That(process.Kernel.machine.Totals()[HwEvent.CacheMaintenance], Is.Zero);
            vm.Close();
        });
    }

    [Test]
    public void A_guest_that_waits_for_an_interrupt_sleeps_until_its_thread_gets_a_signal()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(NoDirectMap);
            vm.Start(s => s.StoreValue(0x20000, 1).Wfi().StoreValue(0x20000, 2).Stop());
            task_struct? vcpu = null;
            long result = 0;
            process.RunThreads(
                ("vcpu", () =>
                {
                    CurrentH.current.SignalHandler = _ => true;
                    Volatile.Write(ref vcpu, CurrentH.current);
                    result = vm.Run();
                }
            ),
                ("signaller", () =>
                {
                    while (vm.Read(0x20000) == 0 || Volatile.Read(ref vcpu!.__state) != SchedH.TASK_INTERRUPTIBLE)
                        Thread.Yield();
                    Assert.That(process.Syscall(vcpu, static v => Signal.send_sig(Signal.SIGUSR1, v!, 0)), Is.Zero);
                }
            ));
            Assert.That(result, Is.EqualTo(-EINTR));
            Assert.That(vm.Exit.exit_reason, Is.EqualTo(KVM_EXIT_INTR));
            Assert.That(vm.Read(0x20000), Is.EqualTo(1));

            // The wait is over for the guest as well: it may be woken for nothing.
            vm.RunToStop();
            Assert.That(vm.Read(0x20000), Is.EqualTo(2));
            vm.Close();
        });
    }

    [Test]
    public void The_death_of_a_VM_gets_a_spinning_vcpu_out_of_the_guest()
    {
        BootCleanly(process =>
        {
            Vm vm = new Vm(process).WithGuestMemfd(NoDirectMap);
            vm.Start(s => s.StoreValue(0x20000, 1).Branch(s.Here));
            long result = 0;
            process.RunThreads(
                ("vcpu", () => result = vm.Run()),
                ("killer", () =>
                {
                    while (vm.Read(0x20000) == 0)
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
            vm.Close();
        });
    }

    [TestCase("none", All)]
    [TestCase("v12", NoDirectMap)]
    [TestCase("filemap", NoDirectMap)]
    public void Faults_of_a_guest_allocate_nothing_on_the_managed_heap(string strategy, ulong flags)
    {
        const uint Pages = 512;
        const ulong Where = 0x100000;
        long allocated = long.MaxValue;
        BootCleanly(
            process =>
            {
                Vm vm = new Vm(process).WithGuestMemfd(flags);
                vm.Start(s =>
                {
                    for (int round = 0; round < 3; round++)
                        s.Fill(Where, Pages, PAGE_SIZE, 7).Stop();
                });
                for (int round = 0; round < 3; round++)
                {
                    long start = GC.GetAllocatedBytesForCurrentThread();
                    long error = vm.Run();
                    allocated = GC.GetAllocatedBytesForCurrentThread() - start;
                    Assert.That(error, Is.Zero);
                    Assert.That(vm.Read(Where + ((Pages - 1) * PAGE_SIZE)), Is.EqualTo((Where + ((Pages - 1) * PAGE_SIZE)) ^ 7));
                    Vm.Check(process.Fallocate(vm.MemoryFd, 3, (long)Where, (long)(Pages * PAGE_SIZE)));
                }

                vm.Close();
            },
            strategy);

        // Far below one byte for each page.
        Assert.That(allocated, Is.LessThan(256));
    }
}
