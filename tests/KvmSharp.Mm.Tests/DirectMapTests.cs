// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Mm.Tests;

/// <summary>folio_zap_direct_map() and folio_restore_direct_map(), and what the kernel notices of them.</summary>
[TestFixture]
internal sealed unsafe class DirectMapTests : MmTest
{
    [TestCase(true, 2)]
    [TestCase(false, 1)]
    public void The_first_zap_splits_down_to_base_pages_and_the_next_does_not(bool gigantic, int splits)
    {
        Linux.Kernel kernel = Boot(4UL << 30, 2, new KernelConfig(), new V12Strategy(), gigantic);
        FakeArch arch = Arch;
        Run(kernel, () =>
        {
            folio a = default, b = default;

            // Two pages of one 2 MiB leaf that lies in an intact leaf of the largest size.
            page block = alloc_pages(GFP_KERNEL, 9);
            a = new folio(block.Frame);
            b = new folio(block.Frame + 1);
            DirectMapStatistics before = arch.DirectMap(kernel);
            long flushes = arch.Flushes;
            Assert.That(folio_zap_direct_map(a), Is.Zero);
            Assert.That(arch.Flushes - flushes, Is.EqualTo(splits + 1));
            Assert.That(kernel_page_present(a.page), Is.False);
            Assert.That(kernel_page_present(b.page), Is.True);
            DirectMapStatistics after = arch.DirectMap(kernel);
            Assert.That(after.Level2Splits + after.Level3Splits, Is.EqualTo(splits));
            Assert.That(Kilobytes(after), Is.EqualTo(Kilobytes(before)));

            flushes = arch.Flushes;
            Assert.That(folio_zap_direct_map(b), Is.Zero);
            Assert.That(arch.Flushes - flushes, Is.EqualTo(1));
            Assert.That(arch.DirectMap(kernel), Is.EqualTo(after));

            // Again: nothing changes, the flush is paid.
            flushes = arch.Flushes;
            Assert.That(folio_zap_direct_map(b), Is.Zero);
            Assert.That(arch.Flushes - flushes, Is.EqualTo(1));

            flushes = arch.Flushes;
            folio_restore_direct_map(a);
            folio_restore_direct_map(b);
            folio_restore_direct_map(b);
            Assert.That(arch.Flushes, Is.EqualTo(flushes));
            Assert.That(kernel_page_present(a.page) && kernel_page_present(b.page), Is.True);
            __free_pages(block, 9);
        });
        Rebase(kernel);
    }

    [Test]
    public void A_split_that_finds_no_memory_leaves_the_page_present_and_flushes_all_the_same() => Run(() =>
    {
        folio folio = folio_alloc(GFP_KERNEL, 0);
        Kernel.Failures = new FailureInjector();
        Kernel.Failures.FailWhen("fail_page_alloc", _ => true);
        long flushes = Arch.Flushes;
        Assert.That(folio_zap_direct_map(folio), Is.EqualTo(-ENOMEM));
        Assert.That(Arch.Flushes - flushes, Is.EqualTo(1));
        Assert.That(kernel_page_present(folio.page), Is.True);
        Kernel.Failures = null;
        folio_put(folio);
    });

    [Test]
    public void A_large_folio_is_refused_without_effect() => Run(() =>
    {
        folio folio = folio_alloc(GFP_KERNEL, 2);
        long flushes = Arch.Flushes;
        Assert.That(folio_zap_direct_map(folio), Is.EqualTo(-EINVAL));
        Assert.That(Arch.Flushes, Is.EqualTo(flushes));
        folio_put(folio);
    });

    [Test]
    public void Where_the_map_cannot_be_changed_both_succeed_and_do_nothing() => Run(() =>
    {
        Arch.CanSetDirectMap = false;
        folio folio = folio_alloc(GFP_KERNEL, 0);
        long flushes = Arch.Flushes;
        Assert.That(folio_zap_direct_map(folio), Is.Zero);
        Assert.That(Arch.Flushes - flushes, Is.EqualTo(1));
        Assert.That(kernel_page_present(folio.page), Is.True);
        folio_restore_direct_map(folio);
        folio_put(folio);
    });

    [Test]
    public void Touching_a_zapped_page_oopses_with_a_report_of_the_page() => Run(() =>
    {
        folio folio = folio_alloc(GFP_KERNEL, 0);
        byte[] buffer = new byte[8];
        memcpy_to_folio(folio, 8, [1, 2, 3]);
        Assert.That(folio_zap_direct_map(folio), Is.Zero);
        KernelOops oops = Assert.Throws<KernelOops>(() => memcpy_from_folio(buffer, folio, 8));
        Assert.That(oops.Message, Does.StartWith("BUG: unable to handle page fault for address"));
        Assert.That(oops.Report, Does.Contain($"pfn 0x{folio_pfn(folio):x}").And.Contains("refcount:1").And.Contains("NotPresent"));
        Assert.Throws<KernelOops>(() => clear_highpage(folio.page));
        Assert.That(Maccess.copy_from_kernel_nofault(buffer, folio_address(folio)), Is.EqualTo(-EFAULT));
        Assert.That(Maccess.copy_to_kernel_nofault(folio_address(folio), buffer), Is.EqualTo(-EFAULT));
        folio_restore_direct_map(folio);
        memcpy_from_folio(buffer.AsSpan(0, 3), folio, 8);
        Assert.That(buffer.Take(3), Is.EqualTo(new byte[] { 1, 2, 3 }));
        folio_put(folio);
        Rebase(Kernel);
    });

    [Test]
    public void Copies_and_clears_count_and_cross_pages() => Run(() =>
    {
        folio folio = folio_alloc(GFP_KERNEL | __GFP_ZERO, 2);
        byte[] pattern = [.. Enumerable.Range(0, 6000).Select(i => (byte)i)];
        memcpy_to_folio(folio, 3000, pattern);
        byte[] back = new byte[6000];
        memcpy_from_folio(back, folio, 3000);
        Assert.That(back, Is.EqualTo(pattern));
        folio_zero_range(folio, 4000, 1000);
        memcpy_from_folio(back, folio, 3000);
        Assert.That(back.Skip(1000).Take(1000), Is.All.Zero);
        Assert.That(back.Take(1000), Is.EqualTo(pattern.Take(1000)));
        Assert.That(back.Skip(2000), Is.EqualTo(pattern.Skip(2000)));
        long clears = Kernel.machine.Totals()[HwEvent.PageClear], copies = Kernel.machine.Totals()[HwEvent.PageCopy];
        clear_highpage(folio.page);
        copy_highpage(folio_page(folio, 1), folio.page);
        Assert.That(Kernel.machine.Totals()[HwEvent.PageClear] - clears, Is.EqualTo(1));
        Assert.That(Kernel.machine.Totals()[HwEvent.PageCopy] - copies, Is.EqualTo(1));
        folio_put(folio);
    });

    [Test]
    public void A_temporary_mapping_reaches_a_zapped_page_and_is_gone_afterwards() => Run(() =>
    {
        folio folio = folio_alloc(GFP_KERNEL, 0);
        memcpy_to_folio(folio, 0, [7]);
        Assert.That(folio_zap_direct_map(folio), Is.Zero);
        ulong va = vmap([folio.page], Arch.PAGE_KERNEL);
        byte[] one = new byte[1];
        Assert.That(Maccess.copy_from_kernel_nofault(one, va), Is.Zero);
        Assert.That(one[0], Is.EqualTo(7));
        vunmap(va);
        Assert.That(Maccess.copy_from_kernel_nofault(one, va), Is.EqualTo(-EFAULT));
        Assert.That(() => vunmap(va), Throws.TypeOf<KernelOops>());

        // The slot is used again, for another page.
        folio other = folio_alloc(GFP_KERNEL | __GFP_ZERO, 0);
        Assert.That(vmap([other.page], Arch.PAGE_KERNEL), Is.EqualTo(va));
        Assert.That(Maccess.copy_from_kernel_nofault(one, va), Is.Zero);
        Assert.That(one[0], Is.Zero);
        vunmap(va);
        folio_restore_direct_map(folio);
        folio_put(folio);
        folio_put(other);
        Assert.That(Kernel.machine.Exposure.Verdict().Violations, Is.Zero);
        Rebase(Kernel);
    });

    private static long Kilobytes(DirectMapStatistics map) => (map.Pages4K * 4) + (map.Pages2M * 2048) + (map.Pages1G * 1048576);
}
