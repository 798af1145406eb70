// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Arch.Arm64.Tests;

/// <summary>A booted kernel without user space, two CPUs and 6 GiB from 1 GiB on.</summary>
internal abstract unsafe class Arm64MmTest
{
    protected const ulong GiB = 1UL << 30;
    protected const ulong MiB = 1UL << 20;

    /// <summary>A page well inside a gigabyte, a 32M run, a 2M block and a 64K run.</summary>
    protected const ulong Page = (3 * GiB) + (68 * MiB) + (37 * PAGE_SIZE);

    protected Linux.Kernel Kernel { get; private set; } = null!;

    protected KvmSharp.Machine.Machine Machine { get; private set; } = null!;

    protected Arm64Arch Arch { get; private set; } = null!;

    protected virtual Arm64Options Options => new();

    protected virtual CpuFeatures Features => CpuFeatures.ArmDefault;

    protected virtual int Cpus => 2;

    protected virtual ulong Memory => 6 * GiB;

    [SetUp]
    public void Boot()
    {
        Machine = new KvmSharp.Machine.Machine(new MachineConfig { Isa = Isa.Arm64, Cpus = Cpus, MemoryBytes = Memory, Features = Features });
        Arch = new Arm64Arch(Machine, Options);
        Kernel = new Linux.Kernel(Machine) { arch = Arch };
        Kernel.RunTask(() =>
        {
            Memblock.setup_arch_memory(Kernel);
            Arch.paging_init(Kernel);
            MmInit.mm_core_init(Kernel);
            foreach (Cpu cpu in Machine.Cpus)
                Arch.cpu_init(Kernel, cpu);
            Kernel.system_state = system_states.SYSTEM_RUNNING;
        });
    }

    [TearDown]
    public void PowerOff()
    {
        // What tests took away was free memory, which must be in the linear map.
        Kernel.Failures = null;
        var absent = new List<(ulong Address, ulong Pages)>();
        Arch.WalkDirectMap(Kernel, (address, level, present, _) =>
        {
            if (!present)
                absent.Add((address, 1UL << ((level - 1) * 9)));
        });
        Run(() => absent.ForEach(a => Assert.That(Arch.set_direct_map_valid_noflush(Kernel, a.Address, a.Pages, true), Is.Zero)));
        Kernel.CheckInvariants();
        IReadOnlyList<string> warnings = Kernel.Warnings;
        Kernel.Dispose();
        Machine.Dispose();
        Assert.That(warnings, Is.Empty);
    }

    /// <summary>Address of physical memory in the linear map.</summary>
    protected ulong Va(ulong physical) => Arm64MemoryH.__phys_to_virt(Arch, physical);

    protected pte_t Entry(ulong physical) => Arch.Lookup(Va(physical), out _);

    protected int Level(ulong physical)
    {
        Arch.Lookup(Va(physical), out int level);
        return level;
    }

    protected bool Present(ulong physical) => Arch.kernel_page_present(pfn_to_page(Kernel, physical >> PAGE_SHIFT));

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

    protected bool Reaches(ulong physical) => Arch.this_cpu().TryTranslate(Va(physical), AccessKind.KernelRead, out _, out _);

    protected void FailAllocation(long nth, long times = 1)
    {
        Kernel.Failures = new FailureInjector();
        Kernel.Failures.FailNth("fail_page_alloc", nth, times);
    }
}
