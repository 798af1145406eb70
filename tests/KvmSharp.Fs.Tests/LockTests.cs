// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text;

namespace KvmSharp.Fs.Tests;

internal sealed class LockTests : FsTest
{
    private const int F_SETLK = 6;
    private const int F_OFD_SETLK = 37;
    private const short F_RDLCK = 0;
    private const short F_WRLCK = 1;
    private const short F_UNLCK = 2;
    private const ulong LOCK_SH = 1;
    private const ulong LOCK_EX_NB = 6;
    private const ulong LOCK_UN = 8;

    [Test]
    public void Whole_file_locks_belong_to_the_open_file() => Run(user =>
    {
        ulong fd = user.Memfd();
        ulong other = Reopen(user, fd);
        Assert.That(user.Sys(__NR_flock, fd, LOCK_EX_NB), Is.EqualTo(Ok));
        Assert.That(user.Sys(__NR_flock, other, LOCK_EX_NB), Is.EqualTo("EAGAIN"));
        Assert.That(user.Sys(__NR_flock, user.Fd(__NR_dup, fd), LOCK_EX_NB), Is.EqualTo(Ok), "the same open file");
        Assert.That(user.Sys(__NR_flock, fd, LOCK_UN), Is.EqualTo(Ok));
        Assert.That(user.Sys(__NR_flock, other, LOCK_EX_NB), Is.EqualTo(Ok));
        Assert.That(user.Sys(__NR_flock, fd, 3), Is.EqualTo("EINVAL"));
        Assert.That(user.Sys(__NR_flock, 99, LOCK_SH), Is.EqualTo("EBADF"));
    });

    [Test]
    public void A_whole_file_lock_ends_with_the_open_file() => Run(user =>
    {
        ulong fd = user.Memfd();
        ulong other = Reopen(user, fd);
        ulong copy = user.Fd(__NR_dup, fd);
        Assert.That(user.Sys(__NR_flock, fd, LOCK_EX_NB), Is.EqualTo(Ok));
        Assert.That(user.Close(fd), Is.EqualTo(Ok));
        Assert.That(user.Sys(__NR_flock, other, LOCK_EX_NB), Is.EqualTo("EAGAIN"));
        Assert.That(user.Close(copy), Is.EqualTo(Ok));
        Assert.That(user.Sys(__NR_flock, other, LOCK_EX_NB), Is.EqualTo(Ok));
    });

    [Test]
    public void Ranges_of_one_process_never_conflict_and_of_open_files_do() => Run(user =>
    {
        ulong fd = user.Memfd();
        ulong other = Reopen(user, fd);
        Assert.That(user.Lock(fd, F_SETLK, F_WRLCK, 0, 10), Is.EqualTo(Ok));
        Assert.That(user.Lock(other, F_SETLK, F_WRLCK, 5, 10), Is.EqualTo(Ok));
        Assert.That(user.Lock(other, F_OFD_SETLK, F_RDLCK, 14, 1), Is.EqualTo("EAGAIN"));
        Assert.That(user.Lock(other, F_OFD_SETLK, F_RDLCK, 15, 1), Is.EqualTo(Ok));
        Assert.That(user.Lock(fd, F_OFD_SETLK, F_WRLCK, 15, 1), Is.EqualTo("EAGAIN"));
        Assert.That(user.Lock(fd, F_OFD_SETLK, F_RDLCK, 15, 1), Is.EqualTo(Ok), "readers share");
    });

    [Test]
    public void A_child_does_not_inherit_ranges() => Run(user =>
    {
        ulong fd = user.Memfd();
        Assert.That(user.Lock(fd, F_SETLK, F_WRLCK, 0, 0), Is.EqualTo(Ok));
        user.Process.RunForkedChild(child => Assert.That(new User(child).Lock(fd, F_SETLK, F_RDLCK, 100, 1), Is.EqualTo("EAGAIN")));
        Assert.That(user.Lock(fd, F_SETLK, F_UNLCK, 50, 1), Is.EqualTo(Ok));
        user.Process.RunForkedChild(child =>
        {
            var inChild = new User(child);
            Assert.That(inChild.Lock(fd, F_SETLK, F_RDLCK, 50, 1), Is.EqualTo(Ok), "cut out");
            Assert.That(inChild.Lock(fd, F_SETLK, F_RDLCK, 49, 1), Is.EqualTo("EAGAIN"));
            Assert.That(inChild.Lock(fd, F_SETLK, F_RDLCK, 51, 1), Is.EqualTo("EAGAIN"));
        });
    });

    [TestCase(F_RDLCK, -1L, 1L, "EINVAL")]
    [TestCase(F_RDLCK, 0L, -1L, "EINVAL")]
    [TestCase(F_RDLCK, 1L, -1L, Ok)]
    [TestCase(F_RDLCK, long.MaxValue, 2L, "EOVERFLOW")]
    [TestCase(F_RDLCK, long.MaxValue, 1L, Ok)]
    [TestCase((short)3, 0L, 1L, "EINVAL")]
    public void Ranges_are_checked(short type, long start, long length, string expected) => Run(user =>
    {
        Assert.That(user.Lock(user.Memfd(), F_SETLK, type, start, length), Is.EqualTo(expected));
    });

    [Test]
    public void Attributes_of_a_memfd() => Run(user =>
    {
        ulong fd = user.Memfd();
        string[] said =
        [
            Set(user, fd, "user.a", 5, 0), Set(user, fd, "user.a", 5, 1), Set(user, fd, "user.b", 5, 2), Set(user, fd, "user.a", 3, 2),
            Set(user, fd, "user.", 3, 0), Set(user, fd, "nowhere.a", 3, 0), Set(user, fd, "user.a", 3, 4), Set(user, fd, "user.a", 70000, 0),
            Set(user, fd, string.Empty, 3, 0), Set(user, fd, "user." + new string('x', 251), 3, 0), Set(user, 99, "user.a", 3, 0),
        ];
        Assert.That(said, Is.EqualTo(new[]
        {
            "0", "EEXIST", "ENODATA", "0",
            "EINVAL", "EOPNOTSUPP", "EINVAL", "E2BIG",
            "ERANGE", "ERANGE", "EBADF",
        }));
        Assert.That(user.Sys(__NR_fgetxattr, fd, user.Text("user.a"), user.Data, 0), Is.EqualTo("3"));
        Assert.That(user.Sys(__NR_fgetxattr, fd, user.Text("user.a"), user.Data, 2), Is.EqualTo("ERANGE"));
        Assert.That(user.Sys(__NR_fgetxattr, fd, user.Text("user.z"), user.Data, 10), Is.EqualTo("ENODATA"));
        Assert.That(user.Sys(__NR_flistxattr, fd, user.Data, 100), Is.EqualTo("7"));
        Assert.That(Encoding.UTF8.GetString(user.Get(user.Data, 7)), Is.EqualTo("user.a\0"));
        Assert.That(user.Sys(__NR_fremovexattr, fd, user.Text("user.a")), Is.EqualTo("0"));
        Assert.That(user.Sys(__NR_fremovexattr, fd, user.Text("user.a")), Is.EqualTo("ENODATA"));
        Assert.That(user.Sys(__NR_flistxattr, fd, user.Data, 100), Is.EqualTo("0"));
    });

    private static string Set(User user, ulong fd, string name, ulong size, ulong flags) =>
        user.Sys(__NR_fsetxattr, fd, user.Text(name), user.Data, size, flags);

    private static ulong Reopen(User user, ulong fd) =>
        (ulong)user.Process.Syscall(fd, static fd => Linux.Fd.proc_fd_open((uint)fd, 2));
}
