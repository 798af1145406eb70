// SPDX-License-Identifier: GPL-2.0-only
using static Linux.Madvise;
using static Linux.Mmap;
using static Linux.UapiMmanCommon;

namespace KvmSharp.Mm.Tests;

/// <summary>What user space can tell of transparent huge pages in the mode in which they must be asked for.</summary>
[TestFixture(Isa.X86_64)]
[TestFixture(Isa.Arm64)]
internal sealed class UserHugePageTests(Isa isa) : UserTest(isa)
{
    private const ulong Huge = 2UL << 20;
    private const ulong At = 0x20_0000_0000;

    [Test]
    public void OneStoreBringsInAWholeHugePageWhereAskedFor() => Program(p =>
    {
        p.Map(At, 3 * Huge, ReadWrite, PrivateAnonymous | Fixed);
        p.Store(At, 1);
        Assert.That(p.Mm.rss_anon, Is.EqualTo(1), "not asked for");
        Assert.That(p.Sys(() => sys_madvise(At, 3 * Huge, MADV_HUGEPAGE)), Is.Zero);
        p.Store(At + 4096, 1);
        Assert.That(p.Mm.rss_anon, Is.EqualTo(2), "there are small pages already");
        p.Store(At + Huge + 5000, 7);
        Assert.That(p.Mm.rss_anon, Is.EqualTo(2 + 512));
        Assert.That(p.Load(At + Huge + 5000), Is.EqualTo(7));
        Assert.That(p.Load(At + Huge + 9000), Is.Zero);
    });

    [Test]
    public void EmptyingAllOfAHugePageAsksForOneAgainEmptyingAPartDoesNot() => Program(p =>
    {
        p.Map(At, Huge, ReadWrite, PrivateAnonymous | Fixed);
        Assert.That(p.Sys(() => sys_madvise(At, Huge, MADV_HUGEPAGE)), Is.Zero);
        Assert.That(p.Load(At), Is.Zero);
        Assert.That(p.Mm.rss_anon, Is.Zero, "the huge zero page");
        p.Store(At + 4096, 1);
        Assert.That(p.Mm.rss_anon, Is.EqualTo(512));
        Assert.That(p.Sys(() => sys_madvise(At, Huge, MADV_DONTNEED)), Is.Zero);
        Assert.That(p.Mm.rss_anon, Is.Zero);
        p.Store(At, 1);
        Assert.That(p.Mm.rss_anon, Is.EqualTo(512));
        Assert.That(p.Sys(() => sys_madvise(At, 4096, MADV_DONTNEED)), Is.Zero);
        Assert.That(p.Sys(() => sys_madvise(At, Huge, MADV_DONTNEED)), Is.Zero);
        p.Store(At, 1);
        Assert.That(p.Mm.rss_anon, Is.EqualTo(1));
    });

    [Test]
    public void AreasWithoutRoomForAHugePageGetSmallOnes() => Program(p =>
    {
        p.Map(At + 4096, Huge, ReadWrite, PrivateAnonymous | Fixed);
        Assert.That(p.Sys(() => sys_madvise(At + 4096, Huge, MADV_HUGEPAGE)), Is.Zero);
        p.Store(At + 8192, 1);
        Assert.That(p.Mm.rss_anon, Is.EqualTo(1));
    });

    [Test]
    public void CollapsingFillsARangeThatHasSomePages() => Program(p =>
    {
        p.Map(At, 2 * Huge, ReadWrite, PrivateAnonymous | Fixed);
        Assert.That(p.Sys(() => sys_madvise(At, Huge, MADV_COLLAPSE)), Is.EqualTo(-EINVAL), "no page was ever there");
        p.Store(At + 4096, 9);
        Assert.That(p.Sys(() => sys_madvise(At, Huge, MADV_COLLAPSE)), Is.Zero);
        Assert.That(p.Mm.rss_anon, Is.EqualTo(512));
        Assert.That(p.Load(At + 4096), Is.EqualTo(9));
        Assert.That(p.Sys(() => sys_madvise(At + Huge, Huge, MADV_COLLAPSE)), Is.EqualTo(-EINVAL), "no table there");
    });
}
