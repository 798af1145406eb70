// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Arch.Arm64.Tests;

/// <summary>debug_pagealloc: pages whatever the CPUs can do, and no invalidation by range operations here.</summary>
internal sealed class DebugPageallocTests : Arm64MmTest
{
    protected override Arm64Options Options => new() { DebugPagealloc = true, RodataFull = false };

    protected override CpuFeatures Features => CpuFeatures.ArmDefault & ~CpuFeatures.ArmTlbiRange;

    protected override ulong Memory => GiB;

    [Test]
    public void The_map_is_pages_and_can_change()
    {
        Assert.That(Arch.can_set_direct_map(Kernel), Is.True);
        Assert.That(force_pte_mapping(Arch), Is.True);
        Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(new DirectMapStatistics(1 << 18, 0, 0, 0, 0, 0, 0)));
    }

    [Test]
    public void A_page_leaves_and_returns_without_memory()
    {
        const ulong Free = GiB + (512 * MiB);
        FailAllocation(1, 1000);
        Run(() =>
        {
            page page = pfn_to_page(Kernel, Free >> PAGE_SHIFT);
            __kernel_map_pages(Arch, page, 1, false);
            Assert.That(kernel_page_present(Arch, page), Is.False);
            __kernel_map_pages(Arch, page, 1, true);
            Assert.That(kernel_page_present(Arch, page), Is.True);
        });
    }

    [TestCase(3UL, 3, 0)]
    [TestCase(511UL, 511, 0)]
    [TestCase(512UL, 0, 1)]
    public void Without_range_operations_each_page_takes_one_and_many_become_all(ulong pages, int ranges, int alls)
    {
        EventTotals events = During(() => Arch.flush_tlb_kernel_range(Kernel, Va(GiB), Va(GiB) + (pages << PAGE_SHIFT)));
        Assert.That(events[HwEvent.TlbShootdownRange], Is.EqualTo(ranges));
        Assert.That(events[HwEvent.TlbShootdownAll], Is.EqualTo(alls));
    }
}

/// <summary>A64-1: what else needs a map that can change.</summary>
[TestFixture(true, false)]
[TestFixture(false, true)]
internal sealed class ReasonTests(bool kfence, bool realm) : Arm64MmTest
{
    protected override Arm64Options Options => new() { RodataFull = false, LateKfence = kfence, RealmWorld = realm };

    protected override CpuFeatures Features => CpuFeatures.ArmDefault & ~CpuFeatures.ArmBbml2NoAbort;

    protected override ulong Memory => GiB;

    [Test]
    public void KFENCE_and_realms_have_pages_that_can_change()
    {
        Assert.That(Arch.can_set_direct_map(Kernel), Is.True);
        Assert.That(force_pte_mapping(Arch), Is.True);
        Assert.That(Arch.DirectMap(Kernel).Pages4K, Is.EqualTo(1 << 18));
    }
}

/// <summary>A64-7: the first CPU could split blocks, another one cannot.</summary>
internal sealed class LateCpuTests : Arm64MmTest
{
    protected override Arm64Options Options => new() { LateCpusLackBbml2 = true };

    protected override ulong Memory => GiB;

    private const ulong Late = GiB + (68 * MiB) + (37 * PAGE_SIZE);

    [Test]
    public void The_map_is_repainted_in_pages_before_anybody_changes_it()
    {
        Assert.That(Arch.linear_map_requires_bbml2, Is.True);
        Assert.That(Arch.DirectMap(Kernel), Is.EqualTo(new DirectMapStatistics(1 << 18, 0, 0, 0, 0, 0, 0)));
        Assert.That(pte_cont(Entry(Late)), Is.False);
        FailAllocation(1, 1000);
        Run(() => Assert.That(Zap(Late), Is.Zero));
        Assert.That(Present(Late), Is.False);
    }
}

/// <summary>KPTI: kernel entries are nG, so that the masks of a change overlap.</summary>
internal sealed class KptiTests : Arm64MmTest
{
    protected override Arm64Options Options => new() { Kpti = true };

    /// <summary>Bug 76: set before clear would leave neither valid nor nG.</summary>
    [Test]
    public void Masks_that_overlap_are_cleared_before_they_are_set()
    {
        Run(() =>
        {
            Assert.That(Entry(2 * GiB).val & PTE_NG, Is.Not.Zero);
            Assert.That(Reaches(Page), Is.True);
            Assert.That(Zap(Page), Is.Zero);
            Assert.That(Entry(Page).val & (PTE_VALID | PTE_NG), Is.EqualTo(PTE_NG));
            Assert.That(Reaches(Page), Is.False, "the flush reaches every ASID");
            Assert.That(Restore(Page), Is.Zero);
            Assert.That(Entry(Page).val & (PTE_VALID | PTE_NG), Is.EqualTo(PTE_VALID | PTE_NG));
            Assert.That(Reaches(Page), Is.True);
        });
    }
}

/// <summary>Address-space identifiers.</summary>
internal sealed class AsidTests : Arm64MmTest
{
    // 8-bit identifiers: a rollover is near.
    protected override CpuFeatures Features => CpuFeatures.ArmDefault & ~CpuFeatures.ArmAsid16;

    protected override ulong Memory => GiB;

    [Test]
    public void No_two_address_spaces_of_a_generation_have_the_same_identifier()
    {
        Run(() =>
        {
            var mms = new mm_struct[300];
            for (int i = 0; i < mms.Length; i++)
                mms[i] = Make();
            var seen = new HashSet<ulong>();
            ulong generation = Arch.asid_generation;
            long flushes = Arch.this_cpu().Events[HwEvent.TlbFlushLocalAll];
            foreach (mm_struct mm in mms)
            {
                Switch(mm);
                if (Arch.asid_generation != generation)
                {
                    generation = Arch.asid_generation;
                    seen.Clear();
                }

                Assert.That(Context(mm).id >> Arm64Context.ASID_SHIFT << Arm64Context.ASID_SHIFT, Is.EqualTo(generation));
                Assert.That(seen.Add(Context(mm).id), Is.True);
                Assert.That(Arch.this_cpu().Asid, Is.EqualTo((uint)(Context(mm).id & Arm64Context.ASID_MASK)));
                Assert.That(Arch.this_cpu().Asid, Is.Not.Zero);
            }

            Assert.That(Arch.asid_generation, Is.EqualTo(2UL << Arm64Context.ASID_SHIFT));
            Assert.That(Arch.this_cpu().Events[HwEvent.TlbFlushLocalAll] - flushes, Is.EqualTo(1), "one flush per CPU and generation");

            // What ran in both generations keeps its number if nobody else has it.
            Switch(mms[^1]);
            ulong id = Context(mms[^1]).id;
            Switch(null);
            Switch(mms[^1]);
            Assert.That(Context(mms[^1]).id, Is.EqualTo(id));
            Switch(null);
            Assert.That(Arch.this_cpu().Asid, Is.Zero);
            Array.ForEach(mms, Free);
        });
    }

    [Test]
    public void An_address_space_that_ends_is_loaded_nowhere()
    {
        Run(() =>
        {
            mm_struct mm = Make();
            Switch(mm);
            Assert.That(Arch.this_cpu().Root, Is.EqualTo(mm.pgd));
            Arch.destroy_context(mm);
            Assert.That(Arch.this_cpu().Root, Is.EqualTo(Arch.reserved_pg_dir));
            Arch.pgd_free(mm, mm.pgd);
        });
    }

    [Test]
    public void Flushes_of_an_address_space_name_its_identifier()
    {
        Run(() =>
        {
            mm_struct mm = Make();
            Switch(mm);
            EventTotals before = Machine.Totals();
            Arch.flush_tlb_mm_range(mm, 0, ulong.MaxValue, PAGE_SHIFT, false);
            Assert.That(Machine.Totals().Since(before)[HwEvent.TlbShootdownAll], Is.EqualTo(1));
            Arch.flush_tlb_mm_range(mm, 0x1000, 0x3000, PAGE_SHIFT, false);
            Assert.That(Machine.Totals().Since(before)[HwEvent.TlbShootdownRange], Is.EqualTo(1));
            Assert.That(Machine.Totals().Since(before)[HwEvent.IpiSent], Is.Zero);
            Free(mm);
        });
    }

    private static arm64_mm_context Context(mm_struct mm) => (arm64_mm_context)mm.context!;

    private mm_struct Make()
    {
        var mm = new mm_struct(Kernel);
        Assert.That(Arch.init_new_context(mm), Is.Zero);
        mm.pgd = Arch.pgd_alloc(mm);
        return mm;
    }

    private void Free(mm_struct mm)
    {
        Arch.destroy_context(mm);
        Arch.pgd_free(mm, mm.pgd);
    }

    private void Switch(mm_struct? mm)
    {
        local_irq_save(out ulong flags);
        Arch.switch_mm(Kernel, Arch.this_cpu(), null, mm);
        local_irq_restore(flags);
    }
}
