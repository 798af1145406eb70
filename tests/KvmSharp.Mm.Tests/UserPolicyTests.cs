// SPDX-License-Identifier: GPL-2.0-only
using static Linux.Mempolicy;
using static Linux.MempolicyH;
using static Linux.Mmap;

namespace KvmSharp.Mm.Tests;

[TestFixture(Isa.X86_64)]
[TestFixture(Isa.Arm64)]
internal sealed class UserPolicyTests(Isa isa) : UserTest(isa)
{
    private const ulong Page = 4096;

    [TestCase(MPOL_DEFAULT, 1UL, -EINVAL)]
    [TestCase(MPOL_PREFERRED, 0UL, 0)]
    [TestCase(MPOL_PREFERRED, 2UL, -EINVAL)]
    [TestCase(MPOL_BIND, 0UL, -EINVAL)]
    [TestCase(MPOL_BIND, 1UL, 0)]
    [TestCase(MPOL_BIND, 3UL, 0)]
    [TestCase(MPOL_INTERLEAVE, 2UL, -EINVAL)]
    [TestCase(MPOL_LOCAL, 1UL, -EINVAL)]
    [TestCase(MPOL_LOCAL, 0UL, 0)]
    [TestCase(MPOL_PREFERRED_MANY, 0UL, -EINVAL)]
    public void PoliciesThatNameNoNodeThatExistsAreRefused(int mode, ulong nodes, int expected) => Program(p =>
    {
        ulong at = p.Map(0, 4 * Page, ReadWrite, PrivateAnonymous);
        Assert.That(p.Sys(() => do_mbind(at, 4 * Page, (ushort)mode, 0, nodes, 0)), Is.EqualTo(expected));
    });

    [Test]
    public void APolicyOfAPartSplitsAndTheSameForTheRestMerges() => Program(p =>
    {
        ulong at = p.Map(0, 4 * Page, ReadWrite, PrivateAnonymous);
        Assert.That(p.Sys(() => do_mbind(at + Page, Page, MPOL_BIND, 0, 1, 0)), Is.Zero);
        Assert.That(p.Areas(at, 4 * Page), Is.EqualTo("0-1rw 1-2rw 2-4rw"));
        Assert.That(p.Sys(() => do_mbind(at, 4 * Page, MPOL_BIND, 0, 1, 0)), Is.Zero);
        Assert.That(p.Areas(at, 4 * Page), Is.EqualTo("0-4rw"));
    });

    [Test]
    public void HolesMatterUnlessPoliciesAreDropped() => Program(p =>
    {
        ulong at = p.Map(0, 4 * Page, ReadWrite, PrivateAnonymous);
        Assert.That(p.Sys(() => sys_munmap(at + Page, Page)), Is.Zero);
        Assert.That(p.Sys(() => do_mbind(at, 4 * Page, MPOL_BIND, 0, 1, 0)), Is.EqualTo(-EFAULT));
        Assert.That(p.Sys(() => do_mbind(at, 4 * Page, MPOL_DEFAULT, 0, 0, 0)), Is.Zero);
        Assert.That(p.Sys(() => do_mbind(at + Page, Page, MPOL_DEFAULT, 0, 0, 0)), Is.EqualTo(-EFAULT));
    });

    [Test]
    public void StrictLocalFindsEveryPageMisplaced() => Program(p =>
    {
        ulong at = p.Map(0, 4 * Page, ReadWrite, PrivateAnonymous);
        Assert.That(p.Sys(() => do_mbind(at, 4 * Page, MPOL_LOCAL, 0, 0, MPOL_MF_STRICT)), Is.Zero);
        p.Store(at + (3 * Page), 1);
        Assert.That(p.Sys(() => do_mbind(at, 4 * Page, MPOL_LOCAL, 0, 0, MPOL_MF_STRICT)), Is.EqualTo(-EIO));
        Assert.That(p.Sys(() => do_mbind(at, 4 * Page, MPOL_LOCAL, 0, 0, MPOL_MF_STRICT | MPOL_MF_MOVE)), Is.Zero);
        Assert.That(p.Sys(() => do_mbind(at, 4 * Page, MPOL_BIND, 0, 1, MPOL_MF_STRICT)), Is.Zero);
    });
}
