// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Fs.Tests;

internal sealed class PipeTests : FsTest
{
    private const int F_SETFL = 4;
    private const int F_SETPIPE_SZ = 1031;
    private const int F_GETPIPE_SZ = 1032;

    [TestCase(1UL, "4096")]
    [TestCase(0UL, "4096")]
    [TestCase(4097UL, "8192")]
    [TestCase(12288UL, "16384")]
    [TestCase(1UL << 20, "1048576")]
    [TestCase((1UL << 31) + 1, "EINVAL")]
    [TestCase(1UL << 32, "4096")]
    public void A_size_is_rounded_up_to_a_power_of_two_pages(ulong asked, string got) => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe();
        Assert.That(user.Fcntl(read, F_GETPIPE_SZ), Is.EqualTo("65536"));
        Assert.That(user.Fcntl(write, F_SETPIPE_SZ, asked), Is.EqualTo(got));
        Assert.That(user.Fcntl(read, F_GETPIPE_SZ), Is.EqualTo(got[0] == 'E' ? "65536" : got));
    });

    [Test]
    public void Only_a_pipe_has_a_size() => Run(user =>
    {
        ulong file = user.Memfd();
        ulong counter = user.Fd(__NR_eventfd2, 0, 0);
        Assert.That(user.Fcntl(file, F_GETPIPE_SZ), Is.EqualTo("EBADF"));
        Assert.That(user.Fcntl(counter, F_SETPIPE_SZ, 4096), Is.EqualTo("EBADF"));
        Assert.That(user.Fcntl(999, F_GETPIPE_SZ), Is.EqualTo("EBADF"));
    });

    [Test]
    public void Above_the_maximum_only_with_the_capability() => Run(user =>
    {
        (_, ulong write) = user.Pipe();
        Assert.That(user.Fcntl(write, F_SETPIPE_SZ, 2 << 20), Is.EqualTo("2097152"));
        current.cap_effective &= ~(1UL << Capability.CAP_SYS_RESOURCE);
        Assert.That(user.Fcntl(write, F_SETPIPE_SZ, 4 << 20), Is.EqualTo("EPERM"));
        Assert.That(user.Fcntl(write, F_SETPIPE_SZ, 2 << 20), Is.EqualTo("2097152"), "no growth");
    });

    [Test]
    public void Slots_fill_and_only_the_newest_takes_more() => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe();
        string[] said =
        [
            user.Read(read, 10), user.Write(write, 0), user.Write(write, 4097), user.Fcntl(write, F_SETPIPE_SZ, 4096),
            user.Fcntl(write, F_SETPIPE_SZ, 8192), user.Write(write, 4096), user.Write(write, 4095), user.Write(write, 1),
            user.Read(read, 100), user.Write(write, 100), user.Read(read, 3996), user.Write(write, 100), user.Read(read, 50000),
            user.Write(write, 5000), user.Write(write, 5000), user.Read(read, 50000),
        ];
        Assert.That(said, Is.EqualTo(new[]
        {
            "EAGAIN", "0", "4097", "EBUSY",
            "8192", "EAGAIN", "4095", "EAGAIN",
            "100", "EAGAIN", "3996", "100", "4196",
            "5000", "904", "5904",
        }));
    });

    [Test]
    public void Bytes_come_out_as_they_went_in() => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe();
        var random = new Random(7);
        var expected = new Queue<byte>();
        for (int i = 0; i < 300; i++)
        {
            var data = new byte[random.Next(1, 6000)];
            random.NextBytes(data);
            user.Put(user.Data, data);
            long put = user.Call(__NR_write, write, user.Data, (ulong)data.Length);
            foreach (byte b in data.Take((int)Math.Max(put, 0)))
                expected.Enqueue(b);
            long got = user.Call(__NR_read, read, user.Data, (ulong)random.Next(1, 8000));
            if (got > 0)
                Assert.That(user.Get(user.Data, (int)got), Is.EqualTo(Enumerable.Range(0, (int)got).Select(_ => expected.Dequeue()).ToArray()));
            else
                Assert.That(expected, Is.Empty);
        }
    });

    [Test]
    public void Without_readers_a_write_breaks_the_pipe() => Run(user =>
    {
        int signals = 0;
        current.SignalHandler = info =>
        {
            signals += info.si_signo == Signal.SIGPIPE ? 1 : 100;
            return true;
        };
        (ulong read, ulong write) = user.Pipe();
        ulong second = user.Fd(__NR_dup, read);
        Assert.That(user.Close(read), Is.EqualTo(Ok));
        Assert.That(user.Write(write, 10), Is.EqualTo("10"));
        Assert.That(user.Poll(write), Is.EqualTo(4));
        Assert.That(user.Close(second), Is.EqualTo(Ok));
        Assert.That(user.Write(write, 10), Is.EqualTo("EPIPE"));
        Assert.That(signals, Is.EqualTo(1));
        Assert.That(user.Write(write, 0), Is.EqualTo("0"));
        Assert.That(user.Poll(write), Is.EqualTo(0xc));
    });

    [Test]
    public void Without_writers_what_is_left_is_read_and_then_the_end() => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe();
        Assert.That(user.Write(write, 10), Is.EqualTo("10"));
        Assert.That(user.Close(write), Is.EqualTo(Ok));
        Assert.That(user.Poll(read, 1), Is.EqualTo(0x11));
        Assert.That(user.Read(read, 100), Is.EqualTo("10"));
        Assert.That(user.Read(read, 100), Is.EqualTo("0"));
        Assert.That(user.Poll(read, 1), Is.EqualTo(0x10));
    });

    [Test]
    public void Each_end_goes_one_way_and_has_no_position() => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe();
        Assert.That(user.Write(read, 1), Is.EqualTo("EBADF"));
        Assert.That(user.Read(write, 1), Is.EqualTo("EBADF"));
        Assert.That(user.Sys(__NR_lseek, read, 0, 0), Is.EqualTo("ESPIPE"));
        Assert.That(user.Sys(__NR_pread64, read, user.Data, 1, 0), Is.EqualTo("ESPIPE"));
        Assert.That(user.Sys(__NR_pwrite64, write, user.Data, 1, 0), Is.EqualTo("ESPIPE"));
        Assert.That(user.Sys(__NR_fallocate, write, 0, 0, 4096), Is.EqualTo("ESPIPE"));
    });

    [Test]
    public void A_bad_buffer_moves_nothing() => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe();
        Assert.That(user.Sys(__NR_write, write, 8, 4), Is.EqualTo("EFAULT"));
        Assert.That(user.Write(write, 4), Is.EqualTo("4"));
        Assert.That(user.Sys(__NR_read, read, 8, 4), Is.EqualTo("EFAULT"));
        Assert.That(user.Read(read, 100), Is.EqualTo("4"));
    });

    [Test]
    public void Bad_flags_and_a_bad_place_for_the_numbers_leave_nothing_open() => Run(user =>
    {
        Assert.That(user.Sys(__NR_pipe2, user.Scratch, 1), Is.EqualTo("EINVAL"));
        Assert.That(user.Sys(__NR_pipe2, 8, 0), Is.EqualTo("EFAULT"));
        Assert.That(user.Memfd(), Is.Zero, "the lowest number is free");
    });

    [Test]
    public void A_reader_waits_for_a_writer() => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe(0);
        long got = 0;
        user.Beside(
            () => got = user.Call(__NR_read, read, user.Data, 100),
            () => Assert.That(user.Sys(__NR_write, write, user.Data + 4096, 7), Is.EqualTo("7")));
        Assert.That(got, Is.EqualTo(7));
    });

    [Test]
    public void A_writer_of_more_than_fits_waits_for_a_reader() => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe(0);
        Assert.That(user.Fcntl(write, F_SETPIPE_SZ, 4096), Is.EqualTo("4096"));
        long put = 0;
        long got = 0;
        user.Beside(
            () => put = user.Call(__NR_write, write, user.Data, 20000),
            () =>
            {
                while (got < 20000)
                    got += user.Call(__NR_read, read, user.Data + 24576, 3000);
            });
        Assert.That((put, got), Is.EqualTo((20000, 20000)));
    });

    [Test]
    public void A_waiting_reader_sees_the_last_writer_go() => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe(0);
        long got = -1;
        user.Beside(() => got = user.Call(__NR_read, read, user.Data, 100), () => Assert.That(user.Close(write), Is.EqualTo(Ok)));
        Assert.That(got, Is.Zero);
    });

    [Test]
    public void Splice_moves_between_a_pipe_and_a_file() => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe();
        ulong file = user.Memfd();
        Assert.That(user.Sys(__NR_ftruncate, file, 10000), Is.EqualTo(Ok));
        ulong at = user.Scratch + 64;
        user.Put(at, new byte[8]);
        string[] said =
        [
            user.Sys(__NR_splice, file, at, write, 0, 100, 0),
            user.Sys(__NR_splice, file, 0, write, 0, 100000, 0),
            user.Sys(__NR_splice, read, at, file, 0, 10, 0),
            user.Sys(__NR_splice, read, 0, file, at, 100000, 0),
            user.Sys(__NR_splice, read, 0, file, at, 10, 0),
            user.Sys(__NR_splice, file, 0, file, 0, 10, 0),
            user.Sys(__NR_splice, file, 0, write, at, 10, 0),
            user.Sys(__NR_splice, write, 0, file, 0, 10, 0),
            user.Sys(__NR_splice, file, 0, read, 0, 10, 0),
            user.Sys(__NR_splice, file, 0, write, 0, 0, 0),
            user.Sys(__NR_splice, file, 0, write, 0, 10, 0x80),
            user.Sys(__NR_splice, 99, 0, write, 0, 0, 0),
        ];
        Assert.That(said, Is.EqualTo(new[]
        {
            "100", "10000", "ESPIPE", "10100", "EAGAIN", "EINVAL", "ESPIPE", "EBADF", "EBADF", "0", "EINVAL", "0",
        }));
    });

    [Test]
    public void A_packet_is_read_alone_and_its_rest_is_lost() => Run(user =>
    {
        (ulong read, ulong write) = user.Pipe(O_NONBLOCK | O_DIRECT);
        Assert.That((user.Write(write, 100), user.Write(write, 50), user.Write(write, 5000)), Is.EqualTo(("100", "50", "5000")));
        string[] said = [user.Read(read, 30), user.Read(read, 1000), user.Read(read, 8000), user.Read(read, 8000), user.Read(read, 8000)];
        Assert.That(said, Is.EqualTo(new[] { "30", "50", "4096", "904", "EAGAIN" }));
    });

    [Test]
    public void Direct_io_is_for_pipes_and_disks() => Run(user =>
    {
        (ulong read, _) = user.Pipe();
        Assert.That(user.Fcntl(read, F_SETFL, O_DIRECT), Is.EqualTo(Ok));
        Assert.That(user.Fcntl(user.Memfd(), F_SETFL, O_DIRECT), Is.EqualTo("EINVAL"));
    });
}
