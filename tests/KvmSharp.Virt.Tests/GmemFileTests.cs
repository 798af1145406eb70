// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Virt.Tests;

/// <summary>File operations other than mmap, with every set of flags.</summary>
internal sealed class GmemFileTests : KvmTest
{
    private static readonly ulong[] FlagSets = [0, M, M | I];

    [TestCaseSource(nameof(FlagSets))]
    public void It_is_neither_read_nor_written_nor_resized(ulong flags) => Run(vmm =>
    {
        int fd = vmm.File(N, flags);
        ulong buffer = vmm.Process.Buffer(64, 0x5a);
        (string What, string Expected, Func<long> Call)[] calls =
        [
            ("read", "EINVAL", () => ReadWrite.sys_read((uint)fd, buffer, 64)),
            ("write", "EINVAL", () => ReadWrite.sys_write((uint)fd, buffer, 64)),
            ("pread", "ESPIPE", () => ReadWrite.sys_pread64((uint)fd, buffer, 64, 0)),
            ("pwrite", "ESPIPE", () => ReadWrite.sys_pwrite64((uint)fd, buffer, 64, 0)),
            ("lseek SET", "ESPIPE", () => ReadWrite.sys_lseek((uint)fd, 0, 0)),
            ("lseek END", "ESPIPE", () => ReadWrite.sys_lseek((uint)fd, 0, 2)),
            ("lseek HOLE", "ESPIPE", () => ReadWrite.sys_lseek((uint)fd, 0, 4)),
            ("ftruncate 0", "EINVAL", () => Open.sys_ftruncate((uint)fd, 0)),
            ("ftruncate same", "EINVAL", () => Open.sys_ftruncate((uint)fd, (long)N)),
            ("ftruncate double", "EINVAL", () => Open.sys_ftruncate((uint)fd, 2 * (long)N)),
            ("fchmod", "EINVAL", () => Open.sys_fchmod((uint)fd, 0x180)),
            ("fchown", "EINVAL", () => Open.sys_fchown((uint)fd, 0, 0)),
            ("futimens", "EINVAL", () => Open.sys_futimens((uint)fd)),
            ("fsync", "EINVAL", () => Sync.do_fsync((uint)fd, 0)),
        ];
        Assert.Multiple(() =>
        {
            foreach ((string what, string expected, Func<long> call) in calls)
                Assert.That(NameOf(vmm.Sys(call, static c => c())), Is.EqualTo(expected), what);
            Assert.That(NameOf(vmm.Process.Ioctl(fd, 0x1234, 0)), Is.EqualTo("ENOTTY"), "ioctl");
        });
        Assert.That(vmm.Stat(fd).size, Is.EqualTo((long)N));
    });

    [TestCase(false)]
    [TestCase(true)]
    public void Nothing_is_spliced(bool into) => Run(vmm =>
    {
        int fd = vmm.File(N);
        int read = -1;
        int write = -1;
        vmm.Sys(0, _ => Pipe.do_pipe_flags(vmm.Process.Kernel, out read, out write));
        ulong buffer = vmm.Process.Buffer(64, 0x5a);
        vmm.Sys(0, _ => ReadWrite.sys_write((uint)write, buffer, 64));
        long result = vmm.Sys(into, to =>
        {
            long none = 0;
            long offset = 0;
            return to ? Splice.sys_splice(read, ref none, false, fd, ref offset, true, 64) : Splice.sys_splice(fd, ref offset, true, write, ref none, false, 64);
        });
        Expect(result, "EINVAL");
    });

    [TestCase(Keep, 0L, (long)N, Ok, TestName = "Allocate_all")]
    [TestCase(Keep, (long)N, (long)P, "EINVAL", TestName = "Allocate_at_the_end")]
    [TestCase(Keep, (long)(N + P), (long)P, "EINVAL", TestName = "Allocate_beyond_the_end")]
    [TestCase(Keep, (long)(N - P), (long)(2 * P), "EINVAL", TestName = "Allocate_across_the_end")]
    [TestCase(Keep, 0L, 0L, "EINVAL", TestName = "Allocate_nothing")]
    [TestCase(Keep, -(long)P, (long)P, "EINVAL", TestName = "Allocate_before_the_start")]
    [TestCase(Keep, 1L, (long)P, "EINVAL", TestName = "Allocate_unaligned")]
    [TestCase(Punch, (long)(P - 1), (long)P, "EINVAL", TestName = "Punch_at_an_unaligned_offset")]
    [TestCase(Punch, (long)N, (long)P, Ok, TestName = "Punch_at_the_end")]
    [TestCase(Punch, (long)(N + P), (long)P, Ok, TestName = "Punch_beyond_the_end")]
    [TestCase(Punch, (long)P, (long)(P - 1), "EINVAL", TestName = "Punch_an_unaligned_length")]
    [TestCase(Punch, (long)P, (long)P, Ok, TestName = "Punch_a_page")]
    [TestCase(Punch, (long)P, long.MaxValue - (long)P + 1, "EFBIG", TestName = "Punch_with_an_end_beyond_signed_numbers")]
    [TestCase(Punch, (long)P, long.MaxValue - (2 * (long)P) + 1, Ok, TestName = "Punch_to_the_last_possible_page")]
    [TestCase(0, 0L, (long)P, "EOPNOTSUPP", TestName = "Growing_mode")]
    [TestCase(0, 1L, 1L, "EOPNOTSUPP", TestName = "The_mode_is_refused_before_the_alignment")]
    [TestCase(0, 0L, 0L, "EINVAL", TestName = "The_length_is_refused_before_the_mode")]
    [TestCase(2, 0L, (long)P, "EOPNOTSUPP", TestName = "Punch_without_KEEP_SIZE")]
    [TestCase(0x10, 0L, (long)P, "EOPNOTSUPP", TestName = "ZERO_RANGE")]
    [TestCase(0x11, 0L, (long)P, "EOPNOTSUPP", TestName = "ZERO_RANGE_with_KEEP_SIZE")]
    [TestCase(0x41, 0L, (long)P, "EOPNOTSUPP", TestName = "UNSHARE_with_KEEP_SIZE")]
    [TestCase(0x08, 0L, (long)P, "EOPNOTSUPP", TestName = "COLLAPSE")]
    [TestCase(0x20, 0L, (long)P, "EOPNOTSUPP", TestName = "INSERT")]
    [TestCase(0x80, 0L, (long)P, "EOPNOTSUPP", TestName = "WRITE_ZEROES")]
    [TestCase(0x05, 0L, (long)P, "EOPNOTSUPP", TestName = "NO_HIDE_STALE_with_KEEP_SIZE")]
    public void Fallocate(int mode, long offset, long length, string expected) => Run(vmm =>
    {
        foreach (ulong flags in FlagSets)
        {
            int fd = vmm.File(N, flags);
            Expect(vmm.Process.Fallocate(fd, mode, offset, length), expected);
            Assert.That(vmm.Stat(fd).size, Is.EqualTo((long)N));
        }
    });

    [TestCase(0UL, 1UL)]
    [TestCase(0UL, P - 1)]
    [TestCase(0UL, P + 1)]
    [TestCase(1UL, 1UL)]
    [TestCase(1UL, P - 1)]
    [TestCase(1UL, P)]
    [TestCase(1UL, P + 1)]
    [TestCase(P, 1UL)]
    [TestCase(P, P - 1)]
    [TestCase(P, P + 1)]
    public void A_hole_has_whole_pages(ulong offset, ulong length) =>
        Run(vmm => Expect(vmm.Process.Fallocate(vmm.File(N), Punch, (long)offset, (long)length), "EINVAL"));

    [Test]
    public void Allocating_again_keeps_what_is_there() => Run(vmm =>
    {
        int fd = vmm.File(N, M | I);
        ulong map = vmm.Map(fd, N);
        Expect(vmm.Process.Fallocate(fd, Keep, 0, (long)N), Ok);
        Assert.That(vmm.Load(map, N), Is.All.Zero);
        vmm.Process.Write(map, Filled(N, 0xaa));
        Expect(vmm.Process.Fallocate(fd, Keep, 0, (long)N), Ok);
        Assert.That(vmm.Load(map, N), Is.All.EqualTo(0xaa));
        Expect(vmm.Process.Fallocate(fd, Punch, (long)P, (long)P), Ok);
        Expect(vmm.Process.Fallocate(fd, Keep, (long)P, (long)P), Ok);
        Assert.That(vmm.Load(map + P, P), Is.All.Zero);
        Assert.That(vmm.Load(map + (2 * P), P), Is.All.EqualTo(0xaa));
    });

    [TestCase(0UL, P, 1UL, TestName = "A_hole_in_a_slot_is_one_invalidation")]
    [TestCase(0UL, N, 1UL, TestName = "A_hole_in_two_slots_is_one_invalidation")]
    [TestCase(N, N, 0UL, TestName = "A_hole_where_nothing_is_bound_is_no_invalidation")]
    public void Invalidations(ulong offset, ulong length, ulong expected) => Run(vmm =>
    {
        int fd = vmm.File(2 * N);
        vmm.Good(vmm.Region2(1, 0, 2 * P, fd));
        vmm.Good(vmm.Region2(2, 64 * P, 2 * P, fd, 2 * P));
        vmm.Good(vmm.Process.Fallocate(fd, Keep, 0, 2 * (long)N));
        ulong before = vmm.Seq;
        vmm.Good(vmm.Process.Fallocate(fd, Punch, (long)offset, (long)length));
        Assert.That(vmm.Seq - before, Is.EqualTo(expected));
        Assert.That(vmm.InProgress, Is.Zero);
    });

    [Test]
    public void A_hole_in_a_file_without_slots_is_no_invalidation() => Run(vmm =>
    {
        int fd = vmm.File(N);
        vmm.Good(vmm.Process.Fallocate(fd, Keep, 0, (long)N));
        ulong before = vmm.Seq;
        vmm.Good(vmm.Process.Fallocate(fd, Punch, 0, (long)N));
        Assert.That(vmm.Seq, Is.EqualTo(before));
    });
}
