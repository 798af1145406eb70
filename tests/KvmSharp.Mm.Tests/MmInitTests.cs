// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Mm.Tests;

[TestFixture]
internal sealed unsafe class MmInitTests : MmTest
{
    [Test]
    public void A_terabyte_boots_with_a_few_megabytes_and_counts_all_of_it()
    {
        Linux.Kernel kernel = Boot(1UL << 40, 1, new KernelConfig(), new NoneStrategy());
        Run(kernel, () =>
        {
            long pages = (long)(kernel.machine.Memory.TotalBytes >> 12);
            long reserved = kernel.memblock_reserved.Sum(r => (long)(r.Bytes >> 12));
            Assert.That(totalram_pages(kernel), Is.InRange(pages - reserved, pages));
            Assert.That(FreePages(kernel), Is.EqualTo(totalram_pages(kernel)));
            Assert.That(kernel.node_zones[2].nr_deferred_pages, Is.GreaterThan(pages * 9 / 10));
            Assert.That(TouchedFrames(kernel), Is.LessThan(64 << 10), "frames initialised at boot");
            Assert.That(kernel.machine.Memory.ResidentBytes, Is.LessThan(32L << 20));
        });
    }

    [Test]
    public void Zones_grow_section_by_section_as_memory_is_used()
    {
        Linux.Kernel kernel = Boot(64UL << 30, 1, new KernelConfig(), new NoneStrategy());
        Run(kernel, () =>
        {
            zone normal = kernel.node_zones[2];
            ulong start = normal.first_deferred_pfn;
            List<page> pages = [];
            for (int i = 0; i < 300; i++)
                pages.Add(alloc_pages(GFP_HIGHUSER_MOVABLE, MAX_PAGE_ORDER));
            Assert.That(pages, Has.None.EqualTo(default(page)));
            Assert.That(pages.Select(p => page_zone(kernel, p)), Is.All.SameAs(normal));
            Assert.That((normal.first_deferred_pfn - start) / PAGES_PER_SECTION, Is.InRange(8UL, 11UL));
            kernel.CheckInvariants();
            foreach (page page in pages)
                __free_pages(page, MAX_PAGE_ORDER);
        });
    }

    [Test]
    public void All_of_memory_can_be_used_in_the_end() => Run(() =>
    {
        HashSet<ulong> seen = [];
        List<page> pages = [];
        for (page page = Last(); !page.IS_NULL; page = Last())
        {
            pages.Add(page);
            Assert.That(seen.Add(page_to_pfn(page)), Is.True);
        }

        Assert.That(pages, Has.Count.EqualTo(totalram_pages(Kernel)));
        Assert.That(Kernel.node_zones.Sum(z => z.nr_deferred_pages), Is.Zero);
        foreach (PhysicalRange reserved in Kernel.memblock_reserved)
            Assert.That(seen, Has.No.Member(reserved.Start >> 12));
        foreach (page page in pages)
            __free_page(page);

        static page Last() => alloc_page(GFP_KERNEL | gfp_t.__GFP_MEMALLOC | __GFP_NOWARN);
    });

    [TestCase(16UL << 20)]
    [TestCase(20UL << 20)]
    [TestCase(100UL << 20)]
    [TestCase(5UL << 30)]
    public void Every_size_of_machine_boots(ulong bytes)
    {
        Linux.Kernel kernel = Boot(bytes, 1, new KernelConfig(), new NoneStrategy());
        Run(kernel, () =>
        {
            Assert.That(kernel.page_group_by_mobility_disabled, Is.EqualTo(totalram_pages(kernel) < (long)pageblock_nr_pages * MIGRATE_TYPES));
            page page = alloc_page(GFP_KERNEL);
            Assert.That(page.IS_NULL, Is.False);
            __free_page(page);
            kernel.CheckInvariants();
        });
    }

    [Test]
    public void Zone_modifiers_choose_the_zone()
    {
        Linux.Kernel kernel = Boot(8UL << 30, 1, new KernelConfig(), new NoneStrategy());
        Run(kernel, () =>
        {
            foreach ((gfp_t gfp, string zone) in new[] { (GFP_KERNEL, "Normal"), (GFP_KERNEL | gfp_t.__GFP_DMA32, "DMA32"), (GFP_KERNEL | gfp_t.__GFP_DMA, "DMA") })
            {
                page page = alloc_page(gfp);
                Assert.That(page_zone(kernel, page).name, Is.EqualTo(zone));
                __free_page(page);
            }
        });
    }

    [Test]
    public void Low_zones_keep_a_reserve_from_requests_that_could_go_higher()
    {
        Linux.Kernel kernel = Boot(8UL << 30, 1, new KernelConfig(), new NoneStrategy());
        zone dma = kernel.node_zones[0], dma32 = kernel.node_zones[1], normal = kernel.node_zones[2];
        Assert.That(dma.lowmem_reserve, Is.EqualTo(new[] { 0, dma32.managed_pages / 256, (dma32.managed_pages + normal.managed_pages) / 256 }));
        Assert.That(dma32.lowmem_reserve, Is.EqualTo(new[] { 0, 0, normal.managed_pages / 256 }));
        Assert.That(normal.lowmem_reserve, Is.All.Zero);
    }

    [Test]
    public void Watermarks_follow_from_the_size()
    {
        Linux.Kernel kernel = Boot(8UL << 30, 1, new KernelConfig(), new NoneStrategy());
        zone normal = kernel.node_zones[2];
        long kbytes = totalram_pages(kernel) * 4;
        Assert.That(kernel.min_free_kbytes, Is.EqualTo((long)Math.Sqrt(kbytes * 16.0)));
        Assert.That(normal._watermark[1] - normal._watermark[0], Is.EqualTo(normal._watermark[2] - normal._watermark[1]));
        Assert.That(normal._watermark[1] - normal._watermark[0], Is.EqualTo(Math.Max(normal._watermark[0] / 4, normal.managed_pages / 1000)));
        Assert.That(normal.per_cpu_pageset[0].batch, Is.EqualTo(63));
    }

    [Test]
    public void Early_memory_comes_from_behind_the_kernel_and_stays_out_of_the_buddy_system()
    {
        using KvmSharp.Machine.Machine machine = new(new MachineConfig { MemoryBytes = 256UL << 20 });
        using Linux.Kernel kernel = new(machine) { arch = new FakeArch(machine), direct_map = new NoneStrategy() };
        kernel.RunTask(() =>
        {
            setup_arch_memory(kernel);
            ulong first = memblock_phys_alloc(kernel, 4096, 4096), aligned = memblock_phys_alloc(kernel, 4096, 1 << 21);
            Assert.That(first, Is.EqualTo(kernel.kernel_image.End));
            Assert.That(aligned & ((1 << 21) - 1), Is.Zero);
            kernel.arch.paging_init(kernel);
            kernel.arch.cpu_init(kernel, machine.Cpus[0]);
            mm_core_init(kernel);
            foreach (ulong phys in new[] { first, aligned, kernel.kernel_image.Start })
            {
                page page = phys_to_page(kernel, phys);
                Assert.That(folio_test_reserved(new folio(page.Frame)), Is.True);
                Assert.That(page_ref_count(page), Is.EqualTo(1));
            }

            Assert.That(() => memblock_phys_alloc(kernel, 4096, 4096), Throws.TypeOf<KernelOops>());
        });
    }

    [Test]
    public void Two_kernels_do_not_share_frames()
    {
        Linux.Kernel other = Boot(64UL << 20, 1, new KernelConfig(), new NoneStrategy());
        page mine = default, theirs = default;
        Run(() => mine = alloc_page(GFP_KERNEL));
        Run(other, () => theirs = alloc_page(GFP_KERNEL));
        Assert.That(page_kernel(mine), Is.SameAs(Kernel));
        Assert.That(page_kernel(theirs), Is.SameAs(other));
        Run(() => __free_page(mine));
        Run(other, () => __free_page(theirs));
    }

    [Test]
    public void Secret_memory_needs_a_direct_map_that_can_change_and_can_be_switched_off()
    {
        Linux.Kernel off = Boot(64UL << 20, 1, new KernelConfig { secretmem_enable = false }, new NoneStrategy());
        Run(off, () => Assert.That(Secretmem.memfd_secret(0), Is.EqualTo(-ENOSYS)));
        Arch.CanSetDirectMap = false;
        Linux.Kernel rigid = Boot(64UL << 20, 1, new KernelConfig(), new NoneStrategy());
        Arch.CanSetDirectMap = false;
        Run(rigid, () => Assert.That(Secretmem.memfd_secret(0), Is.EqualTo(-ENOSYS)));
    }

    private static long TouchedFrames(Linux.Kernel kernel)
    {
        // Free chunks of the highest order have their first frame touched only.
        long chunks = kernel.node_zones.Sum(z => Enumerable.Range(0, NR_PAGE_ORDERS).Sum(o => (long)z.free_area[o].nr_free));
        return chunks + kernel.memblock_reserved.Sum(r => (long)(r.Bytes >> 12));
    }
}
