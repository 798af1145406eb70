// SPDX-License-Identifier: GPL-2.0-only
using Iced.Intel;
using KvmSharp.Init;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSharp.Arch.X86.Tests;

// Numbered cases of the list that the tests of virt/kvm follow, where a guest or the architecture's own state has to be seen.
internal sealed unsafe partial class KvmGuestTests
{
    private const ulong Extra = 64UL << 20;
    private const ulong Private = KVM_MEMORY_ATTRIBUTE_PRIVATE;

    [Test]
    public void Case_79_user_and_guest_see_each_others_writes_in_a_shared_file() => Boot((process, vm) =>
    {
        int fd = vm.AddGuestMemfd(3);
        vm.Start(a =>
        {
            a.mov(rax, __qword_ptr[0x20000]);
            a.mov(__qword_ptr[0x20008], rax);
            a.mov(rbx, unchecked((ulong)-1));
            a.mov(__qword_ptr[0x20000], rbx);
            a.hlt();
        });
        vm.WriteQwordAt(0x20000, 0xaaaaaaaaaaaaaaaa);
        Assert.That(vm.Run(), Is.Zero);
        ulong again = (ulong)process.Mmap(0, MemoryBytes, 1, 1, fd, 0);
        Assert.That((Read(process, again + 0x20000), Read(process, again + 0x20008)), Is.EqualTo((ulong.MaxValue, 0xaaaaaaaaaaaaaaaa)));
        Assert.That(process.Munmap(again, MemoryBytes), Is.Zero);
    });

    [Test]
    public void Case_117_a_file_that_cannot_be_mapped_is_not_what_a_default_VM_reads() => Boot((process, vm) =>
    {
        vm.AddOrdinaryMemory();
        int fd = vm.CreateGuestMemfd(0, 4096 * 4);
        ulong ordinary = (ulong)process.Mmap(0, 4096 * 4, 3, 0x22, -1, 0);
        vm.AddGuestMemfdSlot(1, Extra, 4096 * 4, ordinary, fd);
        process.Write(ordinary, BitConverter.GetBytes(0x1122334455667788));
        vm.Start(a =>
        {
            a.mov(rax, __qword_ptr[(long)Extra]);
            a.mov(__qword_ptr[0x20000], rax);
            a.mov(__qword_ptr[(long)Extra + 8], rax);
            a.hlt();
        });
        Assert.That(vm.Run(), Is.Zero);
        Assert.That(vm.Exit.exit_reason, Is.EqualTo(KVM_EXIT_HLT));
        Assert.That((vm.ReadQword(0x20000), Read(process, ordinary + 8)), Is.EqualTo((0x1122334455667788, 0x1122334455667788)));
        Assert.That(vm.InKvm(_ => vm.PagesOf(fd)), Is.Zero, "the file stays empty");
    });

    [Test]
    public void Case_125_a_slot_goes_and_comes_under_a_spinning_guest() => Boot(
        (process, vm) =>
        {
            vm.AddOrdinaryMemory();
            ulong first = vm.AddExtraSlot(Extra, 4096);
            process.Write(first, BitConverter.GetBytes(0xaaUL));
            vm.Start(a =>
            {
                Label again = a.CreateLabel();
                a.mov(__byte_ptr[0x20000], 1);
                a.Label(ref again);
                a.mov(rax, __qword_ptr[(long)Extra]);
                a.cmp(rax, 0xaa);
                a.je(again);
                a.hlt();
            });
            var reasons = new List<uint>();
            int mmio = 0;
            bool deleted = false;
            bool back = false;
            process.RunThreads(
                ("vcpu", () =>
                {
                    while (reasons.Count == 0 || reasons[^1] != KVM_EXIT_HLT)
                    {
                        Assert.That(vm.Run(), Is.Zero);
                        reasons.Add(vm.Exit.exit_reason);
                        if (reasons[^1] != KVM_EXIT_MMIO)
                            continue;
                        Assert.That((vm.Exit.mmio_phys_addr, vm.Exit.mmio_is_write, Volatile.Read(ref deleted)), Is.EqualTo((Extra, (byte)0, true)));
                        vm.WriteRun(40, 0xaa);
                        Volatile.Write(ref mmio, reasons.Count);
                        while (!Volatile.Read(ref back) && reasons.Count > 2)
                            Thread.Yield();
                    }
                }
            ),
                ("slots", () =>
                {
                    while (vm.ReadQword(0x20000) == 0)
                        Thread.Yield();
                    Volatile.Write(ref deleted, true);
                    vm.DeleteSlot(1);
                    while (Volatile.Read(ref mmio) < 3)
                        Thread.Yield();
                    vm.AddExtraSlot(Extra, 4096);
                    Volatile.Write(ref back, true);
                }
            ));
            Assert.That(reasons[..^1], Has.Count.GreaterThanOrEqualTo(3).And.All.EqualTo(KVM_EXIT_MMIO));
        },
        cpus: 3);

    [Test]
    public void Case_135_to_137_mixed_attributes_forbid_a_huge_mapping_until_they_are_one_again() => Boot(
        (process, vm) =>
        {
            const ulong Huge = 2UL << 20;
            vm.AddOrdinaryMemory();
            vm.AddExtraSlot(Extra, 2 * Huge);
            Assert.That(vm.Mixed(1, Extra), Is.False);
            vm.SetAttributes(Extra + 0x5000, 4096, Private);
            Assert.That((vm.Mixed(1, Extra), vm.Mixed(1, Extra + Huge)), Is.EqualTo((true, false)));

            // A slot that is made over them finds them.
            vm.DeleteSlot(1);
            vm.AddExtraSlot(Extra, 2 * Huge);
            Assert.That((vm.Mixed(1, Extra), vm.Mixed(1, Extra + Huge)), Is.EqualTo((true, false)));

            vm.SetAttributes(Extra, 0x5000, Private);
            Assert.That(vm.Mixed(1, Extra), Is.True);
            vm.SetAttributes(Extra + 0x6000, Huge - 0x6000, Private);
            Assert.That(vm.Mixed(1, Extra), Is.False, "all 512 pages are private");
            vm.SetAttributes(Extra + Huge - 4096, 8192, 0);
            Assert.That((vm.Mixed(1, Extra), vm.Mixed(1, Extra + Huge)), Is.EqualTo((true, false)), "the neighbour was shared before");
        },
        "none",
        type: X86UapiKvm.KVM_X86_SW_PROTECTED_VM);

    [Test]
    public void Case_174_private_memory_that_was_faulted_in_ahead_is_in_the_file_and_reads_zero() => Boot(
        (process, vm) =>
        {
            vm.AddOrdinaryMemory();
            int fd = vm.CreateGuestMemfd(0, 4096 * 4);
            ulong ordinary = (ulong)process.Mmap(0, 4096 * 4, 3, 0x22, -1, 0);
            process.Write(ordinary, BitConverter.GetBytes(0x5555555555555555));
            vm.AddGuestMemfdSlot(1, Extra, 4096 * 4, ordinary, fd);
            vm.SetAttributes(Extra, 4096 * 4, Private);
            vm.Start(a =>
            {
                a.mov(rax, __qword_ptr[(long)Extra]);
                a.mov(__qword_ptr[0x20000], rax);
                a.mov(__byte_ptr[0x20008], 1);
                a.hlt();
            });
            vm.WriteQwordAt(0x20000, 0x77);
            vm.PreFault(Extra, 4096 * 2);
            Assert.That(vm.InKvm(_ => vm.PagesOf(fd)), Is.EqualTo(2));
            Assert.That(vm.Run(), Is.Zero);
            Assert.That((vm.ReadQword(0x20000), vm.ReadQword(0x20008)), Is.EqualTo((0UL, 1UL)));
            Assert.That(vm.InKvm(_ => vm.PagesOf(fd)), Is.EqualTo(2));
        },
        "none",
        type: X86UapiKvm.KVM_X86_SW_PROTECTED_VM);

    private static ulong Read(UserProcess process, ulong at)
    {
        ulong value;
        process.Read(at, new Span<byte>(&value, 8));
        return value;
    }

    private sealed partial class Vm
    {
        internal int CreateGuestMemfd(ulong flags, ulong bytes)
        {
            var create = new kvm_create_guest_memfd { size = bytes, flags = flags };
            int fd = Check(process.Ioctl(Fd, KVM_CREATE_GUEST_MEMFD, Put(&create, sizeof(kvm_create_guest_memfd))));
            files.Add(fd);
            return fd;
        }

        internal void AddGuestMemfdSlot(uint slot, ulong gpa, ulong bytes, ulong hva, int fd) => Region(slot, gpa, bytes, hva, KVM_MEM_GUEST_MEMFD, (uint)fd);

        /// <summary>Slot 1, over new anonymous memory; where that is.</summary>
        internal ulong AddExtraSlot(ulong gpa, ulong bytes)
        {
            const ulong Huge = 2UL << 20;
            ulong hva = ((ulong)process.Mmap(0, bytes + Huge, 3, 0x22, -1, 0) + Huge - 1) & ~(Huge - 1);
            Region(1, gpa, bytes, hva, 0, 0);
            return hva;
        }

        internal void DeleteSlot(uint slot) => Region(slot, 0, 0, 0, 0, 0);

        internal void PreFault(ulong gpa, ulong bytes)
        {
            var range = new kvm_pre_fault_memory { gpa = gpa, size = bytes };
            Check(process.Ioctl(vcpus[0], KVM_PRE_FAULT_MEMORY, Put(&range, sizeof(kvm_pre_fault_memory))));
        }

        internal ulong InKvm(Func<kvm, ulong> look) => (ulong)process.Syscall(Fd, fd =>
        {
            @file file = Linux.File.fget((uint)fd)!;
            var kvm = (kvm)file.private_data!;
            Linux.Mutex.mutex_lock(kvm.slots_lock);
            ulong seen = look(kvm);
            Linux.Mutex.mutex_unlock(kvm.slots_lock);
            FileTable.fput(file);
            return (long)seen;
        });

        /// <summary>Inside <see cref="InKvm"/>: pages that a file has.</summary>
        internal ulong PagesOf(int fd)
        {
            @file file = Linux.File.fget((uint)fd)!;
            ulong pages = file.f_mapping.nrpages;
            FileTable.fput(file);
            return pages;
        }

        /// <summary>Whether pages of both kinds lie in the 2 MiB around an address.</summary>
        internal bool Mixed(int id, ulong gpa) => InKvm(kvm =>
        {
            kvm_memory_slot slot = KvmMain.gfn_to_memslot(kvm, new gfn_t(gpa >> PAGE_SHIFT))!;
            Assert.That(slot.id, Is.EqualTo(id));
            return (X86Mmu.lpage_info_slot(new gfn_t(gpa >> PAGE_SHIFT), slot, pg_level.PG_LEVEL_2M) & X86Mmu.KVM_LPAGE_MIXED_FLAG) != 0 ? 1UL : 0;
        }) != 0;
    }
}
