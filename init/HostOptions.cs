// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Machine;
using Linux;

namespace KvmSharp.Init;

/// <summary>What a host is made of: hardware, kernel configuration, and the design under test.</summary>
public sealed record HostOptions
{
    /// <summary>Names of the direct-map strategies that this build knows, in the order of the design.</summary>
    public static IReadOnlyList<string> Strategies { get; } = ["none", "v12", "filemap"];

    /// <summary>Gets the instruction set.</summary>
    public Isa Isa { get; init; } = Isa.X86_64;

    /// <summary>Gets the number of CPUs, 1 to 1024.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>Gets the bytes of RAM, 16 MiB to 4 TiB, a multiple of 4 KiB.</summary>
    public ulong MemoryBytes { get; init; } = 1UL << 30;

    /// <summary>Gets the strategy's name, one of <see cref="Strategies"/>.</summary>
    public string Strategy { get; init; } = "filemap";

    /// <summary>Gets a value indicating whether lock order and context are checked at run time.</summary>
    public bool Lockdep { get; init; } = true;

    /// <summary>Gets a value indicating whether every live counted object is listed by name instead of only counted.</summary>
    public bool NameLiveObjects { get; init; } = true;

    /// <summary>
    /// Gets a value indicating whether KVM offers software-protected VMs (CONFIG_KVM_SW_PROTECTED_VM), and with them attributes of memory. x86 only.
    /// </summary>
    public bool SwProtectedVm { get; init; } = true;

    /// <summary>
    /// Gets a value indicating whether KVM offers what needs two-dimensional paging: protected VMs and pre-faulting. Guests run the same
    /// without. x86 only.
    /// </summary>
    public bool TwoDimensionalPaging { get; init; } = true;

    /// <summary>Gets prices of hardware events; null takes the built-in ones of the instruction set.</summary>
    public CostModel? Costs { get; init; }

    /// <summary>Gets hardware features; null takes all that the instruction set has.</summary>
    public CpuFeatures? Features { get; init; }

    internal DirectMapStrategy MakeStrategy() => Strategy switch
    {
        "none" => new NoneStrategy(),
        "v12" => new V12Strategy(),
        "filemap" => new FilemapStrategy(),
        _ => throw new ArgumentException($"strategy '{Strategy}' is none of {string.Join(", ", Strategies)}"),
    };
}
