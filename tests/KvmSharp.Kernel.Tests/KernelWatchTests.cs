// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Machine;
using KvmSharp.Tests;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace KvmSharp.Kernel.Tests;

/// <summary>The look at every kernel after every test sees what is wrong.</summary>
[LeavesKernelBroken("the planted tests leave what they are for")]
internal sealed class KernelWatchTests
{
    [TestCase(nameof(Planted.a_kernel_that_is_up_violates_an_invariant), "invariant planted: two and two are five")]
    [TestCase(nameof(Planted.a_kernel_violates_an_invariant_at_its_shutdown), "invariant planted: two and two are five")]
    [TestCase(nameof(Planted.an_object_outlives_its_kernel), "still alive at shutdown: thing lost")]
    [TestCase(nameof(Planted.nothing_is_wrong), null)]
    public void a_planted_violation_fails_the_test_and_only_that(string test, string? message)
    {
        ITestResult result = RunAlone(test);
        Assert.That(result.TotalCount, Is.EqualTo(1), "the planted test did not run");
        if (message is null)
        {
            Assert.That(result.ResultState.Status, Is.EqualTo(TestStatus.Passed), result.Message);
            return;
        }

        while (result.HasChildren)
            result = result.Children.Single();
        Assert.That(result.ResultState.Status, Is.EqualTo(TestStatus.Failed));
        Assert.That(result.Message, Does.Contain(message));
    }

    private static ITestResult RunAlone(string test)
    {
        var runner = new NUnitTestAssemblyRunner(new DefaultTestAssemblyBuilder());
        runner.Load(typeof(Planted).Assembly, new Dictionary<string, object> { ["NumberOfTestWorkers"] = 0 });
        return runner.Run(TestListener.NULL, TestFilter.FromXml($"<filter><test>{typeof(Planted).FullName}.{test}</test></filter>"));
    }
}

/// <summary>Tests that are to fail; they run only when asked for by name.</summary>
[Explicit("run by KernelWatchTests")]
internal sealed class Planted
{
    private readonly KvmSharp.Machine.Machine machine = new(new MachineConfig { Cpus = 1, MemoryBytes = MachineConfig.MinMemoryBytes });
    private readonly List<Linux.Kernel> left = [];

    [OneTimeTearDown]
    public void PowerOff()
    {
        this.left.ForEach(k => k.Dispose());
        this.machine.Dispose();
    }

    [Test]
    public void a_kernel_that_is_up_violates_an_invariant()
    {
        this.left.Add(new Linux.Kernel(this.machine));
        Plant(this.left[0]);
    }

    [Test]
    public void a_kernel_violates_an_invariant_at_its_shutdown()
    {
        using var kernel = new Linux.Kernel(this.machine);
        Plant(kernel);
    }

    [Test]
    public void an_object_outlives_its_kernel()
    {
        using var kernel = new Linux.Kernel(this.machine);
        kernel.LiveKind("thing").Born(this, "lost");
    }

    [Test]
    public void nothing_is_wrong()
    {
        using var kernel = new Linux.Kernel(this.machine);
        kernel.RegisterInvariant("true", () => { });
    }

    private static void Plant(Linux.Kernel kernel) => kernel.RegisterInvariant("planted", () => throw new KernelOops("two and two are five"));
}
