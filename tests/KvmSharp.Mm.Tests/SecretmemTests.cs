// SPDX-License-Identifier: GPL-2.0-only
using static Linux.Fork;
using static Linux.Gup;
using static Linux.Mmap;
using static Linux.Open;
using static Linux.Secretmem;
using static Linux.UserMm;

namespace KvmSharp.Mm.Tests;

/// <summary>memfd_secret() as user space and the rest of the kernel see it, under every strategy, on every architecture.</summary>
[TestFixture("none", Isa.X86_64)]
[TestFixture("none", Isa.Arm64)]
[TestFixture("v12", Isa.X86_64)]
[TestFixture("v12", Isa.Arm64)]
[TestFixture("filemap", Isa.X86_64)]
[TestFixture("filemap", Isa.Arm64)]
internal sealed unsafe class SecretmemTests(string strategy, Isa isa)
{
    private const ulong Page = 4096;
    private const uint O_CLOEXEC = 0x80000;
    private const ulong ReadWrite = 3;
    private const ulong MAP_SHARED = 1;
    private const ulong MAP_PRIVATE = 2;

    private KvmSharp.Machine.Machine _machine = null!;
    private Linux.Kernel _kernel = null!;
    private task_struct _task = null!;
    private kernel_siginfo _signal;

    [SetUp]
    public void Boot()
    {
        _machine = new KvmSharp.Machine.Machine(new MachineConfig { Isa = isa, Cpus = 2, MemoryBytes = 256UL << 20 });
        Linux.Arch arch = KvmSharp.Init.Architectures.Create(_machine, new KvmSharp.Init.HostOptions());
        _kernel = new Linux.Kernel(_machine)
        {
            arch = arch,
            direct_map = strategy switch { "none" => new NoneStrategy(), "v12" => new V12Strategy(), _ => new FilemapStrategy() },
        };
        _kernel.RunTask(() =>
        {
            setup_arch_memory(_kernel);
            arch.paging_init(_kernel);
            foreach (Cpu cpu in _machine.Cpus)
                arch.cpu_init(_kernel, cpu);
            mm_core_init(_kernel);
            Assert.That(UserMm.Init(_kernel), Is.Zero);
        });
        _task = _kernel.Attach("program");
        _task.EnterKernel();
        exec_mmap(mm_alloc(_kernel)!);
        _task.files = new files_struct(_kernel);
        _task.SignalHandler = info =>
        {
            _signal = info;
            return true;
        };
        _task.ExitToUser();
    }

    [TearDown]
    public void PowerOff()
    {
        _kernel.Failures = null;
        _task.EnterKernel();
        exit_mm(_task);
        Linux.File.exit_files(_task);
        _task.ExitToUser();
        _task.EnterKernel();
        lru_add_drain_all();
        _kernel.CheckInvariants();
        _kernel.Detach();
        Assert.That(secretmem_active(_kernel), Is.False);
        Assert.That(_kernel.LiveInodes.Count, Is.Zero);
        Assert.That(_kernel.LiveFiles.Count, Is.Zero);
        Assert.That(_machine.Exposure.Verdict().PagesProtectedNow, Is.Zero);
        Assert.That(_machine.Exposure.Verdict().Violations, Is.Zero);
        IReadOnlyList<string> warnings = _kernel.Warnings;
        _kernel.Dispose();
        _machine.Dispose();
        Assert.That(warnings, Is.Empty);
    }

    [Test]
    public void Contents_are_zero_then_kept_and_never_in_the_direct_map()
    {
        (int fd, ulong at) = Create(8);
        Assert.That(Load(at + (3 * Page) + 5), Is.Zero);
        Store(at + (3 * Page) + 5, 42);
        Assert.That(Load(at + (3 * Page) + 5), Is.EqualTo(42));
        page page = PageAt(fd, 3);
        Assert.That(kernel_page_present(page), Is.False);
        Assert.That(folio_test_unevictable(new folio(page.Frame)) || folio_ref_count(new folio(page.Frame)) > 1, Is.True);
        Assert.That(_machine.Exposure.Page(page_to_pfn(page)).Protected, Is.True);
        Assert.That(Sys(() => secretmem_active(_kernel) ? 1 : 0), Is.EqualTo(1));
        Sys(() => sys_close((uint)fd));
        Assert.That(Load(at + (3 * Page) + 5), Is.EqualTo(42), "the mapping keeps the file");
        ulong phys = page_to_phys(page);
        Assert.That(Sys(() => sys_munmap(at, 8 * Page)), Is.Zero);
        Assert.That(kernel_page_present(page), Is.True);
        Assert.That(new ReadOnlySpan<byte>(_machine.Memory.Host(phys), 4096).ToArray(), Is.All.Zero, "scrubbed");
    }

    [Test]
    public void No_window_is_open_once_a_page_holds_a_secret()
    {
        (_, ulong at) = Create(64);
        for (ulong i = 0; i < 64; i++)
            Store(at + (i * Page), 1);
        ExposureVerdict verdict = _machine.Exposure.Verdict();
        Assert.That(verdict.PagesProtectedNow, Is.EqualTo(64));
        Assert.That(verdict.OpenUnallowed, Is.Zero);
        Assert.That(verdict.Clean, Is.True);
    }

    [Test]
    public void Flags_are_checked()
    {
        Assert.That(Sys(() => memfd_secret(1)), Is.EqualTo(-EINVAL));
        int fd = (int)Sys(() => memfd_secret(O_CLOEXEC));
        Assert.That(fd, Is.GreaterThanOrEqualTo(0));
        Assert.That(Sys(() => sys_close((uint)fd)), Is.Zero);
    }

    [Test]
    public void A_wrapped_count_of_users_is_refused()
    {
        _kernel.secretmem_users = -1;
        Assert.That(Sys(() => memfd_secret(0)), Is.EqualTo(-ENFILE));
        _kernel.secretmem_users = 0;
    }

    [Test]
    public void The_size_can_be_set_once()
    {
        int fd = (int)Sys(() => memfd_secret(0));
        Assert.That(Sys(() => sys_ftruncate((uint)fd, 0)), Is.Zero, "still empty");
        Assert.That(Sys(() => sys_ftruncate((uint)fd, 8192)), Is.Zero);
        Assert.That(Sys(() => sys_ftruncate((uint)fd, 8192)), Is.EqualTo(-EINVAL));
        Assert.That(Sys(() => sys_ftruncate((uint)fd, 0)), Is.EqualTo(-EINVAL));
    }

    [Test]
    public void Only_shared_mappings_are_allowed()
    {
        int fd = (int)Sys(() => memfd_secret(0));
        Assert.That(Sys(() => sys_ftruncate((uint)fd, 4096)), Is.Zero);
        Assert.That(Sys(() => sys_mmap(0, Page, ReadWrite, MAP_PRIVATE, fd, 0)), Is.EqualTo(-EINVAL));
    }

    [Test]
    public void Mapped_memory_counts_as_locked_and_obeys_the_limit()
    {
        int fd = (int)Sys(() => memfd_secret(0));
        Assert.That(Sys(() => sys_ftruncate((uint)fd, 1 << 20)), Is.Zero);
        Sys(() =>
        {
            current.cap_effective = 0;
            current.signal.rlim[8] = new rlimit { rlim_cur = 16 * Page, rlim_max = 16 * Page };
            return 0;
        });
        Assert.That(Sys(() => sys_mmap(0, 17 * Page, ReadWrite, MAP_SHARED, fd, 0)), Is.EqualTo(-EAGAIN));
        long at = Sys(() => sys_mmap(0, 16 * Page, ReadWrite, MAP_SHARED, fd, 0));
        Assert.That(at, Is.GreaterThan(0));
        Assert.That(_task.mm!.locked_vm, Is.EqualTo(16UL));
        Assert.That(Sys(() => sys_mmap(0, Page, ReadWrite, MAP_SHARED, fd, 0)), Is.EqualTo(-EAGAIN));
        Assert.That(Sys(() => sys_munmap((ulong)at, 16 * Page)), Is.Zero);
        Assert.That(_task.mm!.locked_vm, Is.Zero);
    }

    [Test]
    public void Beyond_the_end_is_SIGBUS()
    {
        (_, ulong at) = Create(2, 4);
        Store(at + Page, 1);
        _signal = default;
        Assert.That(UserMemory.Store(at + (2 * Page), [1]), Is.Zero);
        Assert.That(_signal.si_signo, Is.EqualTo(7));
    }

    [Test]
    public void Pages_cannot_be_pinned_by_either_way()
    {
        (_, ulong at) = Create(4);
        Store(at, 1);
        Assert.That(Sys(() => get_user_pages_fast_only(at, 1, foll_flag.FOLL_WRITE, new page[1])), Is.Zero);
        Assert.That(Sys(() => get_user_pages_fast(at, 1, foll_flag.FOLL_WRITE, new page[1])), Is.EqualTo(-EFAULT));
    }

    [Test]
    public void The_kernel_oopses_when_it_touches_a_secret_by_its_own_address()
    {
        (int fd, ulong at) = Create(1);
        Store(at, 1);
        page page = PageAt(fd, 0);
        _task.EnterKernel();
        Assert.Throws<KernelOops>(() => clear_highpage(page));
        _task.ExitToUser();
    }

    [Test]
    public void Every_allocation_of_a_fault_may_fail([Values("fail_page_alloc", "xas_alloc")] string point)
    {
        (_, ulong at) = Create(4096);
        int failed = 0;
        for (int n = 1; n <= 12; n++)
        {
            _kernel.Failures = new FailureInjector();
            _kernel.Failures.FailNth(point, n);
            ulong va = at + ((ulong)n * 300 * Page);

            // By the kernel's own access, which tells of the failure where a program would be killed. Each round in another part of the
            // file, so that page tables are needed again.
            if (Sys(() => UaccessH.put_user((byte)1, va)) != 0)
                failed++;
            _kernel.Failures = null;
            _task.EnterKernel();
            _kernel.CheckInvariants();
            _task.ExitToUser();
            Store(va, 1);
        }

        Assert.That(failed, point == "fail_page_alloc" ? Is.GreaterThan(0) : Is.GreaterThanOrEqualTo(0));
    }

    [Test]
    public void Descriptors_inodes_and_files_may_run_out([Values("inode_cache", "filp_cachep")] string point)
    {
        _kernel.Failures = new FailureInjector();
        _kernel.Failures.FailNth(point, 1);
        Assert.That(Sys(() => memfd_secret(0)), Is.EqualTo(-ENOMEM));
        Assert.That(secretmem_active(_kernel), Is.False);
        _kernel.Failures = null;
        Assert.That(Sys(() => memfd_secret(0)), Is.Zero, "the descriptor is free again");
    }

    [Test]
    public void Moving_a_secret_page_is_refused()
    {
        (int fd, ulong at) = Create(1);
        Store(at, 1);
        folio folio = new(PageAt(fd, 0).Frame);
        address_space mapping = folio_mapping(folio)!;
        Assert.That(SecretmemH.secretmem_mapping(mapping), Is.True);
        Assert.That(mapping.a_ops.migrate_folio!(mapping, folio, folio), Is.EqualTo(-EBUSY));
    }

    private (int Fd, ulong At) Create(ulong pages, ulong mapped = 0)
    {
        int fd = (int)Sys(() => memfd_secret(0));
        Assert.That(fd, Is.GreaterThanOrEqualTo(0));
        Assert.That(Sys(() => sys_ftruncate((uint)fd, (long)(pages * Page))), Is.Zero);
        long at = Sys(() => sys_mmap(0, Math.Max(pages, mapped) * Page, ReadWrite, MAP_SHARED, fd, 0));
        Assert.That(at, Is.GreaterThan(0));
        return (fd, (ulong)at);
    }

    private page PageAt(int fd, ulong index)
    {
        page page = default;
        Sys(() =>
        {
            @file file = Linux.File.fget((uint)fd)!;
            folio folio = filemap_get_folio(file.f_mapping, index);
            FileTable.fput(file);
            page = folio.page;
            folio_put(folio);
            return 0;
        });
        return page;
    }

    private long Sys(Func<long> call)
    {
        _task.EnterKernel();
        long result = call();
        _task.ExitToUser();
        return result;
    }

    private void Store(ulong va, byte value)
    {
        _signal = default;
        Assert.That(UserMemory.Store(va, [value]), Is.EqualTo(1), () => $"signal {_signal.si_signo}");
    }

    private byte Load(ulong va)
    {
        byte value = 0xff;
        Assert.That(UserMemory.Load(va, new Span<byte>(ref value)), Is.EqualTo(1));
        return value;
    }
}
