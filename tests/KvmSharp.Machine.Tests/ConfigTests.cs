// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine.Tests;

[TestFixture]
public sealed class ConfigTests
{
    private static readonly object[][] Bad =
    [
        [new MachineConfig { Isa = (Isa)7 }, "Isa"],
        [new MachineConfig { Cpus = 0 }, "Cpus"],
        [new MachineConfig { Cpus = -1 }, "Cpus"],
        [new MachineConfig { Cpus = 1025 }, "Cpus"],
        [new MachineConfig { MemoryBytes = 0 }, "MemoryBytes"],
        [new MachineConfig { MemoryBytes = (16 << 20) - 4096 }, "MemoryBytes"],
        [new MachineConfig { MemoryBytes = (4ul << 40) + 4096 }, "MemoryBytes"],
        [new MachineConfig { MemoryBytes = ulong.MaxValue }, "MemoryBytes"],
        [new MachineConfig { MemoryBytes = (16 << 20) + 1 }, "MemoryBytes"],
        [new MachineConfig { TlbEntries = 0 }, "TlbEntries"],
        [new MachineConfig { TlbEntries = 65537 }, "TlbEntries"],
        [new MachineConfig { Features = CpuFeatures.ArmPan }, "Features"],
        [new MachineConfig { Features = CpuFeatures.X86Gbpages }, "Features"],
        [new MachineConfig { Isa = Isa.Arm64, Features = CpuFeatures.X86Pse }, "Features"],
    ];

    [TestCaseSource(nameof(Bad))]
    public void ABadFieldIsNamed(MachineConfig config, string field)
    {
        ArgumentException e = Assert.Throws<ArgumentException>(() => new Machine(config).Dispose())!;
        Assert.That(e.ParamName, Is.EqualTo(field));
        Assert.That(e.Message, Does.StartWith("MachineConfig." + field + ": "));
    }

    [Test]
    public void FeaturesAndCostsFollowTheInstructionSetUnlessTold()
    {
        MachineConfig arm = new() { Isa = Isa.Arm64 };
        Assert.That(arm.Features, Is.EqualTo(CpuFeatures.ArmDefault));
        Assert.That(arm.Costs[HwEvent.TlbFlushLocalAll], Is.EqualTo(220_000));
        MachineConfig x86 = new();
        Assert.That(x86.Features, Is.EqualTo(CpuFeatures.X86Default));
        Assert.That(x86.Costs[HwEvent.TlbFlushLocalAll], Is.EqualTo(100_000));
        Assert.That((x86 with { Features = CpuFeatures.None }).Features, Is.EqualTo(CpuFeatures.None));
    }
}
