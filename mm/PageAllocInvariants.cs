// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>What must be true of free memory whenever no task is inside the allocator. Slow: it looks at every free chunk.</summary>
[ContextUnsafe("runs while nothing else does")]
internal static unsafe class PageAllocInvariants
{
    internal static void Check(Kernel kernel)
    {
        List<(ulong Start, ulong End)> absent = AbsentFromDirectMap(kernel);
        foreach (zone zone in kernel.node_zones)
        {
            CheckBuddy(kernel, zone, absent);
            CheckPcp(kernel, zone, absent);
        }
    }

    private static void CheckBuddy(Kernel kernel, zone zone, List<(ulong Start, ulong End)> absent)
    {
        long free = 0, blocks = 0, cma = 0, highatomic = 0;
        for (int order = 0; order < NR_PAGE_ORDERS; order++)
        {
            ulong count = 0;
            for (int type = 0; type < MIGRATE_TYPES; type++)
            {
                PageList* list = free_area.free_list(&zone.free_area[order], type);
                for (PageFrame* frame = PageList.FirstOrNull(list); frame != null; frame = PageList.Next(list, frame))
                {
                    ulong pfn = page_to_pfn(new page(frame));
                    long nr = 1L << order;
                    count++;
                    Expect((pfn & ((1UL << order) - 1)) == 0, zone, pfn, order, "is not aligned to its order");
                    Expect(zone_spans_pfn(zone, pfn) && zone_spans_pfn(zone, pfn + (ulong)nr - 1), zone, pfn, order, "is not in the zone");
                    Expect(PageBuddy(new page(frame)) && buddy_order(new page(frame)) == order, zone, pfn, order, "is not marked as a free chunk of this order");
                    Expect(frame->_refcount == 0, zone, pfn, order, "is referenced");
                    for (ulong block = pfn; block < pfn + (ulong)nr; block += pageblock_nr_pages)
                    {
                        int labelled = PageAlloc.get_pfnblock_migratetype(kernel, block);
                        Expect(labelled == type, zone, pfn, order, $"is on the {migratetype_names[type]} list, its block is {migratetype_names[labelled]}");
                    }

                    page buddy = order < MAX_PAGE_ORDER ? find_buddy_page_pfn(new page(frame), pfn, order, out _) : default;
                    Expect(
                        buddy.IS_NULL || (order >= pageblock_order && PageAlloc.get_pageblock_migratetype(buddy) != type &&
                            !(migratetype_is_mergeable(type) && migratetype_is_mergeable(PageAlloc.get_pageblock_migratetype(buddy)))),
                        zone, pfn, order, "has a free buddy that it did not merge with");
                    ExpectMapped(zone, pfn, order, absent);
                    if (is_migrate_isolate(type))
                        continue;
                    free += nr;
                    if (order >= pageblock_order)
                        blocks += nr;
                    if (is_migrate_cma(type))
                        cma += nr;
                    if (is_migrate_highatomic(type))
                        highatomic += nr;
                }
            }

            Expect(count == zone.free_area[order].nr_free, zone, $"nr_free of order {order} is {zone.free_area[order].nr_free}, the lists hold {count}");
        }

        Expect(free == zone.nr_free_pages, zone, $"NR_FREE_PAGES is {zone.nr_free_pages}, the lists hold {free}");
        Expect(blocks == zone.nr_free_pages_blocks, zone, $"NR_FREE_PAGES_BLOCKS is {zone.nr_free_pages_blocks}, the lists hold {blocks}");
        Expect(cma == zone.nr_free_cma_pages, zone, $"NR_FREE_CMA_PAGES is {zone.nr_free_cma_pages}, the lists hold {cma}");
        Expect(highatomic == zone.nr_free_highatomic, zone, $"nr_free_highatomic is {zone.nr_free_highatomic}, the lists hold {highatomic}");
    }

    private static void CheckPcp(Kernel kernel, zone zone, List<(ulong Start, ulong End)> absent)
    {
        for (int cpu = 0; cpu < kernel.nr_cpu_ids; cpu++)
        {
            per_cpu_pages pcp = zone.per_cpu_pageset[cpu];
            long count = 0;
            for (int i = 0; i < NR_PCP_LISTS; i++)
            {
                int order = PageAlloc.pindex_to_order(i);
                for (PageFrame* frame = PageList.FirstOrNull(&pcp.lists[i]); frame != null; frame = PageList.Next(&pcp.lists[i], frame))
                {
                    ulong pfn = page_to_pfn(new page(frame));
                    count += 1L << order;
                    Expect(!PageBuddy(new page(frame)) && frame->_refcount == 0, zone, pfn, order, $"is on a list of CPU {cpu} and in use");
                    ExpectMapped(zone, pfn, order, absent);
                }
            }

            Expect(count == pcp.count, zone, $"CPU {cpu} counts {pcp.count} pages, its lists hold {count}");
        }
    }

    // I1: whatever the allocator can hand out can be reached.
    private static void ExpectMapped(zone zone, ulong pfn, int order, List<(ulong Start, ulong End)> absent)
    {
        int at = absent.BinarySearch((pfn, ulong.MaxValue));
        at = at < 0 ? ~at : at;
        ulong end = pfn + (1UL << order);
        bool overlaps = (at > 0 && absent[at - 1].End > pfn) || (at < absent.Count && absent[at].Start < end);
        Expect(!overlaps, zone, pfn, order, "is free and not in the direct map");
    }

    private static List<(ulong Start, ulong End)> AbsentFromDirectMap(Kernel kernel)
    {
        var runs = new List<(ulong Start, ulong End)>();
        kernel.arch.WalkDirectMap(kernel, (address, level, present, writable) =>
        {
            if (present && writable)
                return;
            ulong start = (address - kernel.PhysicalToDirectMap) >> PAGE_SHIFT;
            ulong end = start + (1UL << (9 * (level - 1)));
            if (runs.Count != 0 && runs[^1].End == start)
                runs[^1] = (runs[^1].Start, end);
            else
                runs.Add((start, end));
        });
        return runs;
    }

    private static void Expect(bool holds, zone zone, ulong pfn, int order, string what)
    {
        if (!holds)
            throw new KernelOops($"zone {zone}: the chunk at pfn 0x{pfn:x} of order {order} {what}");
    }

    private static void Expect(bool holds, zone zone, string what)
    {
        if (!holds)
            throw new KernelOops($"zone {zone}: {what}");
    }
}
