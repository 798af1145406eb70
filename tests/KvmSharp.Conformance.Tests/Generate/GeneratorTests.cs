// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Conformance.Generate;
using KvmSharp.Init;

namespace KvmSharp.Conformance.Tests.Generate;

/// <summary>Sequences that are generated: the same for the same seed, within the format, and all of it.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
internal sealed class GeneratorTests
{
    private static readonly string[] _formatsOperations =
    [
        "kvm_get_api_version", "kvm_create_vm", "kvm_check_extension", "kvm_create_guest_memfd", "kvm_set_user_memory_region", "kvm_set_user_memory_region2",
        "kvm_set_memory_attributes", "kvm_create_vcpu", "kvm_get_dirty_log", "kvm_clear_dirty_log", "kvm_enable_cap", "kvm_write_wall_clock", "kvm_pre_fault_memory",
        "memfd_secret", "memfd_create", "tmpfile", "open_devnull", "eventfd", "close", "dup", "reopen", "fallocate", "ftruncate", "fstat", "fstatfs", "lseek", "pread", "read",
        "pwrite", "write", "fsync", "fdatasync", "flock", "file_lock", "fcntl", "fchmod", "fchown", "futimens", "fgetxattr", "fsetxattr", "fremovexattr", "flistxattr",
        "name_to_handle_at", "readlink_fd", "splice_from", "splice_to", "sendfile_from", "sendfile_to", "copy_file_range_from", "copy_file_range_to", "ioctl_raw",
        "posix_fadvise", "readahead", "sync_file_range", "poll", "epoll_add", "execveat", "fork_exec_probe", "mmap", "mmap_anon", "munmap", "mprotect", "mremap", "madvise",
        "load", "scan", "store", "fill", "mlock", "mlock2", "munlock", "mlockall", "munlockall", "msync", "mincore", "mbind", "get_mempolicy", "move_pages_query",
        "userfaultfd_register", "maps_entry", "vmas", "smaps_entry", "vm_locked", "setrlimit_memlock", "process_vm_readv", "process_vm_writev", "proc_mem_read",
        "proc_mem_write", "odirect_write_from", "odirect_read_into", "vmsplice", "pipe_write_from", "pipe_read_into", "iouring_register", "futex_wake", "fork_child_load",
        "fork_begin", "fork_end",
    ];

    private static IEnumerable<string> Profiles => Profile.Names;

    [Test]
    public void A_seed_draws_the_same_sequence_every_time([ValueSource(nameof(Profiles))] string profile)
    {
        string[] first = [.. Draw(7, profile, 3000).Select(o => o.Raw)];
        string[] again = [.. Draw(7, profile, 3000).Select(o => o.Raw)];
        Assert.That(again, Is.EqualTo(first));
        Assert.That(Draw(8, profile, 100).Select(o => o.Raw), Is.Not.EqualTo(first.Take(100)));
    }

    [Test]
    public void The_generator_is_pinned_so_that_seeds_stay_good()
    {
        var random = new Prng(1);
        ulong[] drawn = [random.Next(), random.Next(), random.Next()];
        Assert.That(drawn, Is.EqualTo(new ulong[] { 0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514 }));
    }

    [Test]
    public void Every_operation_of_the_format_is_drawn_and_none_other()
    {
        var drawn = new HashSet<string>(StringComparer.Ordinal);
        for (ulong seed = 0; seed < 10; seed++)
            drawn.UnionWith(Draw(seed, "all", 3000).Select(o => o.Name));
        Assert.That(drawn, Is.EquivalentTo(_formatsOperations));
    }

    [Test]
    public void What_does_not_occur_is_not_drawn([ValueSource(nameof(Profiles))] string profile)
    {
        for (ulong seed = 0; seed < 5; seed++)
        {
            int depth = 0;
            foreach (Operation op in Draw(seed, profile, 3000))
            {
                switch (op.Name)
                {
                    case "fork_begin":
                        depth++;
                        break;
                    case "fork_end":
                        depth--;
                        Assert.That(depth, Is.GreaterThanOrEqualTo(0));
                        break;
                    case "mlockall":
                        Assert.That(op.U64("flags") & 1, Is.Zero, op.Raw);
                        break;
                    case "kvm_write_wall_clock":
                        Assert.That(op.U64("gpa"), Is.Not.Zero, op.Raw);
                        break;
                    case "madvise":
                        Assert.That(op.Text("advice"), Is.Not.AnyOf("HWPOISON", "SOFT_OFFLINE", "100", "101"), op.Raw);
                        break;
                    case "mmap" when op.Has("at"):
                        Assert.That(op.U64("flags") & 0x10_0010, Is.Not.Zero, op.Raw);
                        break;
                    default:
                        break;
                }
            }
        }
    }

    [Test]
    public void The_model_understands_every_operation([ValueSource(nameof(Profiles))] string profile)
    {
        using Host host = Host.Boot(new HostOptions { MemoryBytes = 1UL << 30, Cpus = 2, Strategy = "none" });
        int succeeded = 0;
        UserProcess.Run(host.Kernel, "generated", process =>
        {
            var generator = new Generator(3, new GeneratorOptions { Profile = profile, MaxForkDepth = 0 });
            var session = new Session(new ModelMachine(process));
            for (int i = 0; i < 400; i++)
            {
                Operation op = generator.Next();
                Outcome outcome = session.Execute(op);
                generator.Observe(op, outcome);
                succeeded += outcome.Succeeded ? 1 : 0;
            }
        });
        Assert.That(succeeded, Is.InRange(100, 350), "a good sequence both succeeds and fails");
        Assert.That(host.PowerDown(), Is.Empty);
    }

    /// <summary>Draws without carrying out: every third operation is said to have failed.</summary>
    private static List<Operation> Draw(ulong seed, string profile, int count)
    {
        var generator = new Generator(seed, new GeneratorOptions { Profile = profile });
        var drawn = new List<Operation>();
        for (int i = 0; i < count; i++)
        {
            Operation op = generator.Next();
            drawn.Add(op);
            generator.Observe(op, succeeded: i % 3 != 2 || op.Name.StartsWith("fork", StringComparison.Ordinal));
        }

        while (generator.NextForkEnd() is { } end)
        {
            drawn.Add(end);
            generator.Observe(end, succeeded: true);
        }

        return drawn;
    }
}
