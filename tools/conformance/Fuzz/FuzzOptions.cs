// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Conformance.Generate;
using KvmSharp.Init;
using KvmSharp.Machine;

namespace KvmSharp.Conformance.Fuzz;

/// <summary>What a fuzzing run does. All of it but the time limits decides what happens: the same options and seed are the same run.</summary>
public sealed record FuzzOptions
{
    /// <summary>Gets the number of operations of one seed.</summary>
    public int Operations { get; init; } = 200_000;

    /// <summary>Gets how many operations one simulated host lives; then it is powered down, looked over for leaks, and the next is booted.</summary>
    public int EpisodeOperations { get; init; } = 2000;

    /// <summary>Gets the mix of operations; null draws one for each host.</summary>
    public string? Profile { get; init; }

    /// <summary>Gets the direct-map strategy; null draws one for each host.</summary>
    public string? Strategy { get; init; }

    /// <summary>Gets the instruction set; null draws one for each host.</summary>
    public Isa? Isa { get; init; }

    /// <summary>Gets the share of operations in percent during which an allocation fails.</summary>
    public int FailPercent { get; init; } = 20;

    /// <summary>Gets after how many operations all invariants are checked; 0 checks them at power-down only.</summary>
    public int CheckEvery { get; init; } = 1;

    /// <summary>Gets how many threads of the process act at the same time. More than 1: what happens is not decided by the seed alone.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Gets a value indicating whether lock order and context are checked.</summary>
    public bool Lockdep { get; init; } = true;

    /// <summary>Gets how long, in real time, no operation may end before that is called a hang.</summary>
    public TimeSpan HangAfter { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Gets how long, in real time, a failure is made smaller; zero leaves it as it is.</summary>
    public TimeSpan ShrinkFor { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Gets the names of the mixes of operations.</summary>
    public static IReadOnlyList<string> Profiles => Profile_.Names;

    /// <summary>Hides the name of the property above.</summary>
    private static class Profile_
    {
        internal static IReadOnlyList<string> Names => Generate.Profile.Names;
    }

    /// <summary>Everything that decides one host's life.</summary>
    internal FuzzPlan Plan(ulong seed, int episode)
    {
        var random = new Prng(Prng.Derive(seed, (ulong)episode));
        string[] strategies = [.. HostOptions.Strategies];
        string profile = random.OneIn(3) ? "all" : random.Of<string>([.. Generate.Profile.Names]);
        string strategy = random.Of<string>(strategies);
        Isa isa = random.OneIn(6) ? Machine.Isa.Arm64 : Machine.Isa.X86_64;
        int cpus = 1 + random.Below(3);
        bool protectedVms = random.OneIn(2);
        bool twoDimensional = protectedVms || random.OneIn(2);
        return new FuzzPlan
        {
            Seed = seed,
            Episode = episode,
            Operations = Math.Min(EpisodeOperations, Operations - (episode * EpisodeOperations)),
            Profile = Profile ?? profile,
            Strategy = Strategy ?? strategy,
            Isa = Isa ?? isa,
            Cpus = Math.Max(cpus, Math.Min(Threads, 8)),
            SwProtectedVm = protectedVms,
            TwoDimensionalPaging = twoDimensional,
            FailPercent = random.OneIn(4) ? 0 : FailPercent,
            CheckEvery = CheckEvery,
            Threads = Threads,
            Lockdep = Lockdep,
            GeneratorSeed = random.Next(),
        };
    }
}

/// <summary>One host of a fuzzing run: how it is made, and what is done to it.</summary>
internal sealed record FuzzPlan
{
    internal ulong Seed { get; init; }

    internal int Episode { get; init; }

    internal int Operations { get; init; }

    internal string Profile { get; init; } = "all";

    internal string Strategy { get; init; } = "none";

    internal Isa Isa { get; init; }

    internal int Cpus { get; init; } = 2;

    internal bool SwProtectedVm { get; init; }

    internal bool TwoDimensionalPaging { get; init; }

    internal int FailPercent { get; init; }

    internal int CheckEvery { get; init; } = 1;

    internal int Threads { get; init; } = 1;

    internal bool Lockdep { get; init; } = true;

    internal ulong GeneratorSeed { get; init; }

    internal HostOptions Host => new()
    {
        Isa = Isa,
        Cpus = Cpus,

        // Enough for what is populated: a process that the kernel kills for want of memory shows nothing more.
        MemoryBytes = Threads > 1 ? 4UL << 30 : 512UL << 20,
        Strategy = Strategy,
        SwProtectedVm = SwProtectedVm,
        TwoDimensionalPaging = TwoDimensionalPaging,
        Lockdep = Lockdep,
        NameLiveObjects = true,
    };

    public override string ToString() =>
        $"host {Episode}: {Operations} operations of profile {Profile}, strategy {Strategy}, {Isa}, {Cpus} CPUs, " +
        $"protected VMs {(SwProtectedVm ? "yes" : "no")}, two-dimensional paging {(TwoDimensionalPaging ? "yes" : "no")}, failures {FailPercent} %, threads {Threads}";
}
