// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Arch.X86.Tests;

/// <summary>A booted kernel without user space, two CPUs and 6 GiB: 1G leaves at 1, 2, 4, 5 and 6 GiB, 2M leaves in the first.</summary>
internal abstract unsafe class X86MmTest
{
    protected const ulong GiB = 1UL << 30;
    protected const ulong MiB = 1UL << 20;

    protected Linux.Kernel Kernel { get; private set; } = null!;

    protected KvmSharp.Machine.Machine Machine { get; private set; } = null!;

    protected X86Arch Arch { get; private set; } = null!;

    protected virtual int Cpus => 2;

    protected virtual X86Options Options => new();

    protected virtual CpuFeatures Features => CpuFeatures.X86Default;

    [SetUp]
    public void Boot()
    {
        Machine = new KvmSharp.Machine.Machine(new MachineConfig { Cpus = Cpus, MemoryBytes = 6 * GiB, Features = Features });
        Arch = new X86Arch(Machine, Options);
        Kernel = new Linux.Kernel(Machine) { arch = Arch };
        Kernel.RunTask(() =>
        {
            Memblock.setup_arch_memory(Kernel);
            Arch.paging_init(Kernel);
            foreach (Cpu cpu in Machine.Cpus)
                Arch.cpu_init(Kernel, cpu);
            MmInit.mm_core_init(Kernel);
            Kernel.system_state = system_states.SYSTEM_RUNNING;
        });
    }

    [TearDown]
    public void PowerOff()
    {
        // What tests took away was free memory, which must be in the direct map.
        Kernel.Failures = null;
        var absent = new List<(ulong Address, ulong Pages)>();
        Arch.WalkDirectMap(Kernel, (address, level, present, _) =>
        {
            if (!present)
                absent.Add((address, page_level_size((pg_level)level) >> PAGE_SHIFT));
        });
        Run(() => absent.ForEach(a => Assert.That(Arch.set_direct_map_valid_noflush(Kernel, a.Address, a.Pages, true), Is.Zero)));
        Kernel.CheckInvariants();
        IReadOnlyList<string> warnings = Kernel.Warnings;
        Kernel.Dispose();
        Machine.Dispose();
        Assert.That(warnings, Is.Empty);
    }

    /// <summary>Address of physical memory in the direct map.</summary>
    protected static ulong Va(ulong physical) => __PAGE_OFFSET_BASE_L4 + physical;

    protected pte_t Entry(ulong address, out pg_level level)
    {
        pte_t* pte = lookup_address(Arch, address, out level);
        return pte == null ? default : ptep_get(pte);
    }

    protected pg_level Level(ulong address)
    {
        Entry(address, out pg_level level);
        return level;
    }

    protected bool Present(ulong address) => (Entry(address, out _).val & _PAGE_PRESENT) != 0;

    protected void Run(Action body) => Kernel.RunTask(body);

    /// <summary>What happened on all CPUs while the body ran.</summary>
    protected EventTotals During(Action body)
    {
        EventTotals before = Machine.Totals();
        Run(body);
        return Machine.Totals().Since(before);
    }

    protected int Zap(ulong physical, ulong pages = 1) => Arch.set_direct_map_valid_noflush(Kernel, Va(physical), pages, false);

    protected int Restore(ulong physical, ulong pages = 1) => Arch.set_direct_map_valid_noflush(Kernel, Va(physical), pages, true);

    protected void FailAllocation(long nth, long times = 1)
    {
        Kernel.Failures = new FailureInjector();
        Kernel.Failures.FailNth("fail_page_alloc", nth, times);
    }
}
