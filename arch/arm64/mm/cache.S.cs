// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/mm/cache.S, Linux 6.18.
namespace Linux;

internal static unsafe class CacheS
{
    /// <summary>Cleans and invalidates the data cache by virtual address. That is an access: an address without a translation faults.</summary>
    internal static void dcache_clean_inval_poc(ulong start, ulong end)
    {
        task_struct task = current;
        for (ulong addr = start; addr < end; addr = (addr & PAGE_MASK) + PAGE_SIZE)
        {
            _ = KernelAccess.Read(task, addr);
            task.Cpu.Count(HwEvent.CacheMaintenance);
        }
    }
}
