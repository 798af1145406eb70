// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

internal sealed unsafe partial class Kernel
{
    /// <summary>Numbers of families of anonymous pages, as folios name them.</summary>
    internal readonly ObjectTable<anon_vma> anon_vmas = new();

    /// <summary>Pages that somebody may yet ask for, whatever the overcommit mode. Changed by atomic operations.</summary>
    internal long vm_committed_as;

    internal int sysctl_overcommit_memory;
    internal int sysctl_max_map_count = 65530;
    internal ulong mmap_min_addr = 65536;

    /// <summary>The page that every read of untouched anonymous memory sees.</summary>
    internal page zero_page;
    internal ulong zero_pfn;

    /// <summary>Held while all locks of one mm are taken: two who took them in different orders would wait for each other.</summary>
    internal readonly mutex mm_all_locks_mutex = new("mm_all_locks_mutex");

    private LiveKind? _liveMms;
    private LiveKind? _liveVmas;

    internal LiveKind LiveMms => _liveMms ??= LiveKind("mm_struct");

    internal LiveKind LiveVmas => _liveVmas ??= LiveKind("vm_area_struct");
}

/// <summary>Boot of user memory.</summary>
internal static class UserMm
{
    /// <summary>After the page allocator, before the first address space.</summary>
    /// <returns>0 or -ENOMEM.</returns>
    [MightSleep]
    [MustCheck]
    internal static int Init(Kernel kernel)
    {
        page zero = alloc_page(GFP_KERNEL | __GFP_ZERO);
        if (zero.IS_NULL)
            return -ENOMEM;
        kernel.zero_page = zero;
        kernel.zero_pfn = page_to_pfn(zero);
        kernel.mmu_notifier_srcu = new srcu_struct(kernel, "mmu_notifier srcu");
        return 0;
    }
}
