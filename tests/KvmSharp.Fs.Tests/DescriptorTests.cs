// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;

namespace KvmSharp.Fs.Tests;

internal sealed class DescriptorTests : FsTest
{
    private const int F_DUPFD = 0;
    private const int F_GETFD = 1;
    private const int F_SETFD = 2;
    private const int F_DUPFD_CLOEXEC = 1030;
    private const uint RLIMIT_NOFILE = 7;

    [Test]
    public void The_lowest_free_number_is_taken() => Run(user =>
    {
        Assert.That(Enumerable.Range(0, 200).Select(_ => user.Memfd()), Is.EqualTo(Enumerable.Range(0, 200)));
        foreach (ulong fd in new ulong[] { 150, 3, 64, 63 })
            Assert.That(user.Close(fd), Is.EqualTo(Ok));
        Assert.That(Enumerable.Range(0, 5).Select(_ => user.Memfd()), Is.EqualTo(new[] { 3, 63, 64, 150, 200 }));
    });

    [Test]
    public void The_limit_binds_new_numbers_and_not_old_ones() => Run(user =>
    {
        for (int i = 0; i < 8; i++)
            user.Memfd();
        Limit(user, 4);
        Assert.That(user.Sys(__NR_memfd_create, user.Text("m"), 0), Is.EqualTo("EMFILE"));
        Assert.That(user.Sys(__NR_eventfd2, 0, 0), Is.EqualTo("EMFILE"));
        Assert.That(user.Sys(__NR_pipe2, user.Scratch, 0), Is.EqualTo("EMFILE"));
        Assert.That(user.Fcntl(7, F_GETFD), Is.EqualTo(Ok), "above the limit and still open");
        Assert.That(user.Close(2), Is.EqualTo(Ok));
        Assert.That(user.Sys(__NR_pipe2, user.Scratch, 0), Is.EqualTo("EMFILE"), "there is a number for one end only");
        Assert.That(user.Memfd(), Is.EqualTo(2));
    });

    [Test]
    public void Dup_shares_the_open_file_and_not_the_flag_of_the_number() => Run(user =>
    {
        ulong fd = user.Memfd(1);
        ulong copy = user.Fd(__NR_dup, fd);
        Assert.That((user.Fcntl(fd, F_GETFD), user.Fcntl(copy, F_GETFD)), Is.EqualTo(("1", "0")));
        Assert.That(user.Write(fd, 100), Is.EqualTo("100"));
        Assert.That(user.Sys(__NR_lseek, copy, 0, 1), Is.EqualTo("100"));
        Assert.That(user.Close(fd), Is.EqualTo(Ok));
        Assert.That(user.Write(copy, 1), Is.EqualTo("1"));
        Assert.That(user.Write(fd, 1), Is.EqualTo("EBADF"));
        Assert.That(user.Close(fd), Is.EqualTo("EBADF"));
    });

    [Test]
    public void Fcntl_dup_starts_at_a_number() => Run(user =>
    {
        ulong fd = user.Memfd();
        Assert.That(user.Fcntl(fd, F_DUPFD, 100), Is.EqualTo("100"));
        Assert.That(user.Fcntl(fd, F_DUPFD_CLOEXEC, 100), Is.EqualTo("101"));
        Assert.That((user.Fcntl(100, F_GETFD), user.Fcntl(101, F_GETFD)), Is.EqualTo(("0", "1")));
        Assert.That(user.Fcntl(fd, F_DUPFD, 1_000_000_000), Is.EqualTo("EINVAL"));
        Limit(user, 102);
        Assert.That(user.Fcntl(fd, F_DUPFD, 101), Is.EqualTo("EMFILE"));
        Assert.That(user.Fcntl(fd, F_DUPFD, 102), Is.EqualTo("EINVAL"));
        Assert.That(user.Fcntl(fd, 12345), Is.EqualTo("EINVAL"));
        Assert.That(user.Fcntl(77, F_DUPFD, 0), Is.EqualTo("EBADF"));
    });

    [Test]
    public void Exec_closes_what_is_marked() => Run(user =>
    {
        ulong kept = user.Memfd();
        ulong closed = user.Memfd(1);
        ulong marked = user.Memfd();
        Assert.That(user.Fcntl(marked, F_SETFD, 1), Is.EqualTo(Ok));
        user.Process.ExecNewImage();
        Assert.That((user.Fcntl(kept, F_GETFD), user.Fcntl(closed, F_GETFD), user.Fcntl(marked, F_GETFD)), Is.EqualTo(("0", "EBADF", "EBADF")));
    });

    [Test]
    public void A_forked_child_has_a_table_of_its_own_and_the_same_open_files() => Run(user =>
    {
        ulong fd = user.Memfd();
        user.Process.RunForkedChild(child =>
        {
            var inChild = new User(child);
            Assert.That(inChild.Write(fd, 10), Is.EqualTo("10"));
            Assert.That(inChild.Close(fd), Is.EqualTo(Ok));
            Assert.That(inChild.Memfd(), Is.EqualTo(fd));
        });
        Assert.That(user.Sys(__NR_lseek, fd, 0, 1), Is.EqualTo("10"));
    });

    /// <summary>One thread closes and opens again what the other uses: every use finds a whole file or none.</summary>
    [Test]
    public void Close_races_with_use() => Run(user =>
    {
        ulong fd = user.Memfd();
        ulong place = user.Text("m");
        var wrong = new List<string>();
        user.Beside(
            () =>
            {
                for (int i = 0; i < 2000; i++)
                {
                    _ = user.Call(__NR_close, fd);
                    _ = user.Call(__NR_memfd_create, place, 0);
                }
            },
            () =>
            {
                for (int i = 0; i < 2000; i++)
                {
                    string said = user.Sys(__NR_ftruncate, fd, 4096);
                    if (said is not (Ok or "EBADF"))
                        wrong.Add(said);
                }
            });
        Assert.That(wrong, Is.Empty);
        Assert.That(user.Process.Kernel.LiveKind("file").Count, Is.LessThanOrEqualTo(1));
    });

    [Test]
    public void Two_threads_close_one_number_and_one_succeeds() => Run(user =>
    {
        int closed = 0;
        for (int round = 0; round < 100; round++)
        {
            ulong fd = user.Memfd();
            Action close = () =>
            {
                if (user.Close(fd) == Ok)
                    Interlocked.Increment(ref closed);
            };
            user.Beside(close, close);
        }

        Assert.That(closed, Is.EqualTo(100));
    });

    /// <summary>The order in which fallocate(2) finds fault, by pairs of faults of which the first is reported.</summary>
    [TestCase(0x1000, -1L, 0L, "EINVAL", TestName = "length_before_mode")]
    [TestCase(0x1000, 1L, 4096L, "EOPNOTSUPP", TestName = "mode_before_type")]
    [TestCase(2, 0L, 4096L, "EOPNOTSUPP", TestName = "a_hole_keeps_the_size_before_type")]
    [TestCase(0x18, 0L, 4096L, "EOPNOTSUPP", TestName = "two_modes_at_once_before_type")]
    [TestCase(3, long.MaxValue, 4096L, "ESPIPE", TestName = "type_before_overflow")]
    public void Fallocate_finds_faults_in_order(int mode, long offset, long length, string expected) => Run(user =>
    {
        (_, ulong write) = user.Pipe();
        Assert.That(user.Sys(__NR_fallocate, write, (ulong)mode, (ulong)offset, (ulong)length), Is.EqualTo(expected));
        Assert.That(user.Sys(__NR_fallocate, 99, (ulong)mode, (ulong)offset, (ulong)length), Is.EqualTo("EBADF"));
    });

    [Test]
    public void Fallocate_wants_a_regular_file_open_for_writing() => Run(user =>
    {
        (ulong read, _) = user.Pipe();
        Assert.That(user.Sys(__NR_fallocate, read, 0, 0, 4096), Is.EqualTo("EBADF"));
        Assert.That(user.Sys(__NR_fallocate, user.Fd(__NR_eventfd2, 0, 0), 0, 0, 4096), Is.EqualTo("ENODEV"));
        Assert.That(user.Sys(__NR_fallocate, user.Memfd(), 0, long.MaxValue, 1), Is.EqualTo("EFBIG"));
    });

    [Test]
    public void A_link_in_proc_names_what_is_open() => Run(user =>
    {
        ulong fd = user.Memfd();
        (ulong read, _) = user.Pipe();
        Assert.That(Link(user, fd), Is.EqualTo("/memfd:m (deleted)"));
        Assert.That(Link(user, read), Does.Match(@"^pipe:\[\d+\]$"));
        Assert.That(Link(user, user.Fd(__NR_eventfd2, 0, 0)), Is.EqualTo("anon_inode:[eventfd]"));
        Assert.That(Link(user, 99), Is.EqualTo("ENOENT"));
    });

    [Test]
    public void A_memfd_can_be_opened_anew_and_its_copy_has_a_position_of_its_own() => Run(user =>
    {
        ulong fd = user.Memfd();
        Assert.That(user.Write(fd, 100), Is.EqualTo("100"));
        ulong again = Open(user, fd, 0);
        Assert.That(user.Sys(__NR_lseek, again, 0, 1), Is.EqualTo("0"));
        Assert.That(user.Read(again, 1000), Is.EqualTo("100"));
        Assert.That(user.Write(again, 1), Is.EqualTo("EBADF"), "opened for reading");
    });

    [Test]
    public void What_has_no_open_function_cannot_be_opened_anew_except_as_a_path() => Run(user =>
    {
        ulong counter = user.Fd(__NR_eventfd2, 0, 0);
        long refused = user.Process.Syscall(counter, static fd => Linux.Fd.proc_fd_open((uint)fd, 0));
        Assert.That(Said(refused), Is.EqualTo("ENXIO"));
        ulong path = Open(user, counter, O_PATH);
        Assert.That((user.Read(path, 8), user.Fcntl(path, F_GETFD), user.Sys(__NR_ftruncate, path, 0)), Is.EqualTo(("EBADF", "0", "EBADF")));
    });

    private static void Limit(User user, ulong files)
    {
        Span<byte> rlimit = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(rlimit, files);
        BinaryPrimitives.WriteUInt64LittleEndian(rlimit[8..], 4096);
        user.Put(user.Scratch, rlimit);
        Assert.That(user.Sys(__NR_prlimit64, 0, RLIMIT_NOFILE, user.Scratch, 0), Is.EqualTo(Ok));
    }

    private static string Link(User user, ulong fd)
    {
        string text = string.Empty;
        long error = user.Process.Syscall(fd, fd => Linux.Fd.proc_fd_link((uint)fd, out text));
        return error == 0 ? text : Said(error);
    }

    private static ulong Open(User user, ulong fd, uint flags)
    {
        long opened = user.Process.Syscall((fd, flags), static s => Linux.Fd.proc_fd_open((uint)s.fd, s.flags));
        Assert.That(opened, Is.GreaterThanOrEqualTo(0), () => Said(opened));
        return (ulong)opened;
    }
}
