// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Arch.X86.Tests;

/// <summary>Flushing, and address spaces in the ASID slots of a CPU.</summary>
internal sealed class TlbTests : X86MmTest
{
    private const ulong Page = GiB + (5 * PAGE_SIZE);

    [TestCase(33UL, 1L, 0L)]
    [TestCase(34UL, 0L, 1L)]
    public void More_than_33_pages_flush_everything(ulong pages, long ranges, long all)
    {
        EventTotals events = During(() => Arch.flush_tlb_kernel_range(Kernel, Va(Page), Va(Page + (pages * PAGE_SIZE))));
        Assert.Multiple(() =>
        {
            Assert.That(events[HwEvent.TlbShootdownRange], Is.EqualTo(ranges));
            Assert.That(events[HwEvent.TlbShootdownAll], Is.EqualTo(all));
            Assert.That(events[HwEvent.TlbFlushLocalPage], Is.EqualTo(ranges * (long)pages * Cpus));
            Assert.That(events[HwEvent.TlbFlushLocalAll], Is.EqualTo(all * Cpus));
            Assert.That(events[HwEvent.IpiSent], Is.EqualTo(Cpus - 1));
        });
    }

    [Test]
    public void A_short_kernel_range_flush_misses_what_another_address_space_cached()
    {
        Run(() =>
        {
            Cpu cpu = Arch.this_cpu();
            mm_context_t a = Context(out mm_struct mmA), b = Context(out mm_struct mmB);
            X86Tlb.switch_mm_irqs_off(Arch, cpu, a);
            cpu.Tlb.Insert(MERMAP_BASE_ADDR, Page, 12, TlbPermissions.KernelRead);
            X86Tlb.switch_mm_irqs_off(Arch, cpu, b);
            Arch.flush_tlb_kernel_range(Kernel, MERMAP_BASE_ADDR, MERMAP_BASE_ADDR + PAGE_SIZE);
            Assert.That(cpu.Tlb.Holds(MERMAP_BASE_ADDR, out _), Is.True, "not a valid primitive for such addresses");
            Arch.flush_tlb_all(Kernel);
            Assert.That(cpu.Tlb.Holds(MERMAP_BASE_ADDR, out _), Is.False);
            Drop(mmA);
            Drop(mmB);
        });
    }

    [Test]
    public void Translations_survive_a_switch_away_and_back_unless_the_address_space_was_flushed()
    {
        Run(() =>
        {
            Cpu cpu = Arch.this_cpu();
            mm_context_t a = Context(out mm_struct mmA), b = Context(out mm_struct mmB);
            X86Tlb.switch_mm_irqs_off(Arch, cpu, a);
            cpu.Tlb.Insert(0x1000, Page, 12, TlbPermissions.UserRead);
            X86Tlb.switch_mm_irqs_off(Arch, cpu, b);
            Assert.That(cpu.Tlb.TryLookup(0x1000, AccessKind.UserRead, out _), Is.False);
            X86Tlb.switch_mm_irqs_off(Arch, cpu, a);
            Assert.That(cpu.Tlb.TryLookup(0x1000, AccessKind.UserRead, out _), Is.True);

            X86Tlb.switch_mm_irqs_off(Arch, cpu, b);
            Arch.flush_tlb_mm_range(mmA, 0x1000, 0x2000, PAGE_SHIFT, false);
            X86Tlb.switch_mm_irqs_off(Arch, cpu, a);
            Assert.That(cpu.Tlb.TryLookup(0x1000, AccessKind.UserRead, out _), Is.False, "its generation is old");
            Drop(mmA);
            Drop(mmB);
        });
    }

    [Test]
    public void The_seventh_address_space_takes_the_slot_of_another()
    {
        Run(() =>
        {
            Cpu cpu = Arch.this_cpu();
            var all = new List<mm_struct>();
            for (int i = 0; i <= X86Tlb.TLB_NR_DYN_ASIDS; i++)
            {
                mm_context_t context = Context(out mm_struct mm);
                all.Add(mm);
                X86Tlb.switch_mm_irqs_off(Arch, cpu, context);
                cpu.Tlb.Insert(0x1000, Page + ((ulong)i * PAGE_SIZE), 12, TlbPermissions.UserRead);
            }

            for (int i = 0; i < all.Count; i++)
            {
                X86Tlb.switch_mm_irqs_off(Arch, cpu, (mm_context_t)all[i].context!);
                if (cpu.Tlb.TryLookup(0x1000, AccessKind.UserRead, out ulong pa))
                    Assert.That(pa, Is.EqualTo(Page + ((ulong)i * PAGE_SIZE)), "a translation of another address space");
            }

            all.ForEach(Drop);
        });
    }

    [Test]
    public void A_flush_reaches_the_CPU_that_runs_in_the_address_space_page_by_page()
    {
        Run(() =>
        {
            Cpu other = Machine.Cpus[1 - Arch.this_cpu().Id];
            mm_context_t a = Context(out mm_struct mm);
            X86Tlb.switch_mm_irqs_off(Arch, other, a);
            other.Tlb.Insert(0x1000, Page, 12, TlbPermissions.UserRead);
            other.Tlb.Insert(0x5000, Page, 12, TlbPermissions.UserRead);
            Arch.flush_tlb_mm_range(mm, 0x1000, 0x2000, PAGE_SHIFT, false);
            Assert.That(other.Tlb.Holds(0x1000, out _), Is.False);
            Assert.That(other.Tlb.Holds(0x5000, out _), Is.True);
            Drop(mm);
            Assert.That(Arch.cpu_tlbstate[other.Id].loaded_mm, Is.Null);
            Assert.That(other.Root, Is.EqualTo(Arch.swapper_pg_dir));
        });
    }

    [Test]
    public void A_lazy_CPU_is_not_interrupted_and_catches_up_when_it_is_used_again()
    {
        Run(() =>
        {
            Cpu other = Machine.Cpus[1 - Arch.this_cpu().Id];
            mm_context_t a = Context(out mm_struct mm);
            X86Tlb.switch_mm_irqs_off(Arch, other, a);
            other.Tlb.Insert(0x1000, Page, 12, TlbPermissions.UserRead);
            X86Tlb.enter_lazy_tlb(Arch, other);
            long before = Machine.Totals()[HwEvent.IpiSent];
            Arch.flush_tlb_mm_range(mm, 0x1000, 0x2000, PAGE_SHIFT, false);
            Assert.That(Machine.Totals()[HwEvent.IpiSent], Is.EqualTo(before));
            X86Tlb.switch_mm_irqs_off(Arch, other, a);
            Assert.That(other.Tlb.TryLookup(0x1000, AccessKind.UserRead, out _), Is.False);
            Drop(mm);
        });
    }

    [Test]
    public void A_new_table_has_the_kernels_half_and_nothing_else()
    {
        Run(() =>
        {
            Context(out mm_struct mm);
            Assert.That(Machine.Stage1.Walk(mm.pgd, Va(Page), AccessKind.KernelRead, false, out WalkResult r), Is.True);
            Assert.That(r.Physical, Is.EqualTo(Page));
            Assert.That(Machine.Stage1.Walk(mm.pgd, 0x1000, AccessKind.Any, false, out _), Is.False);
            Drop(mm);
        });
    }

    private mm_context_t Context(out mm_struct mm)
    {
        mm = new mm_struct(Kernel);
        mm.pgd = Arch.pgd_alloc(mm);
        Assert.That(Arch.init_new_context(mm), Is.Zero);
        return (mm_context_t)mm.context!;
    }

    private void Drop(mm_struct mm)
    {
        Arch.destroy_context(mm);
        Arch.pgd_free(mm, mm.pgd);
    }
}

/// <summary>With invalidations broadcast by hardware.</summary>
internal sealed class InvlpgbTests : X86MmTest
{
    protected override CpuFeatures Features => CpuFeatures.X86Default | CpuFeatures.X86Invlpgb;

    [Test]
    public void Flushes_of_the_kernel_interrupt_nobody()
    {
        EventTotals events = During(() =>
        {
            Arch.flush_tlb_kernel_range(Kernel, Va(GiB), Va(GiB + PAGE_SIZE));
            Arch.flush_tlb_all(Kernel);
        });
        Assert.That((events[HwEvent.IpiSent], events[HwEvent.TlbBroadcastInvalidate]), Is.EqualTo((0L, 2L)));
    }
}

/// <summary>Entries of user tables.</summary>
internal sealed class EntryTests : X86MmTest
{
    [Test]
    public void No_entry_is_dirty_and_read_only_at_once()
    {
        pte_t pte = Arch.pte_mkdirty(Arch.pfn_pte(5, Arch.vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED)));
        pte_t read_only = Arch.pte_wrprotect(pte);
        Assert.Multiple(() =>
        {
            Assert.That(read_only.val & _PAGE_DIRTY, Is.Zero, "it would be a shadow stack");
            Assert.That(Arch.pte_dirty(read_only), Is.True);
            Assert.That(Arch.pte_mkwrite(read_only).val & _PAGE_DIRTY, Is.Not.Zero);
        });
    }

    [Test]
    public void No_access_inverts_the_frame_and_back_restores_it()
    {
        pte_t pte = Arch.pfn_pte(0x12345, Arch.vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED));
        pte_t none = Arch.pte_modify(pte, Arch.vm_get_page_prot(0));
        Assert.Multiple(() =>
        {
            Assert.That(none.val & _PAGE_PRESENT, Is.Zero);
            Assert.That(Arch.pte_present(none), Is.True, "to the kernel");
            Assert.That(none.val & PTE_PFN_MASK, Is.EqualTo(~(0x12345UL << PAGE_SHIFT) & PTE_PFN_MASK));
            Assert.That(Arch.pte_pfn(none), Is.EqualTo(0x12345));
            Assert.That(Arch.pte_modify(none, Arch.vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED)), Is.EqualTo(pte));
        });
    }

    [TestCase(0u, 0u)]
    [TestCase(31u, uint.MaxValue)]
    [TestCase(5u, 0x1234u)]
    public void A_marker_keeps_its_value_and_is_neither_present_nor_none(uint type, uint value)
    {
        pte_t pte = Arch.make_swp_entry(type, value);
        Assert.Multiple(() =>
        {
            Assert.That(pte.val, Is.Not.Zero);
            Assert.That(Arch.pte_present(pte), Is.False);
            Assert.That(Arch.is_swp_entry(pte, out uint t, out uint v), Is.True);
            Assert.That((t, v), Is.EqualTo((type, value)));
        });
    }
}
