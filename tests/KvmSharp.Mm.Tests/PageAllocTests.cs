// SPDX-License-Identifier: GPL-2.0-only
using FsCheck;
using FsCheck.Fluent;

namespace KvmSharp.Mm.Tests;

[TestFixture]
internal sealed unsafe class PageAllocTests : MmTest
{
    private static readonly gfp_t[] Types = [GFP_KERNEL, GFP_HIGHUSER_MOVABLE, GFP_KERNEL | __GFP_RECLAIMABLE];

    [Test]
    public void A_page_is_initialised_referenced_once_and_comes_back() => Run(() =>
    {
        page page = alloc_page(GFP_KERNEL);
        Assert.That(page.IS_NULL, Is.False);
        Assert.That(page_ref_count(page), Is.EqualTo(1));
        Assert.That(page.Frame->_mapcount, Is.EqualTo(-1));
        Assert.That(page_zone(Kernel, page).name, Is.EqualTo("DMA32"));
        Assert.That(page_kernel(page), Is.SameAs(Kernel));
        Assert.That(pfn_to_page(Kernel, page_to_pfn(page)), Is.EqualTo(page));
        __free_page(page);
    });

    [Test]
    public void Zeroed_pages_are_zero_also_after_use() => Run(() =>
    {
        for (int i = 0; i < 100; i++)
        {
            page page = alloc_page(GFP_KERNEL | __GFP_ZERO);
            byte[] contents = new byte[4096];
            memcpy_from_page(contents, page, 0);
            Assert.That(contents, Is.All.Zero);
            contents.AsSpan().Fill(0xa5);
            memcpy_to_page(page, 0, contents);
            __free_page(page);
        }
    });

    [Test]
    public void Zeroed_chunks_are_zero_whatever_their_parts_held_before([Values(1, 2, 3)] int seed) => Run(() =>
    {
        Random random = new(seed);
        byte[] contents = new byte[4096];
        for (int step = 0; step < 2000; step++)
        {
            int order = random.Next(6);
            page head = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, order);
            for (int i = 0; i < 1 << order; i++)
            {
                page page = new(head.Frame + i);
                memcpy_from_page(contents, page, 0);
                Assert.That(contents.AsSpan().ContainsAnyExcept((byte)0), Is.False, $"page {i} of order {order} at step {step}");
                if (random.Next(2) == 0)
                    memcpy_to_page(page, (ulong)random.Next(4096), [0xa5]);
            }

            __free_pages(head, order);
        }
    });

    [Test]
    public void Zeroing_memory_that_nobody_used_commits_none_of_the_hosts() => Run(() =>
    {
        const int Pages = 4096;
        long before = Kernel.machine.Memory.ResidentBytes;
        Assume.That(before, Is.Not.Negative, "the host does not account memory");
        var pages = new page[Pages];
        for (int i = 0; i < Pages; i++)
            pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
        Assert.That(Kernel.machine.Memory.ResidentBytes - before, Is.LessThan(Pages * 4096L / 16));
        foreach (page page in pages)
            __free_page(page);
    });

    [Test]
    public void Random_use_never_overlaps_and_merges_completely([Values(1, 2, 3, 4)] int seed) => Run(() =>
    {
        Random random = new(seed);
        HashSet<ulong> taken = [];
        List<(page Page, int Order)> live = [];
        for (int step = 0; step < 4000; step++)
        {
            if (live.Count == 0 || random.Next(100) < 55)
            {
                int order = Math.Min(random.Next(11), random.Next(11));
                page page = alloc_pages(Types[random.Next(3)] | __GFP_NOWARN, order);
                if (page.IS_NULL)
                    continue;
                ulong pfn = page_to_pfn(page);
                Assert.That(pfn & ((1UL << order) - 1), Is.Zero);
                for (ulong i = 0; i < 1UL << order; i++)
                    Assert.That(taken.Add(pfn + i), Is.True, "a page was handed out twice");
                live.Add((page, order));
            }
            else
            {
                int at = random.Next(live.Count);
                (page page, int order) = live[at];
                live.RemoveAt(at);
                for (ulong i = 0; i < 1UL << order; i++)
                    taken.Remove(page_to_pfn(page) + i);
                __free_pages(page, order);
            }

            if (step % 500 == 0)
                Kernel.CheckInvariants();
            Assert.That(FreePages(Kernel) + taken.Count, Is.EqualTo(totalram_pages(Kernel)));
        }

        foreach ((page page, int order) in live)
            __free_pages(page, order);
        drain_all_pages(Kernel);
        Kernel.CheckInvariants();
        ExpectFullyMerged();
    });

    [Test]
    public void The_buddy_system_agrees_with_a_bitmap() => Check.One(
        FsCheck.Config.QuickThrowOnFailure.WithMaxTest(25),
        Prop.ForAll<int[]>(operations =>
        {
            Run(() =>
            {
                Dictionary<ulong, int> live = [];
                foreach (int operation in operations.Concat(operations).Concat(operations))
                {
                    int value = Math.Abs(operation % 1000);
                    if (value % 3 != 0 || live.Count == 0)
                    {
                        int order = value % 11;
                        page page = alloc_pages(Types[value % 3] | __GFP_COMP | __GFP_NOWARN, order);
                        if (!page.IS_NULL)
                            live.Add(page_to_pfn(page), order);
                    }
                    else
                    {
                        ulong pfn = live.Keys.ElementAt(value % live.Count);
                        live.Remove(pfn, out int order);
                        __free_pages(pfn_to_page(Kernel, pfn), order);
                    }
                }

                ulong end = 0;
                foreach ((ulong pfn, int order) in live.OrderBy(l => l.Key))
                {
                    Assert.That(pfn, Is.GreaterThanOrEqualTo(end));
                    end = pfn + (1UL << order);
                    Assert.That(folio_order(new folio(Kernel.vmemmap + pfn)), Is.EqualTo(order));
                }

                Kernel.CheckInvariants();
                foreach ((ulong pfn, int order) in live)
                    __free_pages(pfn_to_page(Kernel, pfn), order);
                drain_all_pages(Kernel);
                ExpectFullyMerged();
            });
        }));

    [Test]
    public void Compound_pages_know_their_head() => Run(() =>
    {
        folio folio = folio_alloc(GFP_KERNEL, 4);
        Assert.That(folio_nr_pages(folio), Is.EqualTo(16));
        for (ulong i = 0; i < 16; i++)
            Assert.That(page_folio(folio_page(folio, i)), Is.EqualTo(folio));
        folio_put(folio);
        Assert.That(folio_test_large(folio), Is.False);
    });

    [Test]
    public void A_chunk_without_compound_links_frees_its_tail_when_the_head_is_still_used() => Run(() =>
    {
        page page = alloc_pages(GFP_KERNEL, 3);
        get_page(page);
        long free = FreePages(Kernel);
        __free_pages(page, 3);
        Assert.That(FreePages(Kernel), Is.EqualTo(free + 7));
        put_page(page);
        Assert.That(FreePages(Kernel), Is.EqualTo(free + 8));
    });

    [Test]
    public void Too_large_an_order_warns_and_fails() => Run(() =>
    {
        Assert.That(alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER + 1).IS_NULL, Is.True);
        Assert.That(Kernel.TakeWarnings(), Has.Count.EqualTo(1));
    });

    [Test]
    public void Exhaustion_fails_cleanly_and_reserves_are_only_for_those_that_may() => Run(() =>
    {
        List<page> pages = [];
        for (page page = alloc_page(GFP_KERNEL | __GFP_NOWARN); !page.IS_NULL; page = alloc_page(GFP_KERNEL | __GFP_NOWARN))
            pages.Add(page);
        long left = nr_free_pages(Kernel);
        Assert.That(left, Is.GreaterThan(0).And.LessThanOrEqualTo(Kernel.node_zones.Sum(z => min_wmark_pages(z) + z.lowmem_reserve.Max())));
        int atomic = 0;
        for (page page = alloc_page(GFP_ATOMIC | __GFP_NOWARN); !page.IS_NULL; page = alloc_page(GFP_ATOMIC | __GFP_NOWARN))
        {
            pages.Add(page);
            atomic++;
        }

        Assert.That(atomic, Is.GreaterThan(0));
        Assert.That(nr_free_pages(Kernel), Is.GreaterThan(0));
        for (page page = alloc_page(GFP_KERNEL | gfp_t.__GFP_MEMALLOC | __GFP_NOWARN); !page.IS_NULL; page = alloc_page(GFP_KERNEL | gfp_t.__GFP_MEMALLOC | __GFP_NOWARN))
            pages.Add(page);
        Assert.That(nr_free_pages(Kernel), Is.Zero);
        Kernel.CheckInvariants();
        foreach (page page in pages)
            __free_page(page);
    });

    [Test]
    public void Types_keep_to_their_blocks_while_there_are_enough() => Run(() =>
    {
        List<page> pages = [];
        for (int i = 0; i < 1500; i++)
            pages.Add(alloc_page(Types[i % 3]));
        for (int i = 0; i < 1500; i++)
            Assert.That(get_pageblock_migratetype(pages[i]), Is.EqualTo(gfp_migratetype(Types[i % 3])));
        foreach (page page in pages)
            __free_page(page);
    });

    [Test]
    public void A_fallback_takes_the_largest_chunk_and_relabels_the_block() => Run(() =>
    {
        zone zone = Kernel.node_zones[1];
        page page = alloc_page(GFP_KERNEL);
        ulong block = pageblock_start_pfn(page_to_pfn(page));
        Assert.That(get_pfnblock_migratetype(Kernel, block), Is.EqualTo(MIGRATE_UNMOVABLE));
        Assert.That(zone.nr_free_pages_blocks, Is.LessThan(zone.nr_free_pages));
        __free_page(page);
    });

    [Test]
    public void A_large_atomic_request_reserves_a_block_that_others_do_not_get()
    {
        Linux.Kernel kernel = Boot(1UL << 30, 1, new KernelConfig(), new NoneStrategy());
        Run(kernel, () =>
        {
            // Only the slow path asks for the reserve: make the fast path fail by taking memory down to the low watermark.
            zone zone = kernel.node_zones[1];
            List<page> pages = [];
            while (nr_free_pages(kernel) > low_wmark_pages(zone) + zone.lowmem_reserve.Max() + 64)
            {
                page page = alloc_pages(GFP_HIGHUSER_MOVABLE | __GFP_NORETRY | __GFP_NOWARN, 4);
                if (page.IS_NULL)
                    break;
                pages.Add(page);
            }

            List<page> atomic = [];
            for (int i = 0; i < 50 && zone.nr_reserved_highatomic == 0; i++)
                atomic.Add(alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 3));
            Assert.That(zone.nr_reserved_highatomic, Is.EqualTo((long)pageblock_nr_pages));
            kernel.CheckInvariants();
            foreach (page page in atomic.Where(p => !p.IS_NULL))
                __free_pages(page, 3);
            foreach (page page in pages)
                __free_pages(page, 4);
            drain_all_pages(kernel);
            kernel.CheckInvariants();
        });
    }

    [Test]
    public void Cma_blocks_serve_movable_memory_only()
    {
        Linux.Kernel kernel = Boot(64UL << 20, 1, new KernelConfig { cma = 8192 }, new NoneStrategy());
        Run(kernel, () =>
        {
            List<page> unmovable = [], movable = [];
            for (page page = alloc_page(GFP_KERNEL | __GFP_NOWARN); !page.IS_NULL; page = alloc_page(GFP_KERNEL | __GFP_NOWARN))
                unmovable.Add(page);
            Assert.That(unmovable.Select(get_pageblock_migratetype), Has.None.EqualTo(MIGRATE_CMA));
            for (page page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN); !page.IS_NULL; page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN))
                movable.Add(page);
            Assert.That(movable.Count(p => get_pageblock_migratetype(p) == MIGRATE_CMA), Is.GreaterThan(7000));
            kernel.CheckInvariants();
            foreach (page page in unmovable.Concat(movable))
                __free_page(page);
        });
    }

    [Test]
    public void Every_order_and_type_has_its_own_list()
    {
        HashSet<int> seen = [];
        for (int order = 0; order <= PAGE_ALLOC_COSTLY_ORDER; order++)
        {
            for (int type = 0; type < MIGRATE_PCPTYPES; type++)
            {
                Assert.That(seen.Add(order_to_pindex(type, order)), Is.True);
                Assert.That(pindex_to_order(order_to_pindex(type, order)), Is.EqualTo(order));
            }
        }

        Assert.That(seen.Add(order_to_pindex(MIGRATE_MOVABLE, HPAGE_PMD_ORDER)), Is.True);
        Assert.That(seen.Add(order_to_pindex(MIGRATE_UNMOVABLE, HPAGE_PMD_ORDER)), Is.True);
        Assert.That(order_to_pindex(MIGRATE_RECLAIMABLE, HPAGE_PMD_ORDER), Is.EqualTo(order_to_pindex(MIGRATE_UNMOVABLE, HPAGE_PMD_ORDER)));
        Assert.That(seen, Has.Count.EqualTo(NR_PCP_LISTS));
    }

    [Test]
    public void Per_cpu_lists_give_back_beyond_their_high_mark() => Run(() =>
    {
        zone zone = Kernel.node_zones[1];
        List<page> pages = [];
        for (int i = 0; i < 20000; i++)
            pages.Add(alloc_page(GFP_KERNEL));
        foreach (page page in pages)
            __free_page(page);
        per_cpu_pages pcp = zone.per_cpu_pageset[current.cpu];
        Assert.That(pcp.count, Is.LessThanOrEqualTo(pcp.high));
        Assert.That(pcp.count, Is.GreaterThan(0));
        drain_all_pages(Kernel);
        Assert.That(pcp.count, Is.Zero);
    });

    [Test]
    public void A_double_free_is_reported_and_contained() => Run(() =>
    {
        page page = alloc_page(GFP_KERNEL);
        page.Frame->mapping = 8;
        __free_page(page);
        Assert.That(Kernel.TakeWarnings().Single(), Does.Contain("Bad page state").And.Contains("non-NULL mapping"));
        page.Frame->mapping = 0;
        free_frozen_pages(page, 0);
        Kernel.CheckInvariants();
    });

    [Test]
    public void A_page_out_of_the_direct_map_must_not_reach_the_allocator() => Run(() =>
    {
        folio folio = folio_alloc(GFP_KERNEL, 0);
        Assert.That(folio_zap_direct_map(folio), Is.Zero);
        page page = folio.page;
        folio_put(folio);
        Assert.That(Kernel.CheckInvariants, Throws.TypeOf<KernelOops>().With.Message.Contains("not in the direct map"));
        Assert.That(set_direct_map_valid_noflush(page_address(page), 1, true), Is.Zero);
        Rebase(Kernel);
    });

    [Test]
    public void Parallel_use_loses_nothing() => Kernel.RunTasks([.. Enumerable.Range(0, 4).Select(seed => (Action)(() =>
    {
        Random random = new(seed);
        List<(page Page, int Order)> live = [];
        for (int i = 0; i < 5000; i++)
        {
            if (live.Count < 50 || random.Next(2) == 0)
            {
                int order = random.Next(5);
                page page = alloc_pages(Types[random.Next(3)] | __GFP_NOWARN, order);
                if (!page.IS_NULL)
                    live.Add((page, order));
            }
            else
            {
                (page page, int order) = live[^1];
                live.RemoveAt(live.Count - 1);
                __free_pages(page, order);
            }

            if (i % 1000 == 0)
                drain_all_pages(Kernel);
            if (i % 64 == 0)
                SchedH.cond_resched();
        }

        foreach ((page page, int order) in live)
            __free_pages(page, order);
    }))]);

    [Test]
    public void Injected_failures_return_null_and_nofail_ignores_them() => Run(() =>
    {
        Kernel.Failures = new FailureInjector();
        Kernel.Failures.FailWhen("fail_page_alloc", _ => true);
        Assert.That(alloc_page(GFP_KERNEL).IS_NULL, Is.True);
        page page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
        Assert.That(page.IS_NULL, Is.False);
        __free_page(page);
    });

    [Test]
    public void Init_on_free_scrubs_before_anybody_else_sees_the_page()
    {
        Linux.Kernel kernel = Boot(64UL << 20, 1, new KernelConfig { init_on_free = true }, new NoneStrategy());
        Run(kernel, () =>
        {
            page page = alloc_page(GFP_KERNEL);
            memcpy_to_page(page, 100, [1, 2, 3]);
            ulong phys = page_to_phys(page);
            __free_page(page);
            Assert.That(new ReadOnlySpan<byte>(kernel.machine.Memory.Host(phys), 4096).ToArray(), Is.All.Zero);
        });
    }

    [Test]
    public void Alloc_and_free_make_no_garbage() => Run(() =>
    {
        for (int i = 0; i < 1000; i++)
            __free_page(alloc_page(GFP_KERNEL));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
            __free_page(alloc_page(GFP_KERNEL));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    });

    // Deferred and reserved memory aside, nothing is left below the highest order that could merge.
    private void ExpectFullyMerged()
    {
        foreach (zone zone in Kernel.node_zones)
        {
            for (int order = 0; order < MAX_PAGE_ORDER; order++)
                Assert.That(zone.free_area[order].nr_free, Is.LessThanOrEqualTo(2UL), $"{zone} order {order}");
        }
    }
}
