// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Virt.Tests;

/// <summary>Mappings of guest_memfd in its owner, and faults on them.</summary>
internal sealed class GmemMmapTests : KvmTest
{
    [TestCase(0UL, P, 3u, 1u, "ENODEV", TestName = "A_page_shared_without_MMAP")]
    [TestCase(0UL, N, 3u, 1u, "ENODEV", TestName = "All_shared_without_MMAP")]
    [TestCase(0UL, N, 3u, 2u, "ENODEV", TestName = "Private_without_MMAP")]
    [TestCase(M, N, 3u, 2u, "EINVAL", TestName = "Private_mapping")]
    [TestCase(M | I, N, 3u, 2u, "EINVAL", TestName = "Private_mapping_of_shared_memory")]
    [TestCase(M | I, N, 3u, 1u, Ok, TestName = "Shared_mapping")]
    [TestCase(M | I, 4 * N, 3u, 1u, Ok, TestName = "Shared_mapping_beyond_the_end")]
    [TestCase(M, N, 3u, 1u, Ok, TestName = "Shared_mapping_of_private_memory")]
    [TestCase(M | I, N, 5u, 1u, "EPERM", TestName = "Executable_mapping")]
    public void Mmap(ulong flags, ulong length, uint prot, uint share, string expected) =>
        Run(vmm => Expect(vmm.Process.Mmap(0, length, prot, share, vmm.File(N, flags), 0), expected));

    [Test]
    public void A_hole_reads_as_zero_and_is_filled_again() => Run(vmm =>
    {
        int fd = vmm.File(N, M | I);
        ulong map = vmm.Map(fd, N);
        vmm.Process.Write(map, Filled(N, 0xaa));
        Assert.That(vmm.Load(map, N), Is.All.EqualTo(0xaa));
        Expect(vmm.Process.Fallocate(fd, Punch, 0, (long)P), Ok);
        Assert.That(vmm.Load(map, P), Is.All.Zero);
        Assert.That(vmm.Load(map + P, N - P), Is.All.EqualTo(0xaa));
        vmm.Process.Write(map, Filled(P, 0xaa));
        Assert.That(vmm.Load(map, N), Is.All.EqualTo(0xaa));
    });

    [TestCase(0UL)]
    [TestCase(N)]
    public void Beyond_the_end_is_SIGBUS(ulong offset) => Run(vmm =>
    {
        ulong map = vmm.Map(vmm.File(N, M | I), 4 * N, offset);
        for (ulong at = N - offset; at < 4 * N; at += P)
            Assert.That((vmm.Touch(map + at, false), vmm.Touch(map + at, true)), Is.EqualTo((Sigbus, Sigbus)));
        if (offset == 0)
            Assert.That((vmm.Touch(map + N - 1, false), vmm.Touch(map, true)), Is.EqualTo((0, 0)));
    });

    [TestCase(Def, false, TestName = "Private_memory_is_SIGBUS")]
    [TestCase(Def, true, TestName = "Private_memory_that_is_allocated_is_SIGBUS")]
    [TestCase(Swp, false, TestName = "Memory_of_a_protected_VM_is_SIGBUS")]
    public void Without_INIT_SHARED(ulong type, bool allocate) => Run(
        vmm =>
        {
            int fd = vmm.File(N, M);
            ulong map = vmm.Map(fd, N);
            if (allocate)
                Expect(vmm.Process.Fallocate(fd, Keep, 0, (long)N), Ok);
            if (type == Swp)
            {
                Expect(vmm.Region2(0, 0, N, fd), Ok);
                Expect(vmm.Attributes(0, N, 0), Ok);
            }

            for (ulong at = 0; at < N; at += P)
                Assert.That((vmm.Touch(map + at, false), vmm.Touch(map + at, true)), Is.EqualTo((Sigbus, Sigbus)));
        },
        type);

    [Test]
    public void Protection_is_changed_within_what_a_file_allows() => Run(vmm =>
    {
        ulong map = vmm.Map(vmm.File(N, M | I), N, prot: 1);
        Assert.That((vmm.Touch(map, false), vmm.Touch(map, true)), Is.EqualTo((0, Sigsegv)));
        Expect(vmm.Sys(map, static m => Mprotect.sys_mprotect(m, P, 5)), "EACCES");
        Expect(vmm.Sys(map, static m => Mprotect.sys_mprotect(m, P, 3)), Ok);
        Assert.That(vmm.Touch(map, true), Is.Zero);
    });

    [Test]
    public void All_mappings_and_children_see_one_memory() => Run(vmm =>
    {
        int fd = vmm.File(N, M | I);
        ulong first = vmm.Map(fd, N);
        ulong second = vmm.Map(fd, N);
        vmm.Process.Write(first, Filled(P, 0x11));
        Assert.That(vmm.Load(second, P), Is.All.EqualTo(0x11));
        vmm.Process.RunForkedChild(child =>
        {
            Span<byte> seen = stackalloc byte[1];
            child.Read(second, seen);
            Assert.That(seen[0], Is.EqualTo(0x11));
            child.Write(second + P, [0x22]);
        });
        Assert.That(vmm.Load(first + P, 1), Is.All.EqualTo(0x22));
        Assert.That(vmm.Process.Munmap(first, N), Is.Zero);
        Assert.That(vmm.Process.Munmap(second, N), Is.Zero);
        Assert.That(vmm.Load(vmm.Map(fd, N), P), Is.All.EqualTo(0x11));
    });

    [Test]
    public void A_mapping_outlives_its_descriptors() => Run(vmm =>
    {
        int fd = vmm.File(N, M | I);
        ulong map = vmm.Map(fd, N);
        Expect(vmm.Process.Close(fd), Ok);
        Expect(vmm.Process.Close(vmm.Fd), Ok);
        vmm.Process.Write(map, Filled(N, 0x33));
        Assert.That(vmm.Load(map, N), Is.All.EqualTo(0x33));
    });

    [Test]
    public void The_kernel_gets_EFAULT_for_private_memory() => Run(vmm =>
    {
        ulong map = vmm.Map(vmm.File(N, M), N);
        int write = -1;
        vmm.Sys(0, _ => Pipe.do_pipe_flags(vmm.Process.Kernel, out _, out write));
        Expect(vmm.Sys(map, m => ReadWrite.sys_write((uint)write, m, 64)), "EFAULT");
    });

    [TestCase(14, Ok, 0xaa, TestName = "HUGEPAGE")]
    [TestCase(25, "EINVAL", 0xaa, TestName = "COLLAPSE")]
    [TestCase(4, Ok, 0xaa, TestName = "DONTNEED_keeps_data")]
    [TestCase(9, Ok, 0, TestName = "REMOVE_zeroes_data")]
    public void Advice(int advice, string expected, int after) => Run(vmm =>
    {
        int fd = vmm.File(2UL << 20, M | I);
        const ulong Aligned = 0x2000_0000_0000;
        Assert.That(vmm.Process.Mmap(Aligned, 2UL << 20, 3, 1, fd, 0), Is.EqualTo((long)Aligned));
        vmm.Process.Write(Aligned, Filled(2UL << 20, 0xaa));
        Expect(vmm.Sys(advice, static a => Madvise.sys_madvise(Aligned, 2UL << 20, a)), expected);
        Assert.That(vmm.Load(Aligned, 2UL << 20).All(b => b == after));
    });

    [Test]
    public void Populating_private_memory() => Run(vmm =>
    {
        ulong map = vmm.Map(vmm.File(N, M), N);
        Expect(vmm.Sys(map, static m => Madvise.sys_madvise(m, N, 23)), "EFAULT");
    });
}
