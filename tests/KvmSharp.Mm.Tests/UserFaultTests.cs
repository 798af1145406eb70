// SPDX-License-Identifier: GPL-2.0-only
using static Linux.Madvise;
using static Linux.Mmap;
using static Linux.Mprotect;
using static Linux.UapiMmanCommon;

namespace KvmSharp.Mm.Tests;

[TestFixture(Isa.X86_64)]
[TestFixture(Isa.Arm64)]
internal sealed class UserFaultTests(Isa isa) : UserTest(isa)
{
    private const ulong Page = 4096;

    [Test]
    public void UntouchedMemoryReadsAsZeroAndKeepsWhatIsStored() => Program(p =>
    {
        ulong at = p.Map(0, 16 * Page, ReadWrite, PrivateAnonymous);
        Assert.That(p.Load(at), Is.Zero);
        Assert.That(p.Mm.rss_anon, Is.Zero, "the zero page is nobody's");
        Assert.That(p.Store(at + Page - 2, 1, 2, 3, 4), Is.Null);
        Assert.That(p.Load(at + Page + 1), Is.EqualTo(4));
        Assert.That(p.Mm.rss_anon, Is.EqualTo(2));
        Assert.That(p.Sys(() => sys_munmap(at, 16 * Page)), Is.Zero);
        Assert.That(p.Mm.rss_anon, Is.Zero);
    });

    [Test]
    public void AccessesThatAreNotAllowedRaiseTheSignalsOfTheKernel() => Program(p =>
    {
        ulong at = p.Map(0, 4 * Page, ReadOnly, PrivateAnonymous);
        Assert.That(p.Store(at, 1), Is.EqualTo(new kernel_siginfo(11, 2, at)));
        Assert.That(p.Fault(at + (4 * Page)), Is.EqualTo((11, 1)));
        Assert.That(p.Sys(() => sys_mprotect(at, Page, PROT_NONE)), Is.Zero);
        Assert.That(p.Fault(at), Is.EqualTo((11, 2)));
        Assert.That(p.Fault(0xffff888000000000), Is.EqualTo((11, 1)));
    });

    [Test]
    public void AForkedChildSeesTheParentsPagesUntilOneOfThemWrites() => Program(p =>
    {
        ulong at = p.Map(0, 4 * Page, ReadWrite, PrivateAnonymous);
        ulong shared = p.Map(0, Page, ReadWrite, SharedAnonymous);
        p.Store(at, 7);
        p.Store(shared, 8);
        ForkChild(p, c =>
        {
            Assert.That(c.Load(at), Is.EqualTo(7));
            Assert.That(c.Load(shared), Is.EqualTo(8));
            c.Store(at, 9);
            c.Store(shared, 10);
            Assert.That(c.Load(at), Is.EqualTo(9));
        });
        Assert.That(p.Load(at), Is.EqualTo(7));
        Assert.That(p.Load(shared), Is.EqualTo(10));
        p.Store(at, 11);
        Assert.That(p.Load(at), Is.EqualTo(11));
    });

    [Test]
    public void GuardPagesFaultUntilTheyAreRemovedAndSurviveFork() => Program(p =>
    {
        ulong at = p.Map(0, 4 * Page, ReadWrite, PrivateAnonymous);
        p.Store(at + Page, 5);
        Assert.That(p.Sys(() => sys_madvise(at + Page, 2 * Page, MADV_GUARD_INSTALL)), Is.Zero);
        Assert.That(p.Areas(at, 4 * Page), Is.EqualTo("0-4rw"));
        Assert.That(p.Fault(at + Page), Is.EqualTo((11, 1)));
        Assert.That(p.Sys(() => sys_madvise(at, 4 * Page, MADV_DONTNEED)), Is.Zero);
        Assert.That(p.Fault(at + Page), Is.EqualTo((11, 1)), "discarding does not remove guards");
        ForkChild(p, c => Assert.That(c.Fault(at + (2 * Page)), Is.EqualTo((11, 1))));
        Assert.That(p.Sys(() => sys_madvise(at, 4 * Page, MADV_GUARD_REMOVE)), Is.Zero);
        Assert.That(p.Load(at + Page), Is.Zero);
    });

    [Test]
    public void MovedPagesKeepTheirContents() => Program(p =>
    {
        ulong at = p.Map(0, 3 * Page, ReadWrite, PrivateAnonymous);
        for (ulong i = 0; i < 3; i++)
            p.Store(at + (i * Page), (byte)(i + 1));
        ulong to = at - (1UL << 30);
        Assert.That(p.Sys(() => Mremap.sys_mremap(at, 3 * Page, 5 * Page, MREMAP_MAYMOVE | MREMAP_FIXED, to)), Is.EqualTo((long)to));
        Assert.That(p.Fault(at), Is.EqualTo((11, 1)));
        Assert.That(new[] { p.Load(to), p.Load(to + Page), p.Load(to + (2 * Page)), p.Load(to + (4 * Page)) }, Is.EqualTo(new byte[] { 1, 2, 3, 0 }));
        Assert.That(p.Sys(() => Mremap.sys_mremap(to, 5 * Page, 5 * Page, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0)), Is.GreaterThan(0));
        Assert.That(p.Load(to), Is.Zero, "the old range stays mapped, without its pages");
    });

    [Test]
    public void ProtectingTheMiddleSplitsAndUnprotectingItMerges() => Program(p =>
    {
        ulong at = p.Map(0, 8 * Page, ReadWrite, PrivateAnonymous);
        p.Store(at + (2 * Page), 1);
        Assert.That(p.Sys(() => sys_mprotect(at + (2 * Page), 2 * Page, PROT_READ)), Is.Zero);
        Assert.That(p.Areas(at, 8 * Page), Is.EqualTo("0-2rw 2-4r- 4-8rw"));
        Assert.That(p.Store(at + (2 * Page), 2), Is.EqualTo(new kernel_siginfo(11, 2, at + (2 * Page))));
        Assert.That(p.Sys(() => sys_mprotect(at + Page, 7 * Page, PROT_READ | PROT_WRITE)), Is.Zero);
        Assert.That(p.Areas(at, 8 * Page), Is.EqualTo("0-8rw"));
        Assert.That(p.Store(at + (2 * Page), 2), Is.Null);
        Assert.That(p.Load(at + (2 * Page)), Is.EqualTo(2));
    });

    [Test]
    public void AFaultWhoseAllocationFailedWhileThereIsMemoryIsTriedAgain() => Program(p =>
    {
        ulong at = p.Map(0, 64 * Page, ReadWrite, PrivateAnonymous);
        Kernel.Failures = new FailureInjector();
        Kernel.Failures.FailNth("anon_vma", 1, 3);
        Assert.That(p.Store(at, 1), Is.Null);
        Assert.That(Kernel.Failures.Injected, Is.EqualTo(3));
        Assert.That(p.Load(at), Is.EqualTo(1));
    });

    [Test]
    public void WithoutMemoryTheProgramIsKilledAndNothingIsLost() => Program(p =>
    {
        ulong at = p.Map(0, 64 * Page, ReadWrite, PrivateAnonymous);
        var taken = new Stack<page>();
        p.Sys(() =>
        {
            while (alloc_page(GFP_KERNEL) is { IS_NULL: false } page)
                taken.Push(page);
            return 0;
        });
        Assert.That(() => p.Store(at, 1), Throws.TypeOf<SignalDelivered>().With.Property("Info").EqualTo(new kernel_siginfo(9, 128, 0)));
        p.Sys(() =>
        {
            while (taken.TryPop(out page page))
                __free_page(page);
            return 0;
        });
        Assert.That(p.Store(at, 1), Is.Null, "the next store is fine");
    });
}
