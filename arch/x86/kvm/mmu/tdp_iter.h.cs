// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/kvm/mmu/tdp_iter.h, Linux 6.18.
using System.Runtime.CompilerServices;

namespace Linux;

/// <summary>A walk over second-stage tables in the order of guest frames, parents before children. Under mmu_lock, or RCU alone for a look.</summary>
internal unsafe struct tdp_iter
{
    internal PhysicalMemory memory;

    /// <summary>The frame to go on with, at the lowest level.</summary>
    internal gfn_t next_last_level_gfn;

    /// <summary>Where the walk stood when it last gave up the lock; it must get beyond before it does so again.</summary>
    internal gfn_t yielded_gfn;
    internal pt_path_t pt_path;
    internal ulong* sptep;

    /// <summary>First frame that the entry maps.</summary>
    internal gfn_t gfn;
    internal pg_level root_level;
    internal pg_level min_level;
    internal pg_level level;
    internal ulong old_spte;
    internal bool valid;

    /// <summary>The lock was given up: tables of the path may be gone, so the walk starts again from the root.</summary>
    internal bool yielded;

    [InlineArray(5)]
    internal struct pt_path_t
    {
        private ulong _first;
    }
}

internal static unsafe class TdpIterH
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong kvm_tdp_mmu_read_spte(ulong* sptep) => Volatile.Read(ref *sptep);

    internal static void tdp_iter_start(out tdp_iter iter, PhysicalMemory memory, kvm_mmu_page root, pg_level min_level, gfn_t next_last_level_gfn)
    {
        iter = default;
        iter.memory = memory;
        if (next_last_level_gfn.Value >= 1UL << 36)
            return;
        iter.next_last_level_gfn = next_last_level_gfn;
        iter.root_level = (pg_level)root.level;
        iter.min_level = min_level;
        iter.pt_path[root.level - 1] = root.spt;
        tdp_iter_restart(ref iter);
        iter.yielded_gfn = new gfn_t(ulong.MaxValue);
    }

    internal static void tdp_iter_restart(ref tdp_iter iter)
    {
        iter.yielded = false;
        iter.yielded_gfn = iter.next_last_level_gfn;
        iter.level = iter.root_level;
        iter.gfn = X86KvmHostH.gfn_round_for_level(iter.next_last_level_gfn, iter.level);
        tdp_iter_refresh_sptep(ref iter);
        iter.valid = true;
    }

    internal static void tdp_iter_next(ref tdp_iter iter)
    {
        if (iter.yielded)
        {
            tdp_iter_restart(ref iter);
            return;
        }

        if (try_step_down(ref iter))
            return;
        do
        {
            if (try_step_side(ref iter))
                return;
        }
        while (try_step_up(ref iter));
        iter.valid = false;
    }

    /// <summary>Physical address of the table that an entry names; 0 for a leaf or nothing.</summary>
    internal static ulong spte_to_child_pt(ulong spte, pg_level level) =>
        !is_shadow_present_pte(spte) || is_last_spte(spte, level) ? 0 : spte & SPTE_BASE_ADDR_MASK;

    private static void tdp_iter_refresh_sptep(ref tdp_iter iter)
    {
        iter.sptep = (ulong*)iter.memory.Host(iter.pt_path[(int)iter.level - 1]) + SPTE_INDEX(iter.gfn.Value << PAGE_SHIFT, iter.level);
        iter.old_spte = kvm_tdp_mmu_read_spte(iter.sptep);
    }

    private static bool try_step_down(ref tdp_iter iter)
    {
        if (iter.level == iter.min_level)
            return false;

        // Read again: the caller may have changed it, or another task unlinked the table.
        iter.old_spte = kvm_tdp_mmu_read_spte(iter.sptep);
        ulong child_pt = spte_to_child_pt(iter.old_spte, iter.level);
        if (child_pt == 0)
            return false;
        iter.level--;
        iter.pt_path[(int)iter.level - 1] = child_pt;
        iter.gfn = X86KvmHostH.gfn_round_for_level(iter.next_last_level_gfn, iter.level);
        tdp_iter_refresh_sptep(ref iter);
        return true;
    }

    private static bool try_step_side(ref tdp_iter iter)
    {
        if (SPTE_INDEX(iter.gfn.Value << PAGE_SHIFT, iter.level) == SPTE_ENT_PER_PAGE - 1)
            return false;
        iter.gfn += X86KvmHostH.KVM_PAGES_PER_HPAGE(iter.level);
        iter.next_last_level_gfn = iter.gfn;
        iter.sptep++;
        iter.old_spte = kvm_tdp_mmu_read_spte(iter.sptep);
        return true;
    }

    private static bool try_step_up(ref tdp_iter iter)
    {
        if (iter.level == iter.root_level)
            return false;
        iter.level++;
        iter.gfn = X86KvmHostH.gfn_round_for_level(iter.gfn, iter.level);
        tdp_iter_refresh_sptep(ref iter);
        return true;
    }
}
