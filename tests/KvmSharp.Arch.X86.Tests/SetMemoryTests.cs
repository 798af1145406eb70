// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Arch.X86.Tests;

/// <summary>Rules CPA-1..10, CNT-1..5, COL-1..5 and the bits of a kernel leaf, spec/direct_map.md sections 2.1 to 2.5.</summary>
internal sealed unsafe class SetMemoryTests : X86MmTest
{
    private const ulong Page = GiB + (37 * PAGE_SIZE);

    [Test]
    public void Boot_uses_the_largest_leaves_that_fit()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Level(Va(0)), Is.EqualTo(pg_level.PG_LEVEL_4K), "hole below 1 MiB");
            Assert.That(Level(Va(MiB)), Is.EqualTo(pg_level.PG_LEVEL_4K), "rest of that 2 MiB");
            Assert.That(Level(Va(2 * MiB)), Is.EqualTo(pg_level.PG_LEVEL_2M));
            Assert.That(Level(Va(GiB)), Is.EqualTo(pg_level.PG_LEVEL_1G));
            Assert.That(Level(Va(2 * GiB)), Is.EqualTo(pg_level.PG_LEVEL_1G));
            Assert.That(Entry(Va(3 * GiB), out _), Is.EqualTo(default(pte_t)), "hole");
            Assert.That(Level(Va(4 * GiB)), Is.EqualTo(pg_level.PG_LEVEL_1G));
            Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(new DirectMapStatistics(512, 511, 5, 0, 0, 0, 0)));
        });
    }

    [Test]
    public void A_kernel_leaf_is_writable_global_dirty_and_not_executable()
    {
        Assert.That(Entry(Va(2 * MiB), out _).val, Is.EqualTo(
            (2 * MiB) | _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_PSE | _PAGE_GLOBAL | _PAGE_NX));
    }

    [Test]
    public void Zapping_one_page_under_a_1G_leaf_splits_twice_and_flushes_everything_twice()
    {
        EventTotals events = During(() => Assert.That(Zap(Page), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(events[HwEvent.SplitLeaf1G], Is.EqualTo(1));
            Assert.That(events[HwEvent.SplitLeaf2M], Is.EqualTo(1));
            Assert.That(events[HwEvent.TlbShootdownAll], Is.EqualTo(2));
            Assert.That(events[HwEvent.TlbShootdownRange], Is.Zero, "CPA-2: nobody flushes the entry itself");
            Assert.That(events[HwEvent.IpiSent], Is.EqualTo(2));
            Assert.That(events[HwEvent.PteWrite4K], Is.EqualTo(1));
            Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(new DirectMapStatistics(1024, 511 + 511, 4, 1, 1, 0, 0)));
            Assert.That(Present(Va(Page)), Is.False);
            Assert.That(Present(Va(Page + PAGE_SIZE)), Is.True);
        });
    }

    [Test]
    public void The_second_zap_in_the_same_2M_changes_no_counter_and_splits_nothing()
    {
        Run(() => Assert.That(Zap(Page), Is.Zero));
        DirectMapStatistics before = Arch.DirectMap(Kernel);
        EventTotals events = During(() => Assert.That(Zap(Page + PAGE_SIZE), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(before));
            Assert.That(events[HwEvent.SplitLeaf2M] + events[HwEvent.SplitLeaf1G] + events[HwEvent.TlbShootdownAll], Is.Zero);
            Assert.That(events[HwEvent.PteWrite4K], Is.EqualTo(1));
        });
    }

    [Test]
    public void A_zap_in_another_2M_of_a_split_1G_splits_once()
    {
        Run(() => Assert.That(Zap(Page), Is.Zero));
        DirectMapStatistics before = Arch.DirectMap(Kernel);
        Run(() => Assert.That(Zap(Page + (2 * MiB)), Is.Zero));
        Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(before with { Pages2M = before.Pages2M - 1, Pages4K = before.Pages4K + 512, Level2Splits = before.Level2Splits + 1 }));
    }

    [Test]
    public void The_sum_of_the_counters_in_bytes_never_changes()
    {
        static long Bytes(DirectMapStatistics s) => (s.Pages4K << 12) + (s.Pages2M << 21) + (s.Pages1G << 30);
        long before = Bytes(Arch.DirectMap(Kernel));
        Run(() =>
        {
            Assert.That(Zap(Page), Is.Zero);
            Assert.That(Zap(4 * GiB, 512), Is.Zero);
            Assert.That(Restore(Page), Is.Zero);
        });
        Assert.That(Bytes(Arch.DirectMap(Kernel)), Is.EqualTo(before));
    }

    [Test]
    public void A_zapped_entry_keeps_only_NX_and_A_and_the_inverted_frame_number()
    {
        Run(() => Assert.That(Zap(Page), Is.Zero));
        pte_t zapped = Entry(Va(Page), out _);
        Assert.Multiple(() =>
        {
            Assert.That(zapped.val & ~PTE_PFN_MASK, Is.EqualTo(_PAGE_NX | _PAGE_ACCESSED), "P, RW, D and G are clear");
            Assert.That(zapped.val & PTE_PFN_MASK, Is.EqualTo(~Page & PTE_PFN_MASK), "L1TF");
            Assert.That(pte_pfn(zapped), Is.EqualTo(Page >> PAGE_SHIFT), "readers de-invert");
            Assert.That(zapped.val & 0xfff, Is.EqualTo(0x020));
        });
    }

    [Test]
    public void A_restored_entry_has_neither_G_nor_D()
    {
        Run(() =>
        {
            Assert.That(Zap(Page), Is.Zero);
            Assert.That(Restore(Page), Is.Zero);
        });
        Assert.That(Entry(Va(Page), out _).val, Is.EqualTo(Page | _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_NX));
    }

    [Test]
    public void A_store_through_a_restored_entry_sets_D()
    {
        Run(() =>
        {
            Assert.That(Zap(Page), Is.Zero);
            Assert.That(Restore(Page), Is.Zero);
            Assert.That(Arch.this_cpu().TryTranslate(Va(Page), AccessKind.KernelWrite, out ulong pa, out _), Is.True);
            Assert.That(pa, Is.EqualTo(Page));
        });
        Assert.That(Entry(Va(Page), out _).val & _PAGE_DIRTY, Is.Not.Zero);
    }

    [Test]
    public void The_pages_around_a_zapped_one_keep_every_attribute()
    {
        Run(() => Assert.That(Zap(Page), Is.Zero));
        for (ulong pa = Page & PMD_MASK; pa < (Page & PMD_MASK) + PMD_SIZE; pa += PAGE_SIZE)
        {
            if (pa != Page)
                Assert.That(Entry(Va(pa), out _).val, Is.EqualTo(pa | PgtableTypesH.PAGE_KERNEL.val));
        }

        for (ulong pa = Page & PUD_MASK; pa < (Page & PUD_MASK) + PUD_SIZE; pa += PMD_SIZE)
        {
            if (pa != (Page & PMD_MASK))
                Assert.That(Entry(Va(pa), out _).val, Is.EqualTo(pa | PgtableTypesH.PAGE_KERNEL.val | _PAGE_PSE));
        }
    }

    [Test]
    public void A_restore_allocates_nothing_and_flushes_nothing()
    {
        Run(() => Assert.That(Zap(Page), Is.Zero));
        DirectMapStatistics before = Arch.DirectMap(Kernel);
        FailAllocation(1, 1000);
        EventTotals events = During(() => Assert.That(Restore(Page), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(events[HwEvent.TlbShootdownAll] + events[HwEvent.TlbShootdownRange] + events[HwEvent.IpiSent], Is.Zero);
            Assert.That(events[HwEvent.PteWrite4K], Is.EqualTo(1));
            Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(before));
        });
    }

    [Test]
    public void A_zap_that_cannot_get_the_first_table_changes_nothing()
    {
        FailAllocation(1);
        DirectMapStatistics before = Arch.DirectMap(Kernel);
        EventTotals events = During(() => Assert.That(Zap(Page), Is.EqualTo(-ENOMEM)));
        Assert.Multiple(() =>
        {
            Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(before));
            Assert.That(Present(Va(Page)), Is.True);
            Assert.That(events[HwEvent.TlbShootdownAll], Is.Zero);
        });
    }

    [Test]
    public void The_1G_split_stays_when_the_2M_split_gets_no_table()
    {
        FailAllocation(2);
        EventTotals events = During(() => Assert.That(Zap(Page), Is.EqualTo(-ENOMEM)));
        Assert.Multiple(() =>
        {
            Assert.That(Level(Va(Page)), Is.EqualTo(pg_level.PG_LEVEL_2M));
            Assert.That(Present(Va(Page)), Is.True);
            Assert.That(events[HwEvent.SplitLeaf1G], Is.EqualTo(1));
            Assert.That(events[HwEvent.SplitLeaf2M], Is.Zero);
            Assert.That(Arch.DirectMap(Kernel).Pages2M, Is.EqualTo(511 + 512));
        });
    }

    [Test]
    public void Pages_before_the_failing_one_keep_their_new_state()
    {
        const ulong Start = GiB + (2 * MiB) - PAGE_SIZE;

        // Tables: 1G, first 2M; the second 2M gets none.
        FailAllocation(3);
        Run(() => Assert.That(Zap(Start, 2), Is.EqualTo(-ENOMEM)));
        Assert.Multiple(() =>
        {
            Assert.That(Present(Va(Start)), Is.False);
            Assert.That(Present(Va(Start + PAGE_SIZE)), Is.True);
        });
    }

    [Test]
    public void A_whole_2M_goes_in_place_and_its_pieces_need_a_split_to_return()
    {
        const ulong Start = 64 * MiB;
        EventTotals events = During(() => Assert.That(Zap(Start, 512), Is.Zero));
        pte_t entry = Entry(Va(Start), out pg_level level);
        Assert.Multiple(() =>
        {
            Assert.That(level, Is.EqualTo(pg_level.PG_LEVEL_2M));
            Assert.That(entry.val & (_PAGE_PRESENT | _PAGE_RW | _PAGE_DIRTY | _PAGE_GLOBAL | _PAGE_PSE), Is.Zero);
            Assert.That(pmd_pfn(entry), Is.EqualTo(Start >> PAGE_SHIFT));
            Assert.That(events[HwEvent.PteWrite2M], Is.EqualTo(1));
            Assert.That(events[HwEvent.SplitLeaf2M], Is.Zero);
            Assert.That(events[HwEvent.TlbShootdownAll], Is.Zero);
        });

        FailAllocation(1);
        Run(() => Assert.That(Restore(Start), Is.EqualTo(-ENOMEM), "CPA-5: a restore of a piece may fail"));
        Kernel.Failures = null;
        Run(() => Assert.That(Restore(Start), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(Present(Va(Start)), Is.True);
            Assert.That(Present(Va(Start + PAGE_SIZE)), Is.False);
            Assert.That(Entry(Va(Start + PAGE_SIZE), out _).val & ~PTE_PFN_MASK, Is.EqualTo(_PAGE_NX | _PAGE_ACCESSED));
        });
    }

    [Test]
    public void A_whole_1G_goes_in_place_and_comes_back_in_place()
    {
        DirectMapStatistics before = Arch.DirectMap(Kernel);
        EventTotals events = During(() =>
        {
            Assert.That(Zap(GiB, GiB / PAGE_SIZE), Is.Zero);
            Assert.That(Present(Va(GiB + (7 * MiB))), Is.False);
            Assert.That(Restore(GiB, GiB / PAGE_SIZE), Is.Zero);
        });
        Assert.Multiple(() =>
        {
            Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(before));
            Assert.That(events[HwEvent.PteWrite1G], Is.EqualTo(2));
            Assert.That(Entry(Va(GiB), out pg_level level).val, Is.EqualTo(
                GiB | _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_PSE | _PAGE_NX));
            Assert.That(level, Is.EqualTo(pg_level.PG_LEVEL_1G));
        });
    }

    [Test]
    public void A_request_that_changes_nothing_keeps_a_large_leaf_whole()
    {
        EventTotals events = During(() => Assert.That(Restore(Page, 3), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(Level(Va(Page)), Is.EqualTo(pg_level.PG_LEVEL_1G));
            Assert.That(events[HwEvent.PteWrite1G] + events[HwEvent.SplitLeaf1G], Is.Zero);
        });
    }

    [Test]
    public void Zapping_twice_writes_once()
    {
        Run(() => Assert.That(Zap(Page), Is.Zero));
        EventTotals events = During(() => Assert.That(Zap(Page), Is.Zero));
        Assert.That(events[HwEvent.PteWrite4K], Is.Zero);
    }

    [Test]
    public void A_hole_of_the_direct_map_is_skipped_and_other_addresses_fail_with_a_warning()
    {
        Run(() =>
        {
            Assert.That(Zap(3 * GiB, 4), Is.Zero);
            Assert.That(Arch.set_direct_map_invalid_noflush(Kernel, 0), Is.EqualTo(-EFAULT));
        });
        Assert.That(Kernel.TakeWarnings(), Has.Exactly(1).Contains("CPA: called for zero pte"));
    }

    [Test]
    public void Racing_zaps_under_one_leaf_split_it_once_and_lose_no_page()
    {
        Kernel.RunTasks([.. Enumerable.Range(0, 4).Select(i => (Action)(() =>
        {
            for (ulong n = 0; n < 64; n++)
                Assert.That(Zap(GiB + ((n * 4) + (ulong)i) * PAGE_SIZE), Is.Zero);
        }))]);
        Assert.Multiple(() =>
        {
            for (ulong n = 0; n < 256; n++)
                Assert.That(Present(Va(GiB + (n * PAGE_SIZE))), Is.False);
            Assert.That(Arch.DirectMap(Kernel).Level3Splits, Is.EqualTo(1));
            Assert.That(Arch.DirectMap(Kernel).Level2Splits, Is.EqualTo(1));
        });
    }

    [Test]
    public void Two_zaps_meeting_in_one_split_free_the_spare_table()
    {
        // The allocation of the first zap is interrupted by a whole second zap in the same leaf: the first then finds the entry changed.
        bool done = false;
        long tables = 0;
        Kernel.Failures = new FailureInjector();
        Kernel.Failures.FailWhen("fail_page_alloc", _ =>
        {
            tables++;
            if (!done)
            {
                done = true;
                Assert.That(Zap(Page + PAGE_SIZE), Is.Zero);
            }

            return false;
        });
        EventTotals events = During(() => Assert.That(Zap(Page), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(Present(Va(Page)), Is.False);
            Assert.That(Present(Va(Page + PAGE_SIZE)), Is.False);
            Assert.That(events[HwEvent.SplitLeaf1G], Is.EqualTo(1));
            Assert.That(events[HwEvent.SplitLeaf2M], Is.EqualTo(1));
            Assert.That(tables, Is.EqualTo(3), "one for each split, and the spare one");
        });
    }

    [Test]
    public void No_split_is_counted_as_an_event_before_the_system_runs()
    {
        Kernel.system_state = system_states.SYSTEM_BOOTING;
        Run(() => Assert.That(Zap(Page), Is.Zero));
        DirectMapStatistics s = Arch.DirectMap(Kernel);
        Assert.Multiple(() =>
        {
            Assert.That(s.Level2Splits + s.Level3Splits, Is.Zero);
            Assert.That(s.Pages1G, Is.EqualTo(4));
        });
    }

    [Test]
    public void The_old_translation_survives_until_somebody_flushes_it()
    {
        Run(() =>
        {
            Assert.That(Zap(Page + PAGE_SIZE), Is.Zero);
            Cpu cpu = Arch.this_cpu();
            Assert.That(cpu.TryTranslate(Va(Page), AccessKind.KernelRead, out _, out _), Is.True);
            Assert.That(Zap(Page), Is.Zero);
            Assert.That(cpu.Tlb.Holds(Va(Page), out _), Is.True, "noflush");
            Arch.flush_tlb_kernel_range(Kernel, Va(Page), Va(Page + PAGE_SIZE));
            Assert.That(cpu.Tlb.Holds(Va(Page), out _), Is.False);
            Assert.That(cpu.TryTranslate(Va(Page), AccessKind.KernelRead, out _, out WalkFault fault), Is.False);
            Assert.That(fault.Cause, Is.EqualTo(FaultCause.NotPresent));
        });
    }

    [Test]
    public void The_audit_hears_of_removal_and_return()
    {
        Run(() =>
        {
            Assert.That(Zap(Page), Is.Zero);
            Machine.Exposure.Protect(Page >> PAGE_SHIFT, 1, Arch.this_cpu());
            Assert.That(Machine.Exposure.Verdict().Clean, Is.True);
            Assert.That(Restore(Page), Is.Zero);
            Assert.That(Machine.Exposure.Verdict().OpenUnallowed, Is.EqualTo(1));
        });
    }

    [Test]
    public void Not_present_by_the_wrapper_flushes_the_page()
    {
        Run(() => Assert.That(Zap(Page + PAGE_SIZE), Is.Zero));
        EventTotals events = During(() => Assert.That(set_memory_np(Arch, Va(Page), 1), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(Present(Va(Page)), Is.False);
            Assert.That(events[HwEvent.TlbShootdownRange], Is.EqualTo(1), "CPA-8");
        });
        Run(() => Assert.That(set_memory_p(Arch, Va(Page), 1), Is.Zero));
        Assert.That(Present(Va(Page)), Is.True);
    }

    [Test]
    public void A_page_with_a_memory_error_leaves_by_a_decoy_address_and_comes_back()
    {
        ulong pfn = Page >> PAGE_SHIFT;
        Run(() => Assert.That(set_mce_nospec(Arch, pfn), Is.Zero));
        Assert.That(Present(Va(Page)), Is.False);
        Run(() => Assert.That(clear_mce_nospec(Arch, pfn), Is.Zero));
        Assert.That(Present(Va(Page)), Is.True);
    }

    [Test]
    public void Read_only_clears_D_too_and_a_large_leaf_of_the_exact_size_stays_whole()
    {
        const ulong Start = 128 * MiB;
        Run(() => Assert.That(set_memory_ro(Arch, Va(Start), 512), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(Entry(Va(Start), out pg_level level).val & (_PAGE_RW | _PAGE_DIRTY), Is.Zero);
            Assert.That(level, Is.EqualTo(pg_level.PG_LEVEL_2M));
        });
        Run(() => Assert.That(set_memory_rw(Arch, Va(Start), 512), Is.Zero));
        Assert.That(Entry(Va(Start), out _).val & _PAGE_RW, Is.Not.Zero);
    }

    [Test]
    public void Writable_and_executable_at_once_is_reported()
    {
        Run(() => Assert.That(set_memory_x(Arch, Va(Page), 1), Is.Zero));
        Assert.That(Kernel.TakeWarnings(), Has.Exactly(1).Contains("W^X violation"));
        Run(() => Assert.That(set_memory_nx(Arch, Va(Page), 1), Is.Zero));
    }

    [Test]
    public void Rox_puts_a_2M_and_a_1G_leaf_together_again()
    {
        Run(() => Assert.That(set_memory_ro(Arch, Va(GiB), GiB / PAGE_SIZE), Is.Zero));
        Run(() => Assert.That(set_memory_rox(Arch, Va(GiB), GiB / PAGE_SIZE), Is.Zero));
        Assert.That(Level(Va(GiB)), Is.EqualTo(pg_level.PG_LEVEL_1G), "nothing was split so far");

        // Splits to 4K without leaving a difference.
        Run(() =>
        {
            Assert.That(set_memory_nx(Arch, Va(GiB), 1), Is.Zero);
            Assert.That(Level(Va(GiB)), Is.EqualTo(pg_level.PG_LEVEL_4K));
        });
        DirectMapStatistics split = Arch.DirectMap(Kernel);
        EventTotals events = During(() => Assert.That(set_memory_rox(Arch, Va(GiB), 512), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(Level(Va(GiB)), Is.EqualTo(pg_level.PG_LEVEL_1G));
            Assert.That(events[HwEvent.MergeLeaf2M], Is.EqualTo(1));
            Assert.That(events[HwEvent.MergeLeaf1G], Is.EqualTo(1));
            Assert.That(events[HwEvent.TlbShootdownAll], Is.EqualTo(2), "the flush of 512 pages, then one for the merge");
            Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(split with
            {
                Pages4K = split.Pages4K - 512,
                Pages2M = split.Pages2M + 1 - 512,
                Pages1G = split.Pages1G + 1,
                Level2Collapses = 1,
                Level3Collapses = 1,
            }));
        });
    }

    [Test]
    public void Nothing_merges_over_a_page_that_was_zapped_or_came_back()
    {
        const ulong Start = 256 * MiB;
        Run(() =>
        {
            Assert.That(Zap(Start + PAGE_SIZE), Is.Zero);
            Assert.That(set_memory_rox(Arch, Va(Start), 1), Is.Zero);
            Assert.That(Level(Va(Start)), Is.EqualTo(pg_level.PG_LEVEL_4K), "COL-3, absent");
            Assert.That(Restore(Start + PAGE_SIZE), Is.Zero);
            Assert.That(set_memory_rox(Arch, Va(Start), 512), Is.Zero);
            Assert.That(Level(Va(Start)), Is.EqualTo(pg_level.PG_LEVEL_4K), "COL-3, without G");
        });
        Assert.That(Arch.DirectMap(Kernel).Level2Collapses, Is.Zero);
    }

    [Test]
    public void Neither_zap_nor_restore_merges()
    {
        Run(() =>
        {
            Assert.That(Zap(64 * MiB), Is.Zero);
            Assert.That(Restore(64 * MiB), Is.Zero);
            Assert.That(Restore(64 * MiB, 512), Is.Zero);
        });
        Assert.That(Level(Va(64 * MiB)), Is.EqualTo(pg_level.PG_LEVEL_4K), "COL-1");
    }

    [Test]
    public void A_page_made_4K_on_purpose_is_never_merged()
    {
        const ulong Start = 256 * MiB;
        Run(() =>
        {
            Assert.That(set_memory_4k(Arch, Va(Start), 512), Is.Zero);
            Assert.That(set_memory_rox(Arch, Va(Start), 512), Is.Zero);
        });
        Assert.That(Level(Va(Start)), Is.EqualTo(pg_level.PG_LEVEL_4K), "COL-2");
    }

    [Test]
    public void After_a_merge_a_zap_must_split_again_and_may_fail()
    {
        const ulong Start = 256 * MiB;
        Run(() =>
        {
            Assert.That(set_memory_rox(Arch, Va(Start), 1), Is.Zero);
            Assert.That(set_memory_rox(Arch, Va(Start), 512), Is.Zero);
        });
        Assert.That(Level(Va(Start)), Is.EqualTo(pg_level.PG_LEVEL_2M));
        FailAllocation(1);
        Run(() => Assert.That(Zap(Start), Is.EqualTo(-ENOMEM), "COL-5"));
    }

    [Test]
    public void Meminfo_shows_the_counters_in_kilobytes()
    {
        var text = new System.Text.StringBuilder();
        arch_report_meminfo(Arch, text);
        Assert.That(text.ToString(), Is.EqualTo("DirectMap4k:        2048 kB\nDirectMap2M:     1046528 kB\nDirectMap1G:     5242880 kB\n"));
    }

    [Test]
    public void Constants_of_the_image_stay_read_only_in_the_direct_map()
    {
        Run(() => Assert.That(Init64.mark_rodata_ro(Arch), Is.Zero));
        ulong rodata = Va(Arch.__start_rodata);
        Assert.That(Entry(rodata, out _).val & _PAGE_RW, Is.Zero);
        Run(() => Assert.That(set_memory_rw(Arch, rodata, 1), Is.Zero));
        Assert.Multiple(() =>
        {
            Assert.That(Entry(rodata, out _).val & _PAGE_RW, Is.Zero, "static protection");
            Assert.That(Entry(Arch.highmap(Arch._text), out _).val & (_PAGE_RW | _PAGE_NX), Is.Zero, "text runs");
            Assert.That(Entry(Arch.highmap(Arch._brk_end - PAGE_SIZE), out _).val & _PAGE_NX, Is.Not.Zero);
        });
    }

    [Test]
    public void Any_sequence_of_zaps_and_restores_leaves_exactly_the_wanted_pages_out()
    {
        var random = new Random(20260403);
        var absent = new HashSet<ulong>();
        Run(() =>
        {
            for (int step = 0; step < 400; step++)
            {
                ulong first = (ulong)random.Next(0, 2048);
                ulong count = random.Next(4) == 0 ? 512UL : (ulong)random.Next(1, 40);
                if (random.Next(4) == 0)
                    first &= ~511UL;
                bool valid = random.Next(2) == 0;
                Assert.That(Arch.set_direct_map_valid_noflush(Kernel, Va(GiB + (first * PAGE_SIZE)), count, valid), Is.Zero);
                for (ulong n = first; n < first + count; n++)
                {
                    if (valid)
                        absent.Remove(n);
                    else
                        absent.Add(n);
                }
            }
        });
        for (ulong n = 0; n < 2600; n++)
        {
            Assert.That(Present(Va(GiB + (n * PAGE_SIZE))), Is.EqualTo(!absent.Contains(n)), $"page {n}");
            Assert.That(Machine.Stage1.Walk(Arch.swapper_pg_dir, Va(GiB + (n * PAGE_SIZE)), AccessKind.KernelRead, false, out WalkResult r), Is.EqualTo(!absent.Contains(n)));
            if (r.Success)
                Assert.That(r.Physical, Is.EqualTo(GiB + (n * PAGE_SIZE)));
        }
    }
}

/// <summary>debug_pagealloc: 4K leaves from boot on.</summary>
internal sealed class DebugPageallocTests : X86MmTest
{
    protected override X86Options Options => new() { DebugPagealloc = true };

    [Test]
    public void Everything_is_4K_and_a_zap_needs_no_memory()
    {
        DirectMapStatistics s = Arch.DirectMap(Kernel);
        Assert.That((s.Pages2M, s.Pages1G), Is.EqualTo((0L, 0L)));
        FailAllocation(1, 1000);
        Run(() => Assert.That(Zap(GiB), Is.Zero));
    }

    [Test]
    public void Mapping_pages_flushes_this_CPU_only()
    {
        EventTotals events = During(() => __kernel_map_pages(Arch, pfn_to_page(Kernel, GiB >> PAGE_SHIFT), 4, false));
        Assert.Multiple(() =>
        {
            Assert.That(Present(Va(GiB + (3 * PAGE_SIZE))), Is.False);
            Assert.That(events[HwEvent.TlbFlushLocalAll], Is.EqualTo(1), "CPA-9");
            Assert.That(events[HwEvent.IpiSent], Is.Zero);
        });
        Run(() => __kernel_map_pages(Arch, pfn_to_page(Kernel, GiB >> PAGE_SHIFT), 4, true));
        Assert.That(Arch.kernel_page_present(pfn_to_page(Kernel, GiB >> PAGE_SHIFT)), Is.True);
    }
}

/// <summary>Without 1G leaves.</summary>
internal sealed class NoGbpagesTests : X86MmTest
{
    protected override X86Options Options => new() { Gbpages = false };

    [Test]
    public void Two_megabyte_leaves_are_the_largest_and_meminfo_has_no_1G_line()
    {
        var text = new System.Text.StringBuilder();
        arch_report_meminfo(Arch, text);
        Assert.Multiple(() =>
        {
            Assert.That(Level(Va(GiB)), Is.EqualTo(pg_level.PG_LEVEL_2M));
            Assert.That(text.ToString(), Does.Not.Contain("1G"));
        });
    }
}
