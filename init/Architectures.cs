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
        Isa.X86_64 => new X86Arch(
            machine, new X86Options { Kvm = new X86KvmOptions { SwProtectedVm = options.SwProtectedVm, Tdp = options.TwoDimensionalPaging } }),
        Isa.Arm64 => new Arm64Arch(machine),
        _ => throw new ArgumentException($"no kernel runs on {machine.Config.Isa}", nameof(machine)),
    };
}
