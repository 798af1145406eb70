// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Arch.Arm64.Tests;

/// <summary>Rules A64-1 to A64-7 and M11 of spec/direct_map.md: every combination of what the command line and the CPUs decide.</summary>
[TestFixture(true, true, true)]
[TestFixture(true, true, false)]
[TestFixture(true, false, true)]
[TestFixture(true, false, false)]
[TestFixture(false, true, true)]
[TestFixture(false, true, false)]
[TestFixture(false, false, true)]
[TestFixture(false, false, false)]
internal sealed class MatrixTests(bool rodataFull, bool bbml2, bool fwb) : Arm64MmTest
{
    protected override Arm64Options Options => new() { RodataFull = rodataFull };

    protected override ulong Memory => 2 * GiB;

    protected override CpuFeatures Features =>
        CpuFeatures.ArmDefault & ~(bbml2 ? 0 : CpuFeatures.ArmBbml2NoAbort) & ~(fwb ? 0 : CpuFeatures.ArmS2Fwb);

    private const ulong Target = (2 * GiB) + (68 * MiB) + (37 * PAGE_SIZE);

    private bool Pages => rodataFull && !bbml2;

    [Test]
    public void The_linear_map_can_change_exactly_with_rodata_full() => Assert.That(Arch.can_set_direct_map(Kernel), Is.EqualTo(rodataFull));

    [Test]
    public void Pages_are_forced_only_where_they_will_change_and_cannot_be_split()
    {
        Assert.That(force_pte_mapping(Arch), Is.EqualTo(Pages));
        Assert.That(Level(2 * GiB), Is.EqualTo(Pages ? 1 : 3));
        Assert.That(pte_cont(Entry(GiB + (32 * MiB))), Is.EqualTo(!Pages));
    }

    /// <summary>Bug 20: where the map cannot change, success proves nothing.</summary>
    [Test]
    public void A_zap_succeeds_everywhere_and_works_where_it_can()
    {
        EventTotals events = During(() =>
        {
            Assert.That(Reaches(Target), Is.True);
            Assert.That(Zap(Target), Is.Zero);
            Assert.That(Reaches(Target), Is.EqualTo(!rodataFull));
            Assert.That(Restore(Target), Is.Zero);
            Assert.That(Reaches(Target), Is.True);
            Assert.That(Arch.set_direct_map_invalid_noflush(Kernel, Va(Target)), Is.Zero);
            Assert.That(Present(Target), Is.EqualTo(!rodataFull));
            Assert.That(Arch.set_direct_map_default_noflush(Kernel, Va(Target)), Is.Zero);
            Assert.That(Present(Target), Is.True);
        });
        Assert.Multiple(() =>
        {
            Assert.That(events[HwEvent.SplitLeaf1G], Is.EqualTo(rodataFull && bbml2 ? 1 : 0));
            Assert.That(events[HwEvent.SplitLeaf2M], Is.EqualTo(rodataFull && bbml2 ? 1 : 0));
            Assert.That(events[HwEvent.TlbShootdownRange], Is.EqualTo(rodataFull ? 1 : 0));
            Assert.That(events[HwEvent.TlbShootdownAll], Is.Zero);
        });
    }

    /// <summary>A64-4.</summary>
    [Test]
    public void Only_a_map_of_blocks_needs_memory_for_a_zap()
    {
        FailAllocation(1, 1000);
        Run(() => Assert.That(Zap(Target), Is.EqualTo(rodataFull && bbml2 ? -ENOMEM : 0)));
        Assert.That(Kernel.TakeWarnings(), Has.Count.EqualTo(rodataFull && bbml2 ? 1 : 0));
        Assert.That(Present(Target), Is.EqualTo(!Pages));
    }

    /// <summary>A64-6: nothing warns before the walk meets the part of a leaf.</summary>
    [Test]
    public void A_part_of_a_leaf_that_cannot_be_split_is_refused()
    {
        Run(() =>
        {
            Assert.That(split_kernel_leaf_mapping(Arch, Va(Target) + 8, Va(Target) + PAGE_SIZE), Is.EqualTo(bbml2 ? -EINVAL : 0), "looks at alignment only if it can split");
            int expected = bbml2 || Pages ? 0 : -EINVAL;
            Assert.That(set_memory_valid(Arch, Va(Target), 1, false), Is.EqualTo(expected));
            Assert.That(Present(Target), Is.EqualTo(expected != 0));
            Assert.That(set_memory_valid(Arch, Va(Target), 1, true), Is.EqualTo(expected));
        });
        Assert.That(Kernel.TakeWarnings(), Has.Count.EqualTo(bbml2 || Pages ? 0 : 1));
    }
}
