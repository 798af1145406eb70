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

    /// <summary>Gets a value indicating whether VMs without private memory have a second address space of memslots (CONFIG_KVM_SMM). x86 only.</summary>
    public bool Smm { get; init; }

    /// <summary>
    /// Gets a value indicating whether KVM offers what needs two-dimensional paging: protected VMs and pre-faulting. Guests run the same
    /// without. x86 only.
    /// </summary>
    public bool TwoDimensionalPaging { get; init; } = true;

    /// <summary>Gets a value indicating whether free pages are out of the direct map, which has 4 KiB leaves only (boot parameter <c>debug_pagealloc=on</c>).</summary>
    public bool DebugPagealloc { get; init; }

    /// <summary>Gets a value indicating whether the direct map may have 1 GiB leaves (boot parameters <c>gbpages</c>, <c>nogbpages</c>). x86 only.</summary>
    public bool Gbpages { get; init; } = true;

    /// <summary>Gets a value indicating whether address spaces are not tagged in the TLB (boot parameter <c>nopcid</c>). x86 only.</summary>
    public bool NoPcid { get; init; }

    /// <summary>
    /// Gets a value indicating whether read-only memory is so in the linear map too (boot parameter <c>rodata=full</c>). Without it, and without
    /// CPUs that can split live blocks (<see cref="CpuFeatures.ArmBbml2NoAbort"/>), pages cannot be taken out of the linear map. arm64 only.
    /// </summary>
    public bool RodataFull { get; init; } = true;

    /// <summary>Gets a value indicating whether kernel translations are tagged, as the kernel unmaps itself in user mode (boot parameter <c>kpti=1</c>). arm64 only.</summary>
    public bool Kpti { get; init; }

    /// <summary>Gets a value indicating whether KFENCE may be switched on after boot (<c>kfence.sample_interval=0</c>), which needs 4 KiB pages. arm64 only.</summary>
    public bool LateKfence { get; init; }

    /// <summary>Gets a value indicating whether the kernel is the guest of a realm (CONFIG_ARM64 realm world). arm64 only.</summary>
    public bool RealmWorld { get; init; }

    /// <summary>Gets a value indicating whether CPUs other than the first lack what splits live blocks, which is found when they come up. arm64 only.</summary>
    public bool LateCpusLackBbml2 { get; init; }

    /// <summary>Gets a value indicating whether memory tagging may be enabled for guests. arm64 only.</summary>
    public bool Mte { get; init; }

    /// <summary>Gets the bits of the largest intermediate physical address that a guest may be given, 32 to 48. arm64 only.</summary>
    public int IpaLimit { get; init; } = 48;

    /// <summary>Gets prices of hardware events; null takes the built-in ones of the instruction set.</summary>
    public CostModel? Costs { get; init; }

    /// <summary>Gets hardware features; null takes all that the instruction set has.</summary>
    public CpuFeatures? Features { get; init; }

    /// <summary>These options as changed by words of a kernel command line.</summary>
    /// <param name="words">Boot parameters that the model knows, separated by blanks, such as <c>rodata=on nopcid</c>.</param>
    /// <returns>The changed options.</returns>
    /// <exception cref="ArgumentException">A word is not known, or not on this instruction set; the message names it.</exception>
    public HostOptions WithParameters(string words)
    {
        ArgumentNullException.ThrowIfNull(words);
        HostOptions options = this;
        foreach (string word in words.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            options = options.WithParameter(word) ?? throw new ArgumentException($"boot parameter '{word}' is not known on {Isa}");
        return options;
    }

    private HostOptions? WithParameter(string word) => (word, Isa) switch
    {
        ("debug_pagealloc=on", _) => this with { DebugPagealloc = true },
        ("debug_pagealloc=off", _) => this with { DebugPagealloc = false },
        ("gbpages", Isa.X86_64) => this with { Gbpages = true },
        ("nogbpages", Isa.X86_64) => this with { Gbpages = false },
        ("nopcid", Isa.X86_64) => this with { NoPcid = true },
        ("rodata=full", Isa.Arm64) => this with { RodataFull = true },
        ("rodata=on" or "rodata=off", Isa.Arm64) => this with { RodataFull = false },
        ("kpti=1" or "kpti=on", Isa.Arm64) => this with { Kpti = true },
        ("kpti=0" or "kpti=off", Isa.Arm64) => this with { Kpti = false },
        _ => null,
    };

    internal DirectMapStrategy MakeStrategy() => Strategy switch
    {
        "none" => new NoneStrategy(),
        "v12" => new V12Strategy(),
        "filemap" => new FilemapStrategy(),
        _ => throw new ArgumentException($"strategy '{Strategy}' is none of {string.Join(", ", Strategies)}"),
    };
}
