// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Mm.Tests;

[TestFixture]
internal sealed unsafe class FilemapTests : MmTest
{
    protected override int Cpus => 4;

    [Test]
    public void A_folio_is_found_where_it_was_added() => Run(() =>
    {
        address_space mapping = NewMapping(Kernel);
        folio folio = filemap_grab_folio(mapping, 7);
        Assert.That(IS_ERR(folio), Is.False);
        Assert.That(folio_test_locked(folio), Is.True);
        Assert.That(folio.index, Is.EqualTo(7UL));
        Assert.That(folio_mapping(folio), Is.SameAs(mapping));
        Assert.That(mapping.nrpages, Is.EqualTo(1UL));

        // The caller, the cache, and the queue to the LRU.
        Assert.That(folio_ref_count(folio), Is.EqualTo(3));
        folio_unlock(folio);
        folio again = filemap_get_folio(mapping, 7);
        Assert.That(again, Is.EqualTo(folio));
        folio_put(again);
        folio_put(folio);
        lru_add_drain();
        Assert.That(folio_ref_count(folio), Is.EqualTo(1));
        Assert.That(folio_test_lru(folio), Is.True);
        Assert.That(PTR_ERR(filemap_get_folio(mapping, 8)), Is.EqualTo(-ENOENT));
        Drop(mapping);
    });

    [Test]
    public void A_second_insertion_says_EEXIST_and_leaves_the_loser_to_its_owner() => Run(() =>
    {
        address_space mapping = NewMapping(Kernel);
        folio winner = filemap_grab_folio(mapping, 3);
        folio loser = folio_alloc(GFP_KERNEL, 0);
        Assert.That(filemap_add_folio(mapping, loser, 3, GFP_KERNEL), Is.EqualTo(-EEXIST));
        Assert.That(folio_test_locked(loser), Is.False);
        Assert.That(folio_ref_count(loser), Is.EqualTo(1));
        Assert.That(folio_mapping(loser), Is.Null);
        folio_put(loser);
        folio_unlock(winner);
        folio_put(winner);
        Drop(mapping);
    });

    [Test]
    public void Nowait_turns_memory_and_lock_troubles_into_EAGAIN() => Run(() =>
    {
        address_space mapping = NewMapping(Kernel);
        folio folio = filemap_grab_folio(mapping, 0);
        Assert.That(PTR_ERR(__filemap_get_folio(mapping, 0, FGP_LOCK | FGP_NOWAIT, 0)), Is.EqualTo(-EAGAIN));
        folio_unlock(folio);
        folio_put(folio);
        Kernel.Failures = new FailureInjector();
        Kernel.Failures.FailWhen("fail_page_alloc", _ => true);
        Assert.That(PTR_ERR(__filemap_get_folio(mapping, 1, FGP_LOCK | FGP_CREAT | FGP_NOWAIT, GFP_KERNEL)), Is.EqualTo(-EAGAIN));
        Assert.That(PTR_ERR(__filemap_get_folio(mapping, 1, FGP_LOCK | FGP_CREAT, GFP_KERNEL)), Is.EqualTo(-ENOMEM));
        Kernel.Failures = null;
        Drop(mapping);
    });

    [Test]
    public void The_cache_agrees_with_a_dictionary_over_random_use([Values(1, 2, 3)] int seed) => Run(() =>
    {
        Random random = new(seed);
        address_space mapping = NewMapping(Kernel);
        SortedDictionary<ulong, ulong> reference = [];
        for (int step = 0; step < 3000; step++)
        {
            ulong index = random.Next(4) == 0 ? (ulong)random.Next(1 << 20) : (ulong)random.Next(200);
            switch (random.Next(8))
            {
                case 0 or 1 or 2 or 3:
                    folio folio = filemap_grab_folio(mapping, index);
                    ulong pfn = folio_pfn(folio);
                    Assert.That(reference.TryAdd(index, pfn) || reference[index] == pfn, Is.True);
                    folio_unlock(folio);
                    folio_put(folio);
                    break;
                case 4:
                    folio found = filemap_get_folio(mapping, index);
                    Assert.That(IS_ERR(found), Is.EqualTo(!reference.ContainsKey(index)));
                    if (!IS_ERR(found))
                        folio_put(found);
                    break;
                case 5:
                    ulong last = index + (ulong)random.Next(50);
                    truncate_inode_pages_range(mapping, (long)(index << 12), (long)(last << 12) - 1);
                    foreach (ulong gone in reference.Keys.Where(k => k >= index && k < last).ToList())
                        reference.Remove(gone);
                    break;
                case 6:
                    Assert.That(
                        filemap_range_has_page(mapping, (long)(index << 12), (long)((index + 10) << 12)),
                        Is.EqualTo(reference.Keys.Any(k => k >= index && k <= index + 10)));
                    break;
                default:
                    ulong start = index;
                    folio_batch_init(out folio_batch batch);
                    int n = filemap_get_folios(mapping, ref start, ulong.MaxValue, ref batch);
                    ulong[] expected = [.. reference.Keys.Where(k => k >= index).Take(PAGEVEC_SIZE)];
                    Assert.That(n, Is.EqualTo(expected.Length));
                    for (int i = 0; i < n; i++)
                        Assert.That(batch.folios[i].index, Is.EqualTo(expected[i]));
                    folios_put(ref batch);
                    break;
            }

            Assert.That(mapping.nrpages, Is.EqualTo((ulong)reference.Count));
        }

        Assert.That(global_node_page_state(Kernel, node_stat_item.NR_FILE_PAGES), Is.EqualTo(reference.Count));
        Drop(mapping);
        Assert.That(global_node_page_state(Kernel, node_stat_item.NR_FILE_PAGES), Is.Zero);
    });

    [Test]
    public void Truncation_zeroes_the_parts_of_pages_at_its_ends() => Run(() =>
    {
        address_space mapping = NewMapping(Kernel);
        byte[] ones = new byte[4096];
        ones.AsSpan().Fill(1);
        for (ulong i = 0; i < 4; i++)
        {
            folio folio = filemap_grab_folio(mapping, i);
            memcpy_to_folio(folio, 0, ones);
            folio_unlock(folio);
            folio_put(folio);
        }

        truncate_inode_pages_range(mapping, 100, (3 * 4096) + 99);
        Assert.That(mapping.nrpages, Is.EqualTo(2UL));
        byte[] contents = new byte[4096];
        folio first = filemap_get_folio(mapping, 0);
        memcpy_from_folio(contents, first, 0);
        Assert.That(contents.Take(100), Is.All.EqualTo(1));
        Assert.That(contents.Skip(100), Is.All.Zero);
        folio_put(first);
        folio last = filemap_get_folio(mapping, 3);
        memcpy_from_folio(contents, last, 0);
        Assert.That(contents.Take(100), Is.All.Zero);
        Assert.That(contents.Skip(100), Is.All.EqualTo(1));
        folio_put(last);
        Drop(mapping);
    });

    [Test]
    public void Contents_that_are_inaccessible_are_not_zeroed_by_a_partial_truncation() => Run(() =>
    {
        address_space mapping = NewMapping(Kernel);
        mapping_set_inaccessible(mapping);
        folio folio = filemap_grab_folio(mapping, 0);
        memcpy_to_folio(folio, 200, [9]);
        folio_unlock(folio);
        truncate_inode_pages_range(mapping, 100, 4094);
        byte[] one = new byte[1];
        memcpy_from_folio(one, folio, 200);
        Assert.That(one[0], Is.EqualTo(9));
        folio_put(folio);
        Drop(mapping);
    });

    [Test]
    public void Truncation_waits_for_a_locked_folio()
    {
        address_space mapping = null!;
        folio held = default;
        using ManualResetEventSlim locked = new(), go = new();
        Run(() => mapping = NewMapping(Kernel));
        Kernel.RunTasks(
            () =>
            {
                held = filemap_grab_folio(mapping, 5);
                locked.Set();
                while (!folio_test_waiters(held))
                    SchedH.cond_resched();
                Assert.That(folio_mapping(held), Is.SameAs(mapping));
                folio_unlock(held);
                folio_put(held);
            },
            () =>
            {
                while (!locked.IsSet)
                    SchedH.cond_resched();
                truncate_inode_pages(mapping, 0);
                Assert.That(mapping.nrpages, Is.Zero);
            });
        Run(() => Drop(mapping));
    }

    [Test]
    public void The_folio_lock_excludes_and_wakes_everybody()
    {
        folio folio = default;
        Run(() => folio = folio_alloc(GFP_KERNEL, 0));
        long counter = 0;
        Kernel.RunTasks([.. Enumerable.Range(0, 8).Select(_ => (Action)(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                folio_lock(folio);
                long seen = counter;
                if (i % 50 == 0)
                    SchedH.cond_resched();
                counter = seen + 1;
                folio_unlock(folio);
            }
        }))]);
        Assert.That(counter, Is.EqualTo(16000));
        Run(() =>
        {
            Assert.That(folio_test_locked(folio), Is.False);
            folio_put(folio);
        });
    }

    [Test]
    public void Unlocking_an_unlocked_folio_is_a_bug() => Run(() =>
    {
        folio folio = folio_alloc(GFP_KERNEL, 0);
        Assert.That(() => folio_unlock(folio), Throws.TypeOf<KernelOops>());
        folio_put(folio);
    });

    [Test]
    public void Racing_faults_agree_on_one_folio_and_truncation_ends_it()
    {
        address_space mapping = null!;
        Run(() => mapping = NewMapping(Kernel));
        Kernel.RunTasks([.. Enumerable.Range(0, 6).Select(task => (Action)(() =>
        {
            Random random = new(task);
            for (int i = 0; i < 1500; i++)
            {
                ulong index = (ulong)random.Next(40);
                if (task == 0 && i % 10 == 0)
                {
                    truncate_inode_pages_range(mapping, (long)index << 12, (long)((index + 20) << 12) - 1);
                    continue;
                }

                folio folio = filemap_grab_folio(mapping, index);
                Assert.That(IS_ERR(folio), Is.False);
                Assert.That(folio_mapping(folio), Is.SameAs(mapping));
                Assert.That(folio.index, Is.EqualTo(index));
                folio_unlock(folio);
                folio_put(folio);
                SchedH.cond_resched();
            }
        }))]);
        Run(() => Drop(mapping));
    }

    [Test]
    public void Every_allocation_may_fail_and_nothing_is_left_behind()
    {
        Run(() =>
        {
            address_space mapping = NewMapping(Kernel);
            for (int n = 1; n < 40; n++)
            {
                foreach (string point in new[] { "fail_page_alloc", "xas_alloc", "xas_nomem" })
                {
                    Kernel.Failures = new FailureInjector();
                    Kernel.Failures.FailNth(point, n);
                    int failures = 0;
                    for (ulong i = 0; i < 30; i++)
                    {
                        folio folio = filemap_grab_folio(mapping, i * 777);
                        if (IS_ERR(folio))
                        {
                            Assert.That(PTR_ERR(folio), Is.EqualTo(-ENOMEM));
                            failures++;
                            continue;
                        }

                        folio_unlock(folio);
                        folio_put(folio);
                    }

                    Assert.That(mapping.nrpages, Is.EqualTo((ulong)(30 - failures)));
                    Kernel.Failures = null;
                    truncate_inode_pages(mapping, 0);
                    Kernel.CheckInvariants();
                }
            }

            Drop(mapping);
        });
    }

    [Test]
    public void Clean_unused_folios_can_be_invalidated_and_others_cannot() => Run(() =>
    {
        address_space mapping = NewMapping(Kernel);
        for (ulong i = 0; i < 10; i++)
        {
            folio folio = filemap_grab_folio(mapping, i);
            if (i == 3)
                folio_mark_dirty(folio);
            folio_unlock(folio);
            folio_put(folio);
        }

        lru_add_drain();
        folio used = filemap_get_folio(mapping, 5);
        Assert.That(invalidate_mapping_pages(mapping, 0, ulong.MaxValue), Is.EqualTo(8UL));
        Assert.That(mapping.nrpages, Is.EqualTo(2UL));
        folio_put(used);
        Drop(mapping);
    });

    [Test]
    public void Unevictable_folios_are_counted_and_not_invalidated() => Run(() =>
    {
        address_space mapping = NewMapping(Kernel);
        mapping_set_unevictable(mapping);
        folio folio = filemap_grab_folio(mapping, 0);
        folio_unlock(folio);
        folio_put(folio);
        lru_add_drain_all();
        Assert.That(folio_test_unevictable(folio), Is.True);
        Assert.That(global_node_page_state(Kernel, node_stat_item.NR_UNEVICTABLE), Is.EqualTo(1));
        Assert.That(invalidate_mapping_pages(mapping, 0, ulong.MaxValue), Is.Zero);
        Drop(mapping);
        Assert.That(global_node_page_state(Kernel, node_stat_item.NR_UNEVICTABLE), Is.Zero);
    });

    [Test]
    public void Draining_reaches_the_queues_of_every_cpu()
    {
        address_space mapping = null!;
        Run(() => mapping = NewMapping(Kernel));
        Kernel.RunTasks([.. Enumerable.Range(0, 4).Select(task => (Action)(() =>
        {
            folio folio = filemap_grab_folio(mapping, (ulong)task);
            folio_unlock(folio);
            folio_put(folio);
        }))]);
        Run(() =>
        {
            lru_add_drain_all();
            for (ulong i = 0; i < 4; i++)
            {
                folio folio = filemap_get_folio(mapping, i);
                Assert.That(folio_ref_count(folio), Is.EqualTo(2));
                folio_put(folio);
            }

            Drop(mapping);
        });
    }

    [Test]
    public void A_large_folio_covers_its_range() => Run(() =>
    {
        address_space mapping = NewMapping(Kernel);
        mapping_set_folio_order_range(mapping, 0, 4);
        folio folio = __filemap_get_folio(mapping, 32, FGP_LOCK | FGP_CREAT | fgf_set_order(65536), GFP_KERNEL);
        Assert.That(folio_nr_pages(folio), Is.EqualTo(16));
        Assert.That(mapping.nrpages, Is.EqualTo(16UL));
        folio_unlock(folio);
        folio middle = filemap_lock_folio(mapping, 40);
        Assert.That(middle, Is.EqualTo(folio));
        Assert.That(page_to_pfn(folio_file_page(middle, 40)), Is.EqualTo(folio_pfn(folio) + 8));
        folio_unlock(middle);
        folio_put(middle);
        folio_put(folio);
        Drop(mapping);
    });

    [Test]
    public void Add_and_truncate_make_no_garbage() => Run(() =>
    {
        address_space mapping = NewMapping(Kernel);
        Round();
        Round();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Round();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Drop(mapping);

        void Round()
        {
            for (ulong i = 0; i < 500; i++)
            {
                folio folio = filemap_grab_folio(mapping, i);
                folio_unlock(folio);
                folio_put(folio);
            }

            truncate_inode_pages_range(mapping, 0, -1);
        }
    });

    internal static address_space NewMapping(Linux.Kernel kernel)
    {
        inode inode = new(kernel, new super_block { s_type = "test" });
        return inode.i_mapping;
    }

    internal static void Drop(address_space mapping)
    {
        truncate_inode_pages_final(mapping);
        Assert.That(mapping.nrpages, Is.Zero);
        Assert.That(mapping_empty(mapping), Is.True);
        mapping.kernel.mappings.Remove(mapping.Id);
    }
}
