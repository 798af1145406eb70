// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// What a kernel build or its command line would fix before boot. Subsystems add their own options in their own files; a booted kernel never
/// changes its configuration.
/// </summary>
internal sealed partial record KernelConfig
{
    /// <summary>CONFIG_PROVE_LOCKING: order, context and ownership checks on every lock operation.</summary>
    internal bool Lockdep { get; init; } = true;

    /// <summary>Keep the name and birth place of every live counted object instead of only a count for each kind.</summary>
    internal bool NameLiveObjects { get; init; } = true;

    /// <summary>panic_on_warn: a WARN throws where it happens instead of being recorded.</summary>
    internal bool PanicOnWarn { get; init; }

    /// <summary>Entries the printk ring keeps.</summary>
    internal int LogEntries { get; init; } = 1024;
}
