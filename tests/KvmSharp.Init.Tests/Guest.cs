// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Vmm;

namespace KvmSharp.Init.Tests;

internal static class Guest
{
    internal static ulong Flags(string strategy) => Kvm.GmemMmap | Kvm.GmemInitShared | (strategy == "none" ? 0 : Kvm.GmemNoDirectMap);
}
