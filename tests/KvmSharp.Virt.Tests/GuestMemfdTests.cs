// SPDX-License-Identifier: GPL-2.0-only
using KvmSharp.Init;
using KvmSharp.Machine;
using Linux;
using static Linux.Errno;
using static Linux.UapiKvm;

namespace KvmSharp.Virt.Tests;

/// <summary>guest_memfd by its user interface and the direct map behind it, on every architecture and strategy.</summary>
[TestFixture(Isa.X86_64, "none")]
[TestFixture(Isa.X86_64, "v12")]
[TestFixture(Isa.X86_64, "filemap")]
[TestFixture(Isa.Arm64, "none")]
[TestFixture(Isa.Arm64, "v12")]
[TestFixture(Isa.Arm64, "filemap")]
internal sealed unsafe class GuestMemfdTests(Isa isa, string strategy)
{
    private const ulong Page = 4096;
    private const ulong Shared = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
    private const int KeepSize = 1;
    private const int PunchHole = 2;

    private Host _host = null!;

    private bool Hides => strategy != "none";

    [SetUp]
    public void Boot() => _host = Host.Boot(new HostOptions { Isa = isa, Cpus = 2, MemoryBytes = 256UL << 20, Strategy = strategy });

    [TearDown]
    public void PowerOff()
    {
        IReadOnlyList<string> problems = _host.PowerDown();
        ExposureVerdict verdict = _host.Machine.Exposure.Verdict();
        _host.Dispose();
        Assert.That(problems, Is.Empty);
        Assert.That(verdict.PagesProtectedNow, Is.Zero);
        Assert.That(verdict.Violations, Is.Zero);
    }

    [TestCase(0UL, 0)]
    [TestCase(4097UL, 0)]
    [TestCase(4096UL, 1 << 3)]
    [TestCase(4096UL, int.MaxValue)]
    public void Bad_sizes_and_unknown_flags_are_refused(ulong size, int flags)
    {
        Vmm((process, vm) => Assert.That(Create(process, vm, size, (ulong)flags), Is.EqualTo(-EINVAL)));
    }

    [Test]
    public void Memory_without_the_mmap_flag_is_not_mapped()
    {
        Vmm((process, vm) =>
        {
            int fd = Good(Create(process, vm, Page, 0));
            Assert.That(process.Mmap(0, Page, 3, 1, fd, 0), Is.EqualTo(-ENODEV));
            Good(process.Close(fd));
        });
    }

    [Test]
    public void A_private_mapping_is_refused()
    {
        Vmm((process, vm) =>
        {
            int fd = Good(Create(process, vm, Page, Shared));
            Assert.That(process.Mmap(0, Page, 3, 2, fd, 0), Is.EqualTo(-EINVAL));
            Good(process.Close(fd));
        });
    }

    [Test]
    public void Pages_are_zero_keep_what_is_written_and_leave_the_direct_map()
    {
        Mapped(8, (process, fd, at) =>
        {
            long before = Absent();
            Assert.That(Load(process, at + Page), Is.Zero);
            Store(process, at + Page, 42);
            Store(process, at + (7 * Page), 43);
            Assert.That(Load(process, at + Page), Is.EqualTo(42));
            Assert.That(Absent() - before, Is.EqualTo(Hides ? 2 : 0));
        });
    }

    [Test]
    public void A_hole_gives_the_page_back_clean_and_the_next_one_is_zero()
    {
        Mapped(8, (process, fd, at) =>
        {
            long before = Absent();
            for (ulong i = 0; i < 8; i++)
                Store(process, at + (i * Page), (byte)(i + 1));
            Assert.That(process.Fallocate(fd, PunchHole | KeepSize, (long)Page, (long)(2 * Page)), Is.Zero);
            Assert.That(Absent() - before, Is.EqualTo(Hides ? 6 : 0));
            Assert.That(Load(process, at), Is.EqualTo(1));
            Assert.That(Load(process, at + Page), Is.Zero);
            Assert.That(Load(process, at + (3 * Page)), Is.EqualTo(4));
        });
    }

    [Test]
    public void Fallocate_brings_pages_and_no_size()
    {
        Mapped(8, (process, fd, at) =>
        {
            Assert.That(process.Fallocate(fd, KeepSize, 0, (long)(8 * Page)), Is.Zero);
            Assert.That(process.Fallocate(fd, 0, 0, (long)Page), Is.EqualTo(-EOPNOTSUPP));
            Assert.That(process.Fallocate(fd, KeepSize, 1, (long)Page), Is.EqualTo(-EINVAL));
            Assert.That(Load(process, at + (5 * Page)), Is.Zero);
            Assert.That(process.Ftruncate(fd, (long)Page), Is.EqualTo(-EINVAL));
        });
    }

    [Test]
    public void A_load_behind_the_end_is_a_bus_error()
    {
        Vmm((process, vm) =>
        {
            int fd = Good(Create(process, vm, Page, Shared | Flag()));
            ulong at = (ulong)process.Mmap(0, 2 * Page, 3, 1, fd, 0);
            Assert.That(process.TryLoad(at + Page, stackalloc byte[1], out _, out kernel_siginfo signal), Is.False);
            Assert.That(signal.si_signo, Is.EqualTo(7));
            Good(process.Munmap(at, 2 * Page));
            Good(process.Close(fd));
        });
    }

    [Test]
    public void The_kernel_finds_no_page_behind_such_a_mapping()
    {
        // Loads and stores through the user mapping work; pinning the page behind it does not.
        Mapped(1, (process, fd, at) =>
        {
            Store(process, at, 1);
            long pinned = process.Syscall(at, static a =>
            {
                page[] pages = new page[1];
                long r = Gup.pin_user_pages_fast(a, 1, 0, pages);
                if (r == 1)
                    Gup.unpin_user_page(pages[0]);
                return r;
            });
            Assert.That(pinned, Hides ? Is.EqualTo(-EFAULT) : Is.EqualTo(1));
        });
    }

    [Test]
    public void What_is_left_is_restored_when_the_last_descriptor_closes()
    {
        long before = Absent();
        Vmm((process, vm) =>
        {
            int fd = Good(Create(process, vm, 64 * Page, Shared | Flag()));
            ulong at = (ulong)process.Mmap(0, 64 * Page, 3, 1, fd, 0);
            for (ulong i = 0; i < 64; i++)
                Store(process, at + (i * Page), 1);
            Good(process.Close(fd));
            Assert.That(Load(process, at), Is.EqualTo(1), "the mapping keeps the file");
            Good(process.Munmap(at, 64 * Page));
        });
        Assert.That(Absent(), Is.EqualTo(before));
    }

    private static int Good(long r)
    {
        Assert.That(r, Is.GreaterThanOrEqualTo(0), () => Name((int)r));
        return (int)r;
    }

    private static long Create(UserProcess process, int vm, ulong size, ulong flags)
    {
        var args = new kvm_create_guest_memfd { size = size, flags = flags };
        process.Write(process.Scratch, new ReadOnlySpan<byte>(&args, sizeof(kvm_create_guest_memfd)));
        return process.Ioctl(vm, KVM_CREATE_GUEST_MEMFD, process.Scratch);
    }

    private static byte Load(UserProcess process, ulong va)
    {
        byte value = 0;
        process.Read(va, new Span<byte>(ref value));
        return value;
    }

    private static void Store(UserProcess process, ulong va, byte value) => process.Write(va, [value]);

    private ulong Flag() => Hides ? GUEST_MEMFD_FLAG_NO_DIRECT_MAP : 0;

    private void Mapped(ulong pages, Action<UserProcess, int, ulong> body) => Vmm((process, vm) =>
    {
        int fd = Good(Create(process, vm, pages * Page, Shared | Flag()));
        ulong at = (ulong)process.Mmap(0, pages * Page, 3, 1, fd, 0);
        body(process, fd, at);
        Good(process.Munmap(at, pages * Page));
        Good(process.Close(fd));
    });

    private void Vmm(Action<UserProcess, int> body) => UserProcess.Run(_host.Kernel, "vmm", process =>
    {
        int kvm = process.OpenKvm();
        int vm = Good(process.Ioctl(kvm, KVM_CREATE_VM, 0));
        body(process, vm);
        Good(process.Close(vm));
        Good(process.Close(kvm));
    });

    /// <summary>Pages that are out of the direct map.</summary>
    private long Absent()
    {
        long absent = 0;
        _host.Kernel.arch.WalkDirectMap(_host.Kernel, (_, level, present, _) => absent += present ? 0 : 1L << ((level - 1) * 9));
        return absent;
    }
}
