// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Arch.Arm64.Tests;

/// <summary>A linear map of blocks on CPUs that can split them: rules A64-5, A64-9..12, bits of an entry, and TLB-4 of spec/direct_map.md.</summary>
internal sealed unsafe class LinearMapTests : Arm64MmTest
{
    [Test]
    public void Boot_uses_the_largest_leaves_and_marks_contiguous_runs()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Level(2 * GiB), Is.EqualTo(3));
            Assert.That(Level(GiB), Is.EqualTo(2), "the gigabyte with the kernel image");
            Assert.That(pte_cont(Entry(GiB)), Is.False, "the image ends the run");
            Assert.That(pte_cont(Entry(GiB + (32 * MiB))), Is.True);
            Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(new DirectMapStatistics(0, 512, 5, 0, 0, 0, 0)));
        });
    }

    [Test]
    public void A_kernel_leaf_is_valid_young_writable_dirty_global_and_not_executable()
    {
        Assert.That(Entry(2 * GiB).val, Is.EqualTo(
            (2 * GiB) | PTE_VALID | PTE_AF | PTE_SHARED | PTE_PXN | PTE_UXN | PTE_WRITE | PTE_DIRTY));
    }

    [Test]
    public void Text_and_constants_of_the_image_are_read_only_in_the_linear_map()
    {
        Run(() =>
        {
            ulong text = Va(Kernel.kernel_image.Start);
            Assert.That(Arch.this_cpu().TryTranslate(text, AccessKind.KernelRead, out _, out _), Is.True);
            Assert.That(Arch.this_cpu().TryTranslate(text, AccessKind.KernelWrite, out _, out _), Is.False);
            Assert.That(Arch.this_cpu().TryTranslate(Va(Kernel.kernel_image.End - 1), AccessKind.KernelWrite, out _, out _), Is.True);
        });
    }

    [Test]
    public void Zapping_one_page_splits_through_every_shape_without_any_invalidation_but_its_own()
    {
        EventTotals events = During(() => Assert.That(Zap(Page), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(events[HwEvent.SplitLeaf1G], Is.EqualTo(1));
            Assert.That(events[HwEvent.SplitLeaf2M], Is.EqualTo(1));
            Assert.That(Arch.ContPmdSplits, Is.EqualTo(1));
            Assert.That(Arch.ContPteSplits, Is.EqualTo(1));
            Assert.That(events[HwEvent.TlbShootdownAll], Is.Zero, "BBML2");
            Assert.That(events[HwEvent.TlbShootdownRange], Is.EqualTo(1), "noflush flushes when it makes invalid");
            Assert.That(events[HwEvent.TlbBroadcastInvalidate], Is.EqualTo(1));
            Assert.That(events[HwEvent.IpiSent], Is.Zero);
            Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(new DirectMapStatistics(512, 512 + 511, 4, 1, 1, 0, 0)));
            Assert.That(Present(Page), Is.False);
            Assert.That(Present(Page + PAGE_SIZE), Is.True);
            Assert.That(Present(Page - PAGE_SIZE), Is.True);
        });
    }

    [Test]
    public void What_a_split_leaves_alone_keeps_its_contiguous_hint()
    {
        Run(() => Assert.That(Zap(Page), Is.Zero));
        ulong run = Page & CONT_PTE_MASK;
        Assert.Multiple(() =>
        {
            Assert.That(pte_cont(Entry(Page + PAGE_SIZE)), Is.False, "same 64K run");
            Assert.That(pte_cont(Entry(run + CONT_PTE_SIZE)), Is.True, "next 64K run");
            Assert.That(Level(run + CONT_PTE_SIZE), Is.EqualTo(1));
            Assert.That(Level((Page & PMD_MASK) + PMD_SIZE), Is.EqualTo(2));
            Assert.That(pte_cont(Entry((Page & PMD_MASK) + PMD_SIZE)), Is.False, "same 32M run");
            Assert.That(pte_cont(Entry((Page & CONT_PMD_MASK) + CONT_PMD_SIZE)), Is.True, "next 32M run");
        });
    }

    [TestCase(3 * GiB, 1UL << 18, 0, 0, 0, 0, Description = "a whole 1G block changes as it is")]
    [TestCase(3 * GiB, 1UL << 13, 1, 0, 0, 0, Description = "32M, aligned: one split")]
    [TestCase((3 * GiB) + (2 * MiB), 512UL, 1, 1, 0, 0, Description = "2M: the 32M run goes too")]
    [TestCase((3 * GiB) + (64 << 10), 16UL, 1, 1, 1, 0, Description = "64K: one table of pages, whose runs stay")]
    [TestCase((3 * GiB) + (4 << 10), 1UL, 1, 1, 1, 1, Description = "4K")]
    [TestCase((3 * GiB) + (60 << 10), 1UL, 1, 1, 1, 1, Description = "the last of a 64K run: its end is aligned, its start is not")]
    [TestCase((4 * GiB) - (4 << 10), 1UL, 1, 1, 1, 1, Description = "the last of a gigabyte")]
    [TestCase(3 * GiB, 1UL, 1, 1, 1, 1, Description = "the first of a gigabyte: its start is aligned, its end is not")]
    public void A_split_goes_no_further_than_the_ends_of_the_range_ask(ulong physical, ulong pages, int pud, int contpmd, int pmd, int contpte)
    {
        Run(() => Assert.That(Zap(physical, pages), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(Arch.PudSplits, Is.EqualTo(pud));
            Assert.That(Arch.ContPmdSplits, Is.EqualTo(contpmd));
            Assert.That(Arch.PmdSplits, Is.EqualTo(pmd));
            Assert.That(Arch.ContPteSplits, Is.EqualTo(contpte));
        });
        for (ulong at = physical; at < physical + (pages << PAGE_SHIFT); at += PAGE_SIZE * Math.Max(1, pages / 64))
            Assert.That(Present(at), Is.False);
        if (physical > GiB)
            Assert.That(Present(physical - PAGE_SIZE), Is.True);
        Assert.That(Present(physical + (pages << PAGE_SHIFT)), Is.True);
    }

    [Test]
    public void A_range_over_several_blocks_is_split_at_both_ends_and_changed_whole_between()
    {
        Run(() => Assert.That(Zap((3 * GiB) - PAGE_SIZE, 1 + (1 << 18) + 1), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(Level(3 * GiB), Is.EqualTo(3));
            Assert.That(Present(3 * GiB), Is.False, "a block answers for its pages");
            Assert.That(Present((3 * GiB) - PAGE_SIZE), Is.False);
            Assert.That(Present((3 * GiB) - (2 * PAGE_SIZE)), Is.True);
            Assert.That(Present(4 * GiB), Is.False);
            Assert.That(Present((4 * GiB) + PAGE_SIZE), Is.True);
            Assert.That(Arch.PudSplits, Is.EqualTo(2));
        });
    }

    [Test]
    public void A_zapped_entry_is_present_but_not_valid()
    {
        Run(() => Assert.That(Zap(Page), Is.Zero));
        pte_t entry = Entry(Page);
        Assert.Multiple(() =>
        {
            Assert.That(pte_valid(entry), Is.False);
            Assert.That(pte_present(entry), Is.True);
            Assert.That(entry.val & PTE_NG, Is.Not.Zero);
            Assert.That(pte_pfn(entry), Is.EqualTo(Page >> PAGE_SHIFT));
        });
    }

    [Test]
    public void A_restored_entry_is_what_it_was_before_the_zap()
    {
        Run(() =>
        {
            Assert.That(Zap(Page + PAGE_SIZE), Is.Zero);
            pte_t before = Entry(Page);
            Assert.That(Zap(Page), Is.Zero);
            Assert.That(Restore(Page), Is.Zero);
            Assert.That(Entry(Page), Is.EqualTo(before));
        });
    }

    [Test]
    public void Restore_flushes_nothing_allocates_nothing_and_works_at_once()
    {
        Run(() => Assert.That(Zap(Page), Is.Zero));
        FailAllocation(1, 1000);
        EventTotals events = During(() =>
        {
            Assert.That(Reaches(Page), Is.False);
            Assert.That(Restore(Page), Is.Zero);
            Assert.That(Reaches(Page), Is.True);
        });
        Assert.That(events[HwEvent.TlbBroadcastInvalidate], Is.Zero);
    }

    [Test]
    public void Invalid_noflush_leaves_the_translation_of_a_TLB_behind_and_valid_noflush_does_not()
    {
        Run(() =>
        {
            Assert.That(Reaches(Page), Is.True);
            Assert.That(Arch.set_direct_map_invalid_noflush(Kernel, Va(Page)), Is.Zero);
            Assert.That(Reaches(Page), Is.True, "I3 is the caller's");
            Arch.flush_tlb_kernel_range(Kernel, Va(Page), Va(Page) + PAGE_SIZE);
            Assert.That(Reaches(Page), Is.False);
            Assert.That(Arch.set_direct_map_default_noflush(Kernel, Va(Page)), Is.Zero);
            Assert.That(Reaches(Page), Is.True);
            Assert.That(Zap(Page), Is.Zero);
            Assert.That(Reaches(Page), Is.False);
        });
    }

    [Test]
    public void Default_makes_a_page_writable_whatever_it_was()
    {
        Run(() =>
        {
            ulong text = Va(Kernel.kernel_image.Start);
            Assert.That(Arch.set_direct_map_invalid_noflush(Kernel, text), Is.Zero);
            Assert.That(Arch.set_direct_map_default_noflush(Kernel, text), Is.Zero);
            Arch.flush_tlb_kernel_range(Kernel, text, text + PAGE_SIZE);
            Assert.That(Arch.this_cpu().TryTranslate(text, AccessKind.KernelWrite, out _, out _), Is.True);
        });
    }

    [Test]
    public void An_unaligned_address_is_refused_with_a_warning()
    {
        Run(() => Assert.That(Arch.set_direct_map_invalid_noflush(Kernel, Va(Page) + 8), Is.EqualTo(-EINVAL)));
        Assert.That(Kernel.TakeWarnings(), Has.Count.EqualTo(1));
        Assert.That(Arch.PudSplits, Is.Zero);
    }

    [TestCase(1, 0, 0, Description = "no table for the gigabyte")]
    [TestCase(2, 1, 0, Description = "no table for the 2M block: the first split stays")]
    public void A_split_without_memory_fails_and_the_page_stays(int nth, int puds, int pmds)
    {
        FailAllocation(nth);
        EventTotals events = During(() => Assert.That(Zap(Page), Is.EqualTo(-ENOMEM)));
        Assert.That(Kernel.TakeWarnings(), Has.Count.EqualTo(1));
        Assert.Multiple(() =>
        {
            Assert.That(Present(Page), Is.True);
            Assert.That(Arch.PudSplits, Is.EqualTo(puds));
            Assert.That(Arch.PmdSplits, Is.EqualTo(pmds));
            Assert.That(events[HwEvent.TlbShootdownRange], Is.EqualTo(1), "the flush does not ask how far it got");
        });
        Kernel.Failures = null;
        Run(() => Assert.That(Zap(Page), Is.Zero));
        Assert.That(Present(Page), Is.False);
    }

    /// <summary>Bug 75: a table of pages must not be more valid than the block it replaces.</summary>
    [Test]
    public void Splitting_a_block_that_is_not_valid_makes_entries_that_are_not_valid()
    {
        Run(() =>
        {
            Assert.That(Zap(3 * GiB, 1 << 18), Is.Zero);
            Assert.That(Level(3 * GiB), Is.EqualTo(3));
            Assert.That(Restore(Page), Is.Zero);
        });
        Assert.Multiple(() =>
        {
            Assert.That(Level(Page), Is.EqualTo(1));
            Assert.That(Present(Page), Is.True);
            Assert.That(Present(Page + PAGE_SIZE), Is.False, "page of the same table");
            Assert.That(Present((Page & PMD_MASK) + PMD_SIZE), Is.False, "block of the same table");
            Assert.That(pte_present(Entry(Page + PAGE_SIZE)), Is.True);
        });
    }

    /// <summary>Bug 77: a block whose valid bit is clear is there for the walker, and its pages are not.</summary>
    [Test]
    public void Pages_of_a_block_that_is_not_valid_are_not_present()
    {
        Run(() => Assert.That(Zap(3 * GiB, 512), Is.Zero));
        Assert.That(Level(3 * GiB), Is.EqualTo(2));
        Assert.That(Present(3 * GiB), Is.False);
        Assert.That(pmd_leaf(Entry(3 * GiB)), Is.True);
        Run(() => Assert.That(Zap(5 * GiB, 1 << 18), Is.Zero));
        Assert.That(Level(5 * GiB), Is.EqualTo(3));
        Assert.That(Present(5 * GiB), Is.False);
    }

    [Test]
    public void Two_CPUs_that_split_the_same_block_split_it_once()
    {
        var threads = new Thread[2];
        int[] results = [1, 1];
        for (int i = 0; i < threads.Length; i++)
        {
            int n = i;
            threads[i] = new Thread(() => Run(() => results[n] = Zap(Page + ((ulong)n * PAGE_SIZE))));
            threads[i].Start();
        }

        Array.ForEach(threads, t => t.Join());
        Assert.Multiple(() =>
        {
            Assert.That(results, Is.EqualTo(new[] { 0, 0 }));
            Assert.That(Arch.PudSplits, Is.EqualTo(1));
            Assert.That(Arch.PmdSplits, Is.EqualTo(1));
            Assert.That(Present(Page), Is.False);
            Assert.That(Present(Page + PAGE_SIZE), Is.False);
        });
    }

    [TestCase(1UL, 1, 0)]
    [TestCase(2UL, 1, 0)]
    [TestCase(3UL, 2, 0)]
    [TestCase(512UL, 1, 0)]
    [TestCase(32UL << 16, 1, 0)]
    [TestCase((32UL << 16) + 1, 0, 1)]
    public void A_range_is_invalidated_by_few_operations_and_a_very_long_one_by_one_for_all(ulong pages, int ranges, int alls)
    {
        EventTotals events = During(() => Arch.flush_tlb_kernel_range(Kernel, Va(GiB), Va(GiB) + (pages << PAGE_SHIFT)));
        Assert.Multiple(() =>
        {
            Assert.That(events[HwEvent.TlbShootdownRange], Is.EqualTo(ranges));
            Assert.That(events[HwEvent.TlbShootdownAll], Is.EqualTo(alls));
            Assert.That(events[HwEvent.TlbBroadcastInvalidate], Is.EqualTo(ranges + alls));
        });
    }

    [Test]
    public void Touching_a_zapped_page_is_an_oops_that_names_the_entry()
    {
        Run(() =>
        {
            Assert.That(Zap(Page), Is.Zero);
            ulong va = Va(Page);
            Assert.That(Arch.this_cpu().TryTranslate(va, AccessKind.KernelWrite, out _, out WalkFault fault), Is.False);
            KernelOops oops = Assert.Throws<KernelOops>(() => Arch.do_kernel_fault(Kernel, in fault))!;
            Assert.That(oops.Message, Does.Contain($"Unable to handle kernel paging request at virtual address {va:x16}"));
            Assert.That(oops.Report, Does.Contain("level 3 translation fault, WnR = 1"));
        });
    }

    [Test]
    public void A_fault_that_raced_with_a_restore_is_spurious()
    {
        Run(() =>
        {
            Assert.That(Zap(Page), Is.Zero);
            Assert.That(Arch.this_cpu().TryTranslate(Va(Page), AccessKind.KernelRead, out _, out WalkFault fault), Is.False);
            Assert.That(Restore(Page), Is.Zero);
            Assert.That(Arch.do_kernel_fault(Kernel, in fault), Is.True);
        });
    }

    [Test]
    public void A_write_to_text_says_so()
    {
        Run(() =>
        {
            Assert.That(Arch.this_cpu().TryTranslate(Va(Kernel.kernel_image.Start), AccessKind.KernelWrite, out _, out WalkFault fault), Is.False);
            Assert.That(() => Arch.do_kernel_fault(Kernel, in fault), Throws.TypeOf<KernelOops>().With.Message.Contains("write to read-only memory"));
        });
    }

    /// <summary>set_memory_* are for what vmalloc made.</summary>
    [Test]
    public void Rights_of_the_linear_map_are_not_for_modules_to_change()
    {
        Run(() =>
        {
            Assert.That(set_memory_ro(Arch, Va(Page), 1), Is.EqualTo(-EINVAL));
            Assert.That(set_memory_rw(Arch, Arm64MemoryH.VMALLOC_END - PAGE_SIZE, 2), Is.EqualTo(-EINVAL));
        });
    }
}
