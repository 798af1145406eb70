// SPDX-License-Identifier: GPL-2.0-only
using static Linux.ResourceH;

namespace KvmSharp.Virt.Tests;

/// <summary>Capabilities and creation of guest_memfd.</summary>
internal sealed class GmemCreateTests : KvmTest
{
    [TestCase(Def, KVM_CAP_GUEST_MEMFD, 1, TestName = "Capability_of_guest_memfd")]
    [TestCase(Def, KVM_CAP_GUEST_MEMFD_FLAGS, 3, TestName = "Flags_of_an_ordinary_VM")]
    [TestCase(Swp, KVM_CAP_GUEST_MEMFD_FLAGS, 1, TestName = "Flags_of_a_protected_VM_lack_INIT_SHARED")]
    [TestCase(Def, KVM_CAP_MEMORY_ATTRIBUTES, 0, TestName = "An_ordinary_VM_has_no_attributes")]
    [TestCase(Swp, KVM_CAP_MEMORY_ATTRIBUTES, 8, TestName = "A_protected_VM_has_the_private_attribute")]
    public void Capability(ulong type, int cap, long expected) => Run(vmm => Assert.That(vmm.Cap(cap), Is.EqualTo(expected)), type);

    [Test]
    public void The_device_itself_offers_all_flags() =>
        Run(vmm => Assert.That(vmm.Process.Ioctl(vmm.KvmFd, KVM_CHECK_EXTENSION, KVM_CAP_GUEST_MEMFD_FLAGS), Is.EqualTo(3)));

    [TestCase(Def)]
    [TestCase(Swp)]
    public void Exactly_the_flags_of_the_capability_are_accepted(ulong type) => Run(
        vmm =>
        {
            ulong valid = (ulong)vmm.Cap(KVM_CAP_GUEST_MEMFD_FLAGS);
            for (int bit = 0; bit < 64; bit++)
                Expect(vmm.Gmem(P, 1UL << bit), (valid >> bit & 1) != 0 ? Ok : "EINVAL");
        },
        type);

    [TestCase(Def, P, I, Ok, TestName = "INIT_SHARED_needs_no_MMAP")]
    [TestCase(Swp, P, I, "EINVAL", TestName = "INIT_SHARED_of_a_protected_VM")]
    [TestCase(Swp, P, M | I, "EINVAL", TestName = "MMAP_and_INIT_SHARED_of_a_protected_VM")]
    [TestCase(Swp, P, M, Ok, TestName = "MMAP_of_a_protected_VM")]
    [TestCase(Def, 0UL, 0UL, "EINVAL", TestName = "Size_zero")]
    [TestCase(Def, 1UL << 63, 0UL, "EINVAL", TestName = "Size_beyond_a_signed_number")]
    [TestCase(Def, ulong.MaxValue - P + 1, 0UL, "EINVAL", TestName = "Size_minus_one_page")]
    [TestCase(Def, P + 1, 0UL, "EINVAL", TestName = "Size_of_a_page_and_a_byte")]
    [TestCase(Def, P, M | I | 4, "EINVAL", TestName = "One_unknown_flag_among_known_ones")]
    [TestCase(Def, 1UL << 40, 0UL, Ok, TestName = "A_size_beyond_RAM_reserves_nothing")]
    public void Create(ulong type, ulong size, ulong flags, string expected) => Run(vmm => Expect(vmm.Gmem(size, flags), expected), type);

    [Test]
    public void A_part_of_a_page_is_no_size() => Run(vmm =>
    {
        for (ulong size = 1; size < P; size++)
            Expect(vmm.Gmem(size), "EINVAL");
    });

    [Test]
    public void Reserved_words_are_not_looked_at() => Run(vmm => Expect(vmm.Gmem(P, 0, reserved: ulong.MaxValue), Ok));

    [Test]
    public void An_argument_that_cannot_be_read() => Run(vmm => Expect(vmm.Process.Ioctl(vmm.Fd, KVM_CREATE_GUEST_MEMFD, 0x10), "EFAULT"));

    [Test]
    public void No_descriptor_left() => Run(vmm =>
    {
        int next = vmm.File(P);
        Assert.That(vmm.Process.Close(next), Is.Zero);
        vmm.Sys(next, static limit =>
        {
            rlimit files = current.signal.rlim[RLIMIT_NOFILE];
            files.rlim_cur = (ulong)limit;
            return Linux.Sys.do_prlimit(current, RLIMIT_NOFILE, files, out _);
        });
        Expect(vmm.Gmem(P), "EMFILE");
    });

    [Test]
    public void Files_are_separate() => Run(vmm =>
    {
        int first = vmm.File(P);
        int second = vmm.File(2 * P);
        kstat a = vmm.Stat(first);
        kstat b = vmm.Stat(second);
        Assert.That((a.size, b.size), Is.EqualTo(((long)P, 2 * (long)P)));
        Assert.That(a.ino, Is.Not.EqualTo(b.ino));
    });

    [Test]
    public void A_new_file_is_empty_and_open_for_both() => Run(vmm =>
    {
        int fd = vmm.File(N);
        kstat stat = vmm.Stat(fd);
        Assert.That((stat.size, stat.blksize, stat.blocks, stat.mode), Is.EqualTo(((long)N, (uint)P, 0UL, Convert.ToUInt32("100600", 8))));
        Assert.That(vmm.Sys(fd, static n => Fcntl.sys_fcntl((uint)n, Fcntl.F_GETFD, 0)), Is.Zero);
        Assert.That(vmm.Sys(fd, static n => Fcntl.sys_fcntl((uint)n, Fcntl.F_GETFL, 0)) & 3, Is.EqualTo(2));
    });

    [Test]
    public void A_forked_child_is_another_address_space_and_may_not() => Run(vmm =>
    {
        long result = 0;
        vmm.Process.RunForkedChild(child => result = vmm.Gmem(P, by: child));
        Expect(result, "EIO");
    });
}
