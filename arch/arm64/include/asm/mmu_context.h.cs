// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/include/asm/mmu_context.h, Linux 6.18.
namespace Linux;

/// <summary>What arm64 keeps for an address space.</summary>
internal sealed class arm64_mm_context
{
    internal arm64_mm_context(Arm64Arch arch, mm_struct mm)
    {
        this.arch = arch;
        this.mm = mm;
    }

    internal readonly Arm64Arch arch;
    internal readonly mm_struct mm;

    /// <summary>Generation above, ASID in the low 16 bits; 0 for none yet. Interlocked, or under cpu_asid_lock.</summary>
    internal ulong id;
}
