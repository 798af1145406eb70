// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/mm/init.c, Linux 6.18.
namespace Linux;

internal sealed partial class Arm64Arch
{
    /// <summary>Physical address at which the linear map begins.</summary>
    internal ulong memstart_addr;
}

internal static class Arm64Init
{
    /// <summary>Decides where the linear map begins and whether all memory fits in it.</summary>
    internal static void arm64_memblock_init(Arm64Arch arch)
    {
        arch.memstart_addr = arch.memory.Ranges[0].Start & ~(ARM64_MEMSTART_ALIGN - 1);
        if (arch.memory.Limit - arch.memstart_addr > PAGE_END - PAGE_OFFSET)
            throw new MachineException("memory does not fit into the linear map");
    }
}
