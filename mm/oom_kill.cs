// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/oom_kill.c, Linux 6.18.
namespace Linux;

internal static class OomKill
{
    /// <summary>
    /// A page fault found no memory. If there is none, the faulting task is killed, as the killer that the allocator calls would have done with the
    /// only process that matters here; else one allocation on the way failed for a reason of its own, and the fault is tried again.
    /// </summary>
    internal static void pagefault_out_of_memory(task_struct task)
    {
        if (fatal_signal_pending(task))
            return;
        if (!MemoryIsShort(task.kernel))
        {
            task.kernel.Log("Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF");
            return;
        }

        count_vm_event(vm_event_item.OOM_KILL);
        _ = send_sig(SIGKILL, task, 1);
    }

    private static bool MemoryIsShort(Kernel kernel)
    {
        foreach (zone zone in kernel.node_zones)
        {
            if (zone.managed_pages != 0 && zone_watermark_ok(zone, 0, zone._watermark[(int)zone_watermarks.WMARK_MIN], (zone_type)(MAX_NR_ZONES - 1), 0))
                return false;
        }

        return true;
    }
}
