// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Machine;
using Linux;

namespace KvmSharp.Init;

/// <summary>Which architecture runs on which silicon. A third one is one line here.</summary>
internal static class Architectures
{
    internal static Linux.Arch Create(KvmSharp.Machine.Machine machine, HostOptions options) => machine.Config.Isa switch
    {
        Isa.X86_64 => new X86Arch(machine, new X86Options
        {
            DebugPagealloc = options.DebugPagealloc,
            Gbpages = options.Gbpages,
            NoPcid = options.NoPcid,
            Kvm = new X86KvmOptions { SwProtectedVm = options.SwProtectedVm, Tdp = options.TwoDimensionalPaging, Smm = options.Smm },
        }),
        Isa.Arm64 => new Arm64Arch(machine, new Arm64Options
        {
            DebugPagealloc = options.DebugPagealloc,
            RodataFull = options.RodataFull,
            Kpti = options.Kpti,
            LateKfence = options.LateKfence,
            RealmWorld = options.RealmWorld,
            LateCpusLackBbml2 = options.LateCpusLackBbml2,
            Mte = options.Mte,
            IpaLimit = options.IpaLimit is >= 32 and <= 48 ? options.IpaLimit
                : throw new ArgumentException($"IPA limit: {options.IpaLimit} is not in 32..48"),
        }),
        _ => throw new ArgumentException($"no kernel runs on {machine.Config.Isa}", nameof(machine)),
    };
}
