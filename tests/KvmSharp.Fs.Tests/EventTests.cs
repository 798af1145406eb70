// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Fs.Tests;

internal sealed class EventTests : FsTest
{
    [Test]
    public void A_counter_adds_and_hands_out_all_at_once() => Run(user =>
    {
        ulong fd = user.Fd(__NR_eventfd2, 3, O_NONBLOCK);
        Assert.That(user.Read(fd, 7), Is.EqualTo("EINVAL"));
        Assert.That(user.Read(fd, 8), Is.EqualTo("8"));
        Assert.That(user.Word32(user.Data), Is.EqualTo(3));
        Assert.That(user.Read(fd, 8), Is.EqualTo("EAGAIN"));
        Assert.That(user.Poll(fd), Is.EqualTo(4));
        Assert.That(Add(user, fd, 3), Is.EqualTo("8"));
        Assert.That(Add(user, fd, ulong.MaxValue), Is.EqualTo("EINVAL"));
        Assert.That(Add(user, fd, ulong.MaxValue - 1), Is.EqualTo("EAGAIN"));
        Assert.That(Add(user, fd, 1), Is.EqualTo("8"));
        Assert.That(user.Poll(fd), Is.EqualTo(5));
        Assert.That(user.Read(fd, 4096), Is.EqualTo("8"));
        Assert.That(user.Word32(user.Data), Is.EqualTo(4));
    });

    [Test]
    public void A_counter_has_no_position() => Run(user =>
    {
        ulong fd = user.Fd(__NR_eventfd2, 1, O_NONBLOCK);
        Assert.That(user.Sys(__NR_lseek, fd, 5, 0), Is.EqualTo("0"));
        Assert.That(user.Sys(__NR_pread64, fd, user.Data, 8, 0), Is.EqualTo("ESPIPE"));
        Assert.That(user.Sys(__NR_ftruncate, fd, 0), Is.EqualTo("EINVAL"));
    });

    [Test]
    public void Only_what_can_be_polled_can_be_watched() => Run(user =>
    {
        Assert.That(Watch(user.Memfd()), Is.EqualTo("EPERM"));
        Assert.That(Watch(user.Fd(__NR_eventfd2, 0, 0)), Is.EqualTo(Ok));
        Assert.That(Watch(user.Pipe().Read), Is.EqualTo(Ok));
        Assert.That(Watch(99), Is.EqualTo("EBADF"));

        string Watch(ulong fd) => Said(user.Process.Syscall(fd, static fd => Eventpoll.do_epoll_add((uint)fd)));
    });

    [Test]
    public void Poll_says_that_a_number_is_not_open() => Run(user =>
    {
        Assert.That(user.Poll(99), Is.EqualTo(0x20));
        Assert.That(user.Poll(uint.MaxValue), Is.Zero, "negative numbers are left out");
        Assert.That(user.Poll(user.Memfd()), Is.EqualTo(5), "a file is always ready");
    });

    private static string Add(User user, ulong fd, ulong value)
    {
        user.Put(user.Data, BitConverter.GetBytes(value));
        return user.Write(fd, 8);
    }
}
