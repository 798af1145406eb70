// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Arch.Arm64.Tests;

/// <summary>Entries of user page tables.</summary>
internal sealed class PgtableTests : Arm64MmTest
{
    private const ulong Pfn = 0x12345;

    protected override ulong Memory => GiB;

    [Test]
    public void A_writable_entry_is_clean_until_the_first_store()
    {
        pte_t pte = Arch.pfn_pte(Pfn, Arch.vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED));
        Assert.Multiple(() =>
        {
            Assert.That(Arch.pte_present(pte), Is.True);
            Assert.That(Arch.pte_write(pte), Is.True);
            Assert.That(Arch.pte_dirty(pte), Is.False);
            Assert.That(Arch.pte_young(pte), Is.True);
            Assert.That(Arch.pte_exec(pte), Is.False);
            Assert.That(Arch.pte_dirty(Arch.pte_mkdirty(pte)), Is.True);
            Assert.That(Arch.pte_pfn(pte), Is.EqualTo(Pfn));
        });
    }

    [Test]
    public void Dirtiness_that_hardware_recorded_survives_the_loss_of_the_right_to_write()
    {
        pte_t stored = new(Arch.pfn_pte(Pfn, PAGE_SHARED).val & ~PTE_RDONLY);
        Assert.Multiple(() =>
        {
            Assert.That(Arch.pte_dirty(stored), Is.True);
            Assert.That(Arch.pte_dirty(Arch.pte_wrprotect(stored)), Is.True);
            Assert.That(Arch.pte_write(Arch.pte_wrprotect(stored)), Is.False);
            Assert.That(Arch.pte_dirty(Arch.pte_modify(stored, PAGE_READONLY)), Is.True);
            Assert.That(Arch.pte_dirty(Arch.pte_mkclean(stored)), Is.False);
            Assert.That(Arch.pte_dirty(Arch.pte_mkclean(Arch.pte_wrprotect(stored))), Is.False);
        });
    }

    [Test]
    public void A_PROT_NONE_entry_is_present_and_translates_for_nobody()
    {
        pte_t pte = Arch.pte_modify(Arch.pfn_pte(Pfn, PAGE_SHARED), Arch.vm_get_page_prot(0));
        Assert.Multiple(() =>
        {
            Assert.That(Arch.pte_present(pte), Is.True);
            Assert.That(pte.val & PTE_VALID, Is.Zero);
            Assert.That(Arch.pte_pfn(pte), Is.EqualTo(Pfn));
            Assert.That(Arch.is_swp_entry(pte, out _, out _), Is.False);
            Assert.That(pte_valid(Arch.pte_modify(pte, PAGE_READONLY)), Is.True);
        });
    }

    [Test]
    public void A_swap_entry_is_neither_empty_nor_present_and_keeps_32_bits([Values(1u, 31u)] uint type, [Values(0u, 1u, 0x800u, uint.MaxValue)] uint value)
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

    [Test]
    public void Larger_leaves_have_the_type_of_a_block()
    {
        pte_t block = Arch.pfn_leaf(512, PAGE_SHARED, 2);
        Assert.Multiple(() =>
        {
            Assert.That(Arch.leaf(block), Is.True);
            Assert.That(pmd_table(block), Is.False);
            Assert.That(Arch.leaf(Arch.table_entry(0x1000)), Is.False);
            Assert.That(Arch.table_address(Arch.table_entry(0x1000)), Is.EqualTo(0x1000));
        });
    }
}
