// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Virt.Tests;

/// <summary>Memslots with guest_memfd, and attributes of memory.</summary>
internal sealed class MemslotTests : KvmTest
{
    private const ulong Base = 1UL << 30;

    [Test]
    public void Unsupported_flags()
    {
        Run(vmm =>
        {
            int fd = vmm.File(N);
            for (int bit = 2; bit < 32; bit++)
                Expect(vmm.Region1(0, 0, N, 1u << bit), "EINVAL");
            for (int bit = 3; bit < 32; bit++)
                Expect(vmm.Region2(0, 0, N, fd, flags: KVM_MEM_GUEST_MEMFD | (1u << bit)), "EINVAL");
        });
    }

    [TestCase(0UL, N, 0UL, 4u, Ok, TestName = "All_of_a_file")]
    [TestCase(0UL, N, 0UL, 5u, "EINVAL", TestName = "With_a_dirty_log")]
    [TestCase(0UL, N, 0UL, 6u, "EINVAL", TestName = "Read_only")]
    [TestCase(0UL, P, 1UL, 4u, "EINVAL", TestName = "Offset_of_a_byte")]
    [TestCase(0UL, P, P - 1, 4u, "EINVAL", TestName = "Offset_of_a_page_less_a_byte")]
    [TestCase(0UL, N, P, 4u, "EINVAL", TestName = "Beyond_the_end_of_the_file")]
    [TestCase(0UL, 2 * P, ulong.MaxValue - P + 1, 4u, "EINVAL", TestName = "Offset_and_size_wrap")]
    [TestCase(0UL, P, N - P, 4u, Ok, TestName = "The_last_page")]
    [TestCase(ulong.MaxValue - P + 1, 2 * P, 0UL, 4u, "EINVAL", TestName = "Guest_address_wraps")]
    [TestCase(0UL, P + 1, 0UL, 4u, "EINVAL", TestName = "Size_of_a_page_and_a_byte")]
    [TestCase(0UL, 1UL << 43, 0UL, 4u, "EINVAL", TestName = "Too_many_pages")]
    public void Bind(ulong gpa, ulong size, ulong offset, uint flags, string expected) =>
        Run(vmm => Expect(vmm.Region2(0, gpa, size, vmm.File(N), offset, flags), expected));

    [TestCase(1UL, "EINVAL", TestName = "Unaligned_user_address")]
    [TestCase(0xffff_8000_0000_0000, "EINVAL", TestName = "Kernel_address")]
    [TestCase(0UL, Ok, TestName = "No_user_address")]
    public void User_address(ulong hva, string expected) => Run(vmm => Expect(vmm.Region2(0, 0, N, vmm.File(N), hva: hva), expected));

    [Test]
    public void Only_files_of_the_same_VM() => Run(vmm =>
    {
        int other = vmm.NewVm();
        int foreign = vmm.Good(vmm.Gmem(N, vm: other));
        int memfd = (int)vmm.Sys(vmm.Process.Kernel, static k => (long)Memfd.memfd_create(k, "m", 0));
        Expect(vmm.Region2(0, 0, N, vmm.KvmFd), "EINVAL");
        Expect(vmm.Region2(0, 0, N, vmm.Fd), "EINVAL");
        Expect(vmm.Region2(0, 0, N, memfd), "EINVAL");
        Expect(vmm.Region2(0, 0, N, foreign), "EINVAL");
        Expect(vmm.Region2(0, 0, N, foreign, vm: other), Ok);
        Expect(vmm.Region2(0, 0, N, -1), "EBADF");
        Expect(vmm.Region2(0, 0, N, 999), "EBADF");
    });

    [Test]
    public void A_descriptor_of_a_path_is_no_file() => Run(vmm =>
    {
        const uint PathOnly = 0x200000;
        int path = vmm.Good(vmm.Sys(vmm.File(N), static fd => Fd.proc_fd_open((uint)fd, PathOnly)));
        Expect(vmm.Region2(0, 0, N, path), "EBADF");
    });

    [Test]
    public void Without_memory_a_vCPU_cannot_fetch() => Run(vmm =>
    {
        int vcpu = vmm.Vcpu();
        ulong run = vmm.Map(vcpu, P);
        Expect(vmm.Process.Ioctl(vcpu, KVM_RUN, 0), Ok);
        Assert.That(BitConverter.ToUInt32(vmm.Load(run, 16), 8), Is.EqualTo(KVM_EXIT_INTERNAL_ERROR));
    });

    [Test]
    public void Halves_of_a_file_are_slots_of_their_own() => Run(vmm =>
    {
        const ulong Half = 4UL << 20;
        int fd = vmm.File(2 * Half);
        Expect(vmm.Region2(1, 0, Half, fd), Ok);
        Expect(vmm.Region2(2, Half, Half, fd, Half), Ok);
        Expect(vmm.Delete(1), Ok);
        Expect(vmm.Region2(1, Half / 2, Half, fd), "EEXIST");
        Expect(vmm.Region2(1, Half + (Half / 2), Half, fd), "EEXIST");
        Expect(vmm.Region2(1, 0, Half, fd, Half / 2), "EINVAL");
        Expect(vmm.Region2(1, 0, Half / 2, fd, Half + (Half / 2)), "EINVAL");
        Expect(vmm.Region2(1, 0, Half, fd), Ok);
    });

    [Test]
    public void Deleting() => Run(vmm =>
    {
        Expect(vmm.Delete(0), "EINVAL");
        Expect(vmm.Region2(0, 0, N, vmm.File(N)), Ok);
        Expect(vmm.Delete(0), Ok);
        Expect(vmm.Delete(0), "EINVAL");
    });

    [Test]
    public void A_bound_slot_does_not_change() => Run(vmm =>
    {
        int fd = vmm.File(N);
        Expect(vmm.Region2(0, 0, N, fd), Ok);
        Expect(vmm.Region2(0, 0, N, fd), "EINVAL");
        Expect(vmm.Region2(0, Base, N, fd), "EINVAL");
        Expect(vmm.Region2(0, 0, N, fd, hva: vmm.Ordinary + P), "EINVAL");
        Expect(vmm.Region2(0, 0, P, fd), "EINVAL");
        Expect(vmm.DirtyLog(0), "ENOENT");
    });

    [Test]
    public void An_ordinary_slot_gets_no_file() => Run(vmm =>
    {
        Expect(vmm.Ordinary2(0, 0, N), Ok);
        Expect(vmm.Ordinary2(0, 0, N), Ok);
        Expect(vmm.Region2(0, 0, N, vmm.File(N)), "EINVAL");
    });

    [Test]
    public void Order_of_checks() => Run(vmm =>
    {
        Expect(vmm.Ordinary2(0, 0, N), Ok);
        Expect(vmm.Region2(1, 0, N, -1), "EEXIST");
        Expect(vmm.Region2(1, 1, N, -1, flags: 0x104), "EINVAL");
        Expect(vmm.Region2(1, 1, N, -1), "EINVAL");
    });

    [Test]
    public void Slot_numbers() => Run(vmm =>
    {
        uint count = (uint)vmm.Cap(KVM_CAP_NR_MEMSLOTS);
        int fd = vmm.File(N);
        Expect(vmm.Region2(count, 0, P, fd), "EINVAL");
        Expect(vmm.Region2(count - 1, 0, P, fd), Ok);
    });

    [Test]
    public void A_protected_VM_has_one_address_space() =>
        Run(vmm => Expect(vmm.Region2(1 << 16, 0, N, vmm.File(N)), "EINVAL"), Swp);

    [Test]
    public void Data_survives_its_slot() => Run(vmm =>
    {
        int fd = vmm.File(N, M | I);
        ulong map = vmm.Map(fd, N);
        Expect(vmm.Region2(0, 0, N, fd), Ok);
        vmm.Process.Write(map, Filled(N, 0x44));
        Expect(vmm.Delete(0), Ok);
        Expect(vmm.Region2(0, 0, N, fd), Ok);
        Assert.That(vmm.Load(map, N), Is.All.EqualTo(0x44));
    });

    [TestCase(Def, 0UL, P, Private, 0UL, "EINVAL", TestName = "Private_memory_of_an_ordinary_VM")]
    [TestCase(Def, 0UL, P, 0UL, 0UL, Ok, TestName = "No_attributes_of_an_ordinary_VM")]
    [TestCase(Swp, 0UL, P, Private, 0UL, Ok, TestName = "Private_memory_without_a_slot")]
    [TestCase(Swp, 0UL, P, 1UL, 0UL, "EINVAL", TestName = "Attribute_1")]
    [TestCase(Swp, 0UL, P, 2UL, 0UL, "EINVAL", TestName = "Attribute_2")]
    [TestCase(Swp, 0UL, P, 4UL, 0UL, "EINVAL", TestName = "Attribute_4")]
    [TestCase(Swp, 0UL, P, 9UL, 0UL, "EINVAL", TestName = "Private_and_another")]
    [TestCase(Swp, 0UL, P, 16UL, 0UL, "EINVAL", TestName = "Attribute_16")]
    [TestCase(Swp, 0UL, P, Private, 1UL, "EINVAL", TestName = "Flags_of_attributes")]
    [TestCase(Swp, 0UL, 0UL, Private, 0UL, "EINVAL", TestName = "Attributes_of_nothing")]
    [TestCase(Swp, 1UL, P, Private, 0UL, "EINVAL", TestName = "Attributes_of_an_unaligned_address")]
    [TestCase(Swp, 0UL, P + 1, Private, 0UL, "EINVAL", TestName = "Attributes_of_an_unaligned_size")]
    [TestCase(Swp, ulong.MaxValue - P + 1, 2 * P, Private, 0UL, "EINVAL", TestName = "Attributes_wrap")]
    public void Attributes(ulong type, ulong gpa, ulong size, ulong attributes, ulong flags, string expected) =>
        Run(vmm => Expect(vmm.Attributes(gpa, size, attributes, flags), expected), type);

    [Test]
    public void Only_a_change_of_attributes_invalidates() => Run(
        vmm =>
        {
            int fd = vmm.File(2 * N);
            Expect(vmm.Region2(0, 0, N, fd), Ok);
            Expect(vmm.Region2(1, N, N, fd, N), Ok);
            Assert.That(Steps(vmm, () => vmm.Attributes(0, 2 * P, 0)), Is.Zero, "never private");
            Assert.That(Steps(vmm, () => vmm.Attributes(0, P, Private)), Is.EqualTo(1), "first");
            Assert.That(Steps(vmm, () => vmm.Attributes(0, P, Private)), Is.Zero, "again");
            Assert.That(Steps(vmm, () => vmm.Attributes(N - P, 2 * P, Private)), Is.EqualTo(1), "two slots");
            Assert.That(Steps(vmm, () => vmm.Process.Fallocate(fd, Keep, 0, (long)P)), Is.Zero, "allocation");
            vmm.Good(vmm.Process.Fallocate(fd, Punch, 0, (long)P));
            Assert.That(Steps(vmm, () => vmm.Attributes(0, P, Private)), Is.Zero, "a hole stays private");
            Expect(vmm.Delete(0), Ok);
            Expect(vmm.Region2(0, 0, N, fd), Ok);
            Assert.That(Steps(vmm, () => vmm.Attributes(0, P, Private)), Is.Zero, "a new slot stays private");
            Assert.That(Steps(vmm, () => vmm.Attributes(0, P, 0)), Is.EqualTo(1), "back to shared");
        },
        Swp);

    [TestCase(Def, false)]
    [TestCase(Swp, false)]
    [TestCase(Swp, true)]
    public void Pre_faulting_goes_as_far_as_the_slot(ulong type, bool isPrivate) => Run(
        vmm =>
        {
            const ulong Big = 2UL << 20;
            if (isPrivate)
            {
                Expect(vmm.Region2(1, Base, Big + P, vmm.File(Big + P)), Ok);
                Expect(vmm.Attributes(Base, Big + P, Private), Ok);
            }
            else
            {
                Expect(vmm.Ordinary2(1, Base, Big + P), Ok);
            }

            int vcpu = vmm.Vcpu();
            Expect(vmm.PreFault(vcpu, Base, Big, out ulong left), Ok);
            Assert.That(left, Is.Zero);
            Expect(vmm.PreFault(vcpu, Base + Big, 2 * P, out left), Ok);
            Assert.That(left, Is.EqualTo(P));
            Expect(vmm.PreFault(vcpu, Base + Big + P, P, out left), "ENOENT");
            Assert.That(left, Is.EqualTo(P));
        },
        type);

    [TestCase(Base, 0UL, 0UL, TestName = "Pre_fault_nothing")]
    [TestCase(Base + 1, P, 0UL, TestName = "Pre_fault_an_unaligned_address")]
    [TestCase(Base, P + 1, 0UL, TestName = "Pre_fault_an_unaligned_size")]
    [TestCase(ulong.MaxValue - P + 1, 2 * P, 0UL, TestName = "Pre_fault_wraps")]
    [TestCase(Base, P, 1UL, TestName = "Pre_fault_with_flags")]
    public void Pre_fault_refuses(ulong gpa, ulong size, ulong flags) => Run(vmm =>
    {
        Expect(vmm.Ordinary2(1, Base, N), Ok);
        Expect(vmm.PreFault(vmm.Vcpu(), gpa, size, out ulong left, flags), "EINVAL");
        Assert.That(left, Is.EqualTo(size));
    });

    [Test]
    public void Pre_faulting_private_memory_without_a_slot() => Run(
        vmm =>
        {
            Expect(vmm.Attributes(Base, P, Private), Ok);
            Expect(vmm.PreFault(vmm.Vcpu(), Base, P, out _), "EFAULT");
        },
        Swp);

    private static ulong Steps(Vmm vmm, Func<long> call)
    {
        ulong before = vmm.Seq;
        vmm.Good(call());
        return vmm.Seq - before;
    }
}
