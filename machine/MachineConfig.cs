// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine;

/// <summary>The instruction set, and with it the formats of page tables and the physical memory layout.</summary>
public enum Isa
{
    /// <summary>x86-64 with four-level page tables.</summary>
    X86_64,

    /// <summary>Arm A-profile, AArch64, 4 KiB granule, four levels.</summary>
    Arm64,
}

/// <summary>What the simulated silicon can do.</summary>
[Flags]
public enum CpuFeatures : ulong
{
    /// <summary>Nothing optional.</summary>
    None = 0,

    /// <summary>x86: 2 MiB leaves.</summary>
    X86Pse = 1 << 0,

    /// <summary>x86: 1 GiB leaves.</summary>
    X86Gbpages = 1 << 1,

    /// <summary>x86: global translations that survive a change of address space.</summary>
    X86Pge = 1 << 2,

    /// <summary>x86: process-context identifiers, 4096 of them.</summary>
    X86Pcid = 1 << 3,

    /// <summary>x86: invalidation broadcast by hardware to all CPUs.</summary>
    X86Invlpgb = 1 << 4,

    /// <summary>x86: no-execute bit.</summary>
    X86Nx = 1 << 5,

    /// <summary>x86: supervisor data accesses to user pages fault (accesses made with user rights are not affected).</summary>
    X86Smap = 1 << 6,

    /// <summary>x86: supervisor fetches from user pages fault.</summary>
    X86Smep = 1 << 7,

    /// <summary>arm64: a live block entry may be replaced by a table (or back) without break-before-make, and never aborts.</summary>
    ArmBbml2NoAbort = 1 << 16,

    /// <summary>arm64: stage 2 can force write-back, so a hypervisor needs no cache maintenance when it maps memory.</summary>
    ArmS2Fwb = 1 << 17,

    /// <summary>arm64: range invalidation instructions.</summary>
    ArmTlbiRange = 1 << 18,

    /// <summary>arm64: hardware sets the access flag and the dirty state.</summary>
    ArmHafdbs = 1 << 19,

    /// <summary>arm64: privileged data accesses to user pages fault (accesses made with user rights are not affected).</summary>
    ArmPan = 1 << 20,

    /// <summary>arm64: 16-bit ASIDs in place of 8-bit ones.</summary>
    ArmAsid16 = 1 << 21,

    /// <summary>All x86 features but the hardware broadcast, as most parts in use have.</summary>
    X86Default = X86Pse | X86Gbpages | X86Pge | X86Pcid | X86Nx | X86Smap | X86Smep,

    /// <summary>A recent arm64 server part.</summary>
    ArmDefault = ArmBbml2NoAbort | ArmS2Fwb | ArmTlbiRange | ArmHafdbs | ArmPan | ArmAsid16,
}

/// <summary>What a machine is made of. Immutable; <see cref="Validate"/> is called by the machine's constructor.</summary>
public sealed record MachineConfig
{
    /// <summary>The least memory a machine can have, in bytes.</summary>
    public const ulong MinMemoryBytes = 16ul << 20;

    /// <summary>The most memory a machine can have, in bytes.</summary>
    public const ulong MaxMemoryBytes = 4ul << 40;

    /// <summary>The most CPUs a machine can have.</summary>
    public const int MaxCpus = 1024;

    private readonly CpuFeatures? _features;
    private readonly CostModel? _costs;

    /// <summary>Gets the instruction set.</summary>
    public Isa Isa { get; init; }

    /// <summary>Gets the number of CPUs, 1 to 1024.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>Gets the bytes of RAM, 16 MiB to 4 TiB, a multiple of 4096. Holes come on top.</summary>
    public ulong MemoryBytes { get; init; } = 256ul << 20;

    /// <summary>Gets the features; those of a common part of the instruction set unless told.</summary>
    public CpuFeatures Features
    {
        get => _features ?? (Isa == Isa.X86_64 ? CpuFeatures.X86Default : CpuFeatures.ArmDefault);
        init => _features = value;
    }

    /// <summary>Gets the price of each event; the defaults of the instruction set unless told.</summary>
    public CostModel Costs
    {
        get => _costs ?? CostModel.Default(Isa);
        init => _costs = value;
    }

    /// <summary>Gets the entries of each CPU's TLB per page size, 1 to 65536. A set-associative array of at most that many entries is built.</summary>
    public int TlbEntries { get; init; } = 1536;

    /// <summary>
    /// Gets a value indicating whether the host may commit RAM in blocks of 2 MiB: first touches are several times cheaper on average, but
    /// one byte may cost 2 MiB. True unless told. Nothing in the model depends on it.
    /// </summary>
    public bool HostHugePages { get; init; } = true;

    /// <summary>Checks every field.</summary>
    /// <exception cref="ArgumentException">A field is out of range; the message and the parameter name say which.</exception>
    public void Validate()
    {
        Check(Isa is Isa.X86_64 or Isa.Arm64, nameof(Isa), $"{(int)Isa} is not an instruction set");
        Check(Cpus is >= 1 and <= MaxCpus, nameof(Cpus), $"{Cpus} is not between 1 and {MaxCpus}");
        Check(
            MemoryBytes is >= MinMemoryBytes and <= MaxMemoryBytes,
            nameof(MemoryBytes),
            $"{MemoryBytes} is not between {MinMemoryBytes} (16 MiB) and {MaxMemoryBytes} (4 TiB)");
        Check((MemoryBytes & 4095) == 0, nameof(MemoryBytes), $"{MemoryBytes} is not a multiple of 4096");
        Check(TlbEntries is >= 1 and <= 65536, nameof(TlbEntries), $"{TlbEntries} is not between 1 and 65536");
        const CpuFeatures X86 = CpuFeatures.X86Default | CpuFeatures.X86Invlpgb;
        CpuFeatures foreign = Features & ~(Isa == Isa.X86_64 ? X86 : CpuFeatures.ArmDefault);
        Check(foreign == 0, nameof(Features), $"{foreign} does not exist on {Isa}");
        Check(
            !Features.HasFlag(CpuFeatures.X86Gbpages) || Features.HasFlag(CpuFeatures.X86Pse),
            nameof(Features),
            "X86Gbpages needs X86Pse");
    }

    private static void Check(bool good, string field, string message)
    {
        if (!good)
            throw new ArgumentException($"MachineConfig.{field}: {message}", field);
    }
}
