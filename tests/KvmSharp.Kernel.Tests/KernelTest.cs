// SPDX-License-Identifier: GPL-2.0-only
using KvmSharp.Machine;

namespace KvmSharp.Kernel.Tests;

/// <summary>A kernel for each test, with four CPUs and all checks on; a warning nobody took, or a thread that died, fails the test.</summary>
internal abstract class KernelTest
{
    private KvmSharp.Machine.Machine machine = null!;

    protected Linux.Kernel Kernel { get; private set; } = null!;

    protected virtual int Cpus => 4;

    protected virtual KernelConfig BootConfig => new();

    [SetUp]
    public void Boot()
    {
        this.machine = new KvmSharp.Machine.Machine(new MachineConfig { Cpus = this.Cpus, MemoryBytes = MachineConfig.MinMemoryBytes });
        this.Kernel = new Linux.Kernel(this.machine, this.BootConfig);
    }

    [TearDown]
    public void PowerOff()
    {
        this.Kernel.Dispose();
        this.machine.Dispose();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(this.Kernel.Warnings, Is.Empty);
            Assert.That(this.Kernel.KthreadFailures, Is.Empty);
            Assert.That(this.Kernel.Tasks, Is.Empty);
            Assert.That(this.Kernel.LiveObjects, Is.Empty);
            Assert.That(this.Kernel.nr_waiting, Is.Zero);
            Assert.That(this.Kernel.nr_waking, Is.Zero);
            Assert.That(CurrentOrNull, Is.Null);
        }
    }

    /// <summary>Runs the body as that many tasks at the same time.</summary>
    protected void InParallel(int tasks, Action<int> body) =>
        this.Kernel.RunTasks([.. Enumerable.Range(0, tasks).Select(i => (Action)(() => body(i)))]);
}
