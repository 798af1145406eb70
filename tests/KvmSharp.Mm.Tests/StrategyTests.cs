// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Mm.Tests;

/// <summary>What each design does to the folios of a file without direct map.</summary>
[TestFixture]
internal sealed unsafe class StrategyTests : MmTest
{
    private static DirectMapStrategy[] Strategies => [new NoneStrategy(), new V12Strategy(), new FilemapStrategy()];

    [TestCaseSource(nameof(Strategies))]
    public void Residency_and_direct_map_agree_at_every_step(DirectMapStrategy strategy)
    {
        Linux.Kernel kernel = Boot(256UL << 20, 2, new KernelConfig(), strategy);
        FakeArch arch = Arch;
        Run(kernel, () =>
        {
            address_space mapping = NewGmem(kernel);
            inode inode = mapping.host;
            folio folio = filemap_grab_folio(mapping, 4);
            bool cacheZaps = strategy is FilemapStrategy;
            Assert.That(kernel_page_present(folio.page), Is.EqualTo(!cacheZaps));
            strategy.Clear(mapping, folio);
            Assert.That(folio_test_uptodate(folio), Is.True);
            Assert.That(strategy.GmemHandOut(inode, folio), Is.Zero);
            Assert.That(kernel_page_present(folio.page), Is.EqualTo(strategy is NoneStrategy));
            Assert.That(kernel.machine.Exposure.Page(folio_pfn(folio)).Protected, Is.True);

            // Handing it out again costs nothing.
            long flushes = arch.Flushes;
            Assert.That(strategy.GmemHandOut(inode, folio), Is.Zero);
            Assert.That(arch.Flushes, Is.EqualTo(flushes));
            folio_unlock(folio);
            page page = folio.page;
            folio_put(folio);

            truncate_inode_pages(mapping, 0);
            Assert.That(kernel_page_present(page), Is.True);
            Assert.That(kernel.machine.Exposure.Page(page_to_pfn(page)).Protected, Is.False);
            FilemapTests.Drop(mapping);
            ExposureVerdict verdict = kernel.machine.Exposure.Verdict();
            Assert.That(verdict.PagesProtected, Is.EqualTo(1));
            Assert.That(verdict.Violations, Is.Zero);
            Assert.That(verdict.Clean, Is.EqualTo(strategy is not NoneStrategy));
        });
        Rebase(kernel);
    }

    [Test]
    public void V12_keeps_its_bit_and_other_bits_of_private_apart() => WithStrategy(new V12Strategy(), (kernel, strategy) =>
    {
        address_space mapping = NewGmem(kernel);
        folio folio = filemap_grab_folio(mapping, 0);
        folio.@private = 0x10;
        Assert.That(strategy.GmemHandOut(mapping.host, folio), Is.Zero);
        Assert.That(folio.@private, Is.EqualTo(0x10 | V12Strategy.KVM_GMEM_FOLIO_NO_DIRECT_MAP));
        strategy.GmemFree(folio);
        Assert.That(folio.@private, Is.EqualTo(0x10UL));
        Assert.That(kernel_page_present(folio.page), Is.True);
        folio_unlock(folio);
        folio_put(folio);
        FilemapTests.Drop(mapping);
    });

    [Test]
    public void V12_records_nothing_when_the_zap_fails_and_can_try_again() => WithStrategy(new V12Strategy(), (kernel, strategy) =>
    {
        address_space mapping = NewGmem(kernel);
        folio folio = filemap_grab_folio(mapping, 0);
        kernel.Failures = new FailureInjector();
        kernel.Failures.FailWhen("fail_page_alloc", _ => true);
        Assert.That(strategy.GmemHandOut(mapping.host, folio), Is.EqualTo(-ENOMEM));
        Assert.That(folio.@private, Is.Zero);
        Assert.That(kernel_page_present(folio.page), Is.True);
        kernel.Failures = null;
        Assert.That(strategy.GmemHandOut(mapping.host, folio), Is.Zero);
        Assert.That(kernel_page_present(folio.page), Is.False);
        folio_unlock(folio);
        folio_put(folio);
        FilemapTests.Drop(mapping);
    });

    [Test]
    public void A_file_that_did_not_ask_stays_in_the_direct_map() => WithStrategy(new V12Strategy(), (kernel, strategy) =>
    {
        address_space mapping = FilemapTests.NewMapping(kernel);
        folio folio = filemap_grab_folio(mapping, 0);
        Assert.That(strategy.GmemHandOut(mapping.host, folio), Is.Zero);
        Assert.That(kernel_page_present(folio.page), Is.True);
        Assert.That(folio.@private, Is.Zero);
        folio_unlock(folio);
        folio_put(folio);
        FilemapTests.Drop(mapping);
    });

    [Test]
    public void Filemap_undoes_the_zap_before_the_loser_of_a_race_is_put() => WithStrategy(new FilemapStrategy(), (kernel, strategy) =>
    {
        address_space mapping = NewGmem(kernel);
        folio winner = filemap_grab_folio(mapping, 0), loser = folio_alloc(GFP_KERNEL, 0);
        Assert.That(filemap_add_folio(mapping, loser, 0, GFP_KERNEL), Is.EqualTo(-EEXIST));
        Assert.That(kernel_page_present(loser.page), Is.True);
        Assert.That(kernel_page_present(winner.page), Is.False);
        folio_put(loser);
        folio_unlock(winner);
        folio_put(winner);
        FilemapTests.Drop(mapping);
    });

    [Test]
    public void Filemap_says_no_when_the_zap_fails() => WithStrategy(new FilemapStrategy(), (kernel, strategy) =>
    {
        address_space mapping = NewGmem(kernel);
        for (int n = 1; n < 12; n++)
        {
            kernel.Failures = new FailureInjector();
            kernel.Failures.FailNth("fail_page_alloc", n);
            for (ulong i = 0; i < 4; i++)
            {
                folio folio = filemap_grab_folio(mapping, (i * 1000) + (ulong)n);
                if (IS_ERR(folio))
                {
                    Assert.That(PTR_ERR(folio), Is.EqualTo(-ENOMEM));
                    continue;
                }

                Assert.That(kernel_page_present(folio.page), Is.False);
                folio_unlock(folio);
                folio_put(folio);
            }

            kernel.Failures = null;
            kernel.CheckInvariants();
        }

        FilemapTests.Drop(mapping);
    });

    [Test]
    public void Filemap_scrubs_at_both_ends() => WithStrategy(new FilemapStrategy(), (kernel, strategy) =>
    {
        address_space mapping = NewGmem(kernel);
        folio folio = filemap_grab_folio(mapping, 0);
        byte* host = kernel.machine.Memory.Host(folio_pfn(folio) << 12);
        Assert.That(new ReadOnlySpan<byte>(host, 4096).ToArray(), Is.All.Zero);
        host[5] = 0x55;
        strategy.Clear(mapping, folio);
        Assert.That(host[5], Is.Zero);
        host[5] = 0x55;
        folio_unlock(folio);
        folio_put(folio);
        FilemapTests.Drop(mapping);
        Assert.That(host[5], Is.Zero);
    });

    [Test]
    public void Every_way_out_of_the_cache_restores([Values] bool batch) => WithStrategy(new FilemapStrategy(), (kernel, strategy) =>
    {
        address_space mapping = NewGmem(kernel);
        List<page> pages = [];
        for (ulong i = 0; i < 40; i++)
        {
            folio folio = filemap_grab_folio(mapping, i);
            pages.Add(folio.page);
            folio_unlock(folio);
            folio_put(folio);
        }

        if (batch)
        {
            truncate_inode_pages(mapping, 0);
        }
        else
        {
            // Replacement, then removal one by one, then reclaim.
            folio old = filemap_lock_folio(mapping, 0), @new = folio_alloc(GFP_KERNEL, 0);
            __folio_set_locked(@new);
            Assert.That(replace_page_cache_folio(old, @new), Is.Zero);
            Assert.That(kernel_page_present(old.page), Is.True);
            Assert.That(kernel_page_present(@new.page), Is.False);
            folio_unlock(old);
            folio_put(old);
            folio_unlock(@new);
            folio_put(@new);
            lru_add_drain_all();
            folio reclaimed = filemap_lock_folio(mapping, 1);
            Assert.That(mapping_evict_folio(mapping, reclaimed), Is.EqualTo(1));
            Assert.That(kernel_page_present(reclaimed.page), Is.True);
            folio_unlock(reclaimed);
            folio_put(reclaimed);
            for (ulong i = 0; i < 40; i++)
            {
                if (i == 1)
                    continue;
                folio folio = filemap_lock_folio(mapping, i);
                filemap_remove_folio(folio);
                folio_unlock(folio);
                folio_put(folio);
            }
        }

        Assert.That(pages.Where(p => !kernel_page_present(p)), Is.Empty);
        FilemapTests.Drop(mapping);
    });

    private static address_space NewGmem(Linux.Kernel kernel)
    {
        address_space mapping = FilemapTests.NewMapping(kernel);
        mapping_set_no_direct_map(mapping);
        mapping.a_ops = new address_space_operations { free_folio = kernel.direct_map.GmemFree, dirty_folio = noop_dirty_folio };
        return mapping;
    }

    private void WithStrategy(DirectMapStrategy strategy, Action<Linux.Kernel, DirectMapStrategy> body)
    {
        Linux.Kernel kernel = Boot(256UL << 20, 2, new KernelConfig(), strategy);
        Run(kernel, () =>
        {
            body(kernel, strategy);
            lru_add_drain_all();
            kernel.CheckInvariants();
        });
        Rebase(kernel);
    }
}
