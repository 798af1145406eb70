// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Mm.Tests;

/// <summary>A booted memory core for each test; afterwards every page is back, every invariant holds, and nobody warned.</summary>
internal abstract class MmTest
{
    private readonly List<IDisposable> _machines = [];
    private readonly List<(Linux.Kernel Kernel, long Free)> _kernels = [];

    protected Linux.Kernel Kernel => _kernels[0].Kernel;

    protected FakeArch Arch { get; private set; } = null!;

    protected virtual ulong Memory => 256UL << 20;

    protected virtual int Cpus => 2;

    protected virtual KernelConfig Config => new();

    protected virtual DirectMapStrategy Strategy => new NoneStrategy();

    [SetUp]
    public void BootDefault() => Boot(Memory, Cpus, Config, Strategy);

    [TearDown]
    public void PowerOff()
    {
        (Linux.Kernel Kernel, long Free)[] kernels = [.. _kernels];
        IDisposable[] machines = [.. _machines];
        _kernels.Clear();
        _machines.Clear();
        foreach ((Linux.Kernel kernel, long free) in kernels)
        {
            kernel.Failures = null;
            kernel.RunTask(() =>
            {
                lru_add_drain_all();
                kernel.CheckInvariants();
                Assert.That(FreePages(kernel), Is.EqualTo(free), "pages leaked");
                drain_all_pages(kernel);
                kernel.CheckInvariants();
                Assert.That(nr_free_pages(kernel), Is.EqualTo(free), "pages leaked");
            });
            kernel.Dispose();
            Assert.That(kernel.Warnings, Is.Empty);
        }

        foreach (IDisposable machine in machines)
            machine.Dispose();
    }

    protected static void Run(Linux.Kernel kernel, Action body) => kernel.RunTask(body);

    protected void Run(Action body) => Kernel.RunTask(body);

    protected Linux.Kernel Boot(ulong memory, int cpus, KernelConfig config, DirectMapStrategy strategy, bool gigantic = true)
    {
        KvmSharp.Machine.Machine machine = new(new MachineConfig { Cpus = cpus, MemoryBytes = memory });
        FakeArch arch = new(machine) { Gigantic = gigantic };
        Linux.Kernel kernel = new(machine, config) { arch = arch, direct_map = strategy };
        _machines.Add(machine);
        kernel.RunTask(() =>
        {
            setup_arch_memory(kernel);
            arch.paging_init(kernel);
            foreach (Cpu cpu in machine.Cpus)
                arch.cpu_init(kernel, cpu);
            mm_core_init(kernel);
        });
        Arch = arch;
        _kernels.Add((kernel, FreePages(kernel)));
        return kernel;
    }

    /// <summary>Takes note that pages went to page tables for good.</summary>
    protected void Rebase(Linux.Kernel kernel)
    {
        int at = _kernels.FindIndex(k => k.Kernel == kernel);
        _kernels[at] = (kernel, FreePages(kernel));
    }

    /// <summary>Free pages wherever they are: buddy system, per-CPU lists, deferred.</summary>
    protected static long FreePages(Linux.Kernel kernel) =>
        nr_free_pages(kernel) + kernel.node_zones.Sum(z => z.per_cpu_pageset.Sum(p => (long)p.count));
}
