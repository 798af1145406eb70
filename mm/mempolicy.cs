// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/mempolicy.c, Linux 6.18.
namespace Linux;

internal static unsafe class Mempolicy
{
    // The one node, which has all memory.
    private const ulong NodesWithMemory = 1;
    private const ulong MAX_NUMNODES = 64;

    [MightSleep]
    internal static long sys_mbind(ulong start, ulong len, ulong mode, ulong nmask, ulong maxnode, uint flags)
    {
        int err = get_nodes(out ulong nodes, nmask, maxnode);
        int lmode = (int)mode;
        int sane = sanitize_mpol_flags(ref lmode, out ushort mode_flags);
        if (sane != 0)
            return sane;
        return err != 0 ? err : do_mbind(start, len, (ushort)lmode, mode_flags, nodes, flags);
    }

    [MightSleep]
    internal static long sys_set_mempolicy(int mode, ulong nmask, ulong maxnode)
    {
        int sane = sanitize_mpol_flags(ref mode, out ushort mode_flags);
        if (sane != 0)
            return sane;
        int err = get_nodes(out ulong nodes, nmask, maxnode);
        if (err != 0)
            return err;
        err = mpol_new((ushort)mode, mode_flags, nodes, out mempolicy? pol);
        if (err == 0)
            err = mpol_set_nodemask(ref pol, nodes);
        if (err != 0)
            return err;
        current.mempolicy = pol;
        return 0;
    }

    [MightSleep]
    internal static long sys_get_mempolicy(ulong policy, ulong nmask, ulong maxnode, ulong addr, ulong flags)
    {
        // One node can be named in one bit, so every buffer is large enough; none at all means that the caller does not want it.
        if (nmask != 0 && maxnode < 1)
            return -EINVAL;
        int err = do_get_mempolicy(out int pval, out ulong nodes, addr, flags, nmask != 0);
        if (err != 0)
            return err;
        if (policy != 0 && copy_to_user(policy, &pval, sizeof(int)) != 0)
            return -EFAULT;
        if (nmask == 0)
            return 0;
        ulong bytes = Math.Min(((maxnode + 63) & ~63UL) / 8, 128);
        byte* buffer = stackalloc byte[128];
        new Span<byte>(buffer, 128).Clear();
        *(ulong*)buffer = nodes;
        return copy_to_user(nmask, buffer, bytes) != 0 ? -EFAULT : 0;
    }

    /// <summary>Sets the policy of a range: areas are split and merged for it.</summary>
    [MightSleep]
    internal static int do_mbind(ulong start, ulong len, ushort mode, ushort mode_flags, ulong nmask, ulong flags)
    {
        mm_struct mm = current.mm!;
        if ((flags & ~MPOL_MF_VALID) != 0)
            return -EINVAL;
        if ((flags & MPOL_MF_MOVE_ALL) != 0 && !capable(CAP_SYS_NICE))
            return -EPERM;
        if ((start & ~PAGE_MASK) != 0)
            return -EINVAL;
        if (mode == MPOL_DEFAULT)
            flags &= ~MPOL_MF_STRICT;
        len = PAGE_ALIGN(len);
        ulong end = start + len;
        if (end < start)
            return -EINVAL;
        if (end == start)
            return 0;
        int err = mpol_new(mode, mode_flags, nmask, out mempolicy? @new);
        if (err != 0)
            return err;

        // Dropping policies may cross holes.
        if (@new is null)
            flags |= MPOL_MF_DISCONTIG_OK;
        down_write(mm.mmap_lock);
        err = mpol_set_nodemask(ref @new, nmask);
        if (err == 0)
            err = queue_pages_range(mm, start, end, flags, misplaced: @new is not null && nmask == 0);
        if (err == 0)
        {
            vm_area_struct? vma = find_vma_intersection(mm, start, end);
            vm_area_struct? prev = vma is null ? null : start > vma.vm_start ? vma : vma.Previous;
            while (vma is not null && vma.vm_start < end)
            {
                mmap_assert_write_locked(vma.vm_mm);
                err = mbind_range(vma, ref prev, start, end, @new);
                if (err != 0)
                    break;
                vma = prev!.Next;
            }
        }

        up_write(mm.mmap_lock);
        return err;
    }

    [MightSleep]
    internal static int do_get_mempolicy(out int policy, out ulong nmask, ulong addr, ulong flags, bool want_mask)
    {
        policy = MPOL_DEFAULT;
        nmask = 0;
        task_struct task = current;
        mm_struct mm = task.mm!;
        mempolicy? pol = task.mempolicy;
        if ((flags & ~(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED)) != 0)
            return -EINVAL;
        if ((flags & MPOL_F_MEMS_ALLOWED) != 0)
        {
            if ((flags & (MPOL_F_NODE | MPOL_F_ADDR)) != 0)
                return -EINVAL;
            nmask = NodesWithMemory;
            return 0;
        }

        if ((flags & MPOL_F_ADDR) != 0)
        {
            // No falling back to the task's policy: none at the address is the default.
            down_read(mm.mmap_lock);
            vm_area_struct? vma = vma_lookup(mm, addr);
            if (vma is null)
            {
                up_read(mm.mmap_lock);
                return -EFAULT;
            }

            pol = __get_vma_policy(vma, addr);
            up_read(mm.mmap_lock);
        }
        else if (addr != 0)
        {
            return -EINVAL;
        }

        if ((flags & MPOL_F_NODE) != 0)
        {
            if ((flags & MPOL_F_ADDR) != 0)
            {
                int node = lookup_node(addr);
                if (node < 0)
                    return node;
                policy = node;
            }
            else if (pol is { mode: MPOL_INTERLEAVE or MPOL_WEIGHTED_INTERLEAVE } && pol == task.mempolicy)
            {
                policy = 0;
            }
            else
            {
                return -EINVAL;
            }
        }
        else if (pol is not null)
        {
            policy = pol.mode | (pol.flags & MPOL_MODE_FLAGS);
        }

        if (want_mask && pol is not null)
            nmask = MempolicyH.StoresUserMask(pol) ? pol.user_nodemask : pol.mode == MPOL_LOCAL ? 0 : pol.nodes;
        return 0;
    }

    internal static mempolicy? __get_vma_policy(vm_area_struct vma, ulong addr) =>
        vma.vm_ops?.get_policy is { } get_policy ? get_policy(vma, addr, out _) : vma.vm_policy;

    internal static void mpol_shared_policy_init(shared_policy sp)
    {
        sp.Ranges.Clear();
    }

    internal static mempolicy? mpol_shared_policy_lookup(shared_policy sp, pgoff_t idx)
    {
        mempolicy? found = null;
        spin_lock(sp.@lock);
        foreach ((pgoff_t start, pgoff_t end, mempolicy policy) in sp.Ranges)
        {
            if (start <= idx && idx < end)
                found = policy;
        }

        spin_unlock(sp.@lock);
        return found;
    }

    [MustCheck]
    internal static int mpol_set_shared_policy(shared_policy sp, vm_area_struct vma, mempolicy? pol)
    {
        if (should_fail(vma.vm_mm.kernel, "shared_policy_node"))
            return -ENOMEM;
        pgoff_t start = vma.vm_pgoff;
        pgoff_t end = start + vma_pages(vma);
        List<(pgoff_t Start, pgoff_t End, mempolicy Policy)> kept = [];
        spin_lock(sp.@lock);
        foreach ((pgoff_t from, pgoff_t to, mempolicy policy) in sp.Ranges)
        {
            if (from < start)
                kept.Add((from, Math.Min(to, start), policy));
            if (to > end)
                kept.Add((Math.Max(from, end), to, policy));
        }

        if (pol is not null)
            kept.Add((start, end, pol));
        kept.Sort(static (a, b) => a.Start.CompareTo(b.Start));
        sp.Ranges.Clear();
        sp.Ranges.AddRange(kept);
        spin_unlock(sp.@lock);
        return 0;
    }

    internal static void mpol_free_shared_policy(shared_policy sp)
    {
        spin_lock(sp.@lock);
        sp.Ranges.Clear();
        spin_unlock(sp.@lock);
    }

    /// <summary>Allocates for an area; there is one node, so every policy that could be set leads there.</summary>
    [MustCheck]
    [ReturnsReference]
    internal static folio folio_alloc_mpol_noprof(gfp_t gfp, int order, mempolicy? pol)
    {
        _ = pol;
        return folio_alloc(gfp, order);
    }

    private static int sanitize_mpol_flags(ref int mode, out ushort flags)
    {
        flags = (ushort)(mode & MPOL_MODE_FLAGS);
        mode &= ~MPOL_MODE_FLAGS;
        if ((uint)mode >= MPOL_MAX)
            return -EINVAL;
        if ((flags & MPOL_F_STATIC_NODES) != 0 && (flags & MPOL_F_RELATIVE_NODES) != 0)
            return -EINVAL;
        return (flags & MPOL_F_NUMA_BALANCING) != 0 && mode is not (MPOL_BIND or MPOL_PREFERRED_MANY) ? -EINVAL : 0;
    }

    /// <summary>Reads a node mask from user memory. The count of bits is one too large, by tradition.</summary>
    [MightSleep]
    private static int get_nodes(out ulong nodes, ulong nmask, ulong maxnode)
    {
        nodes = 0;
        maxnode--;
        if (maxnode == 0 || nmask == 0)
            return 0;
        if (maxnode > PAGE_SIZE * 8)
            return -EINVAL;

        // Words beyond what nodes can exist must be zero.
        while (maxnode > MAX_NUMNODES)
        {
            ulong bits = Math.Min(maxnode, MAX_NUMNODES);
            ulong t = 0;
            if (copy_from_user(&t, nmask + ((maxnode - 1) / 64 * 8), 8) != 0)
                return -EFAULT;
            if (maxnode - bits >= MAX_NUMNODES)
                maxnode -= bits;
            else
                maxnode = MAX_NUMNODES;
            t &= ~((1UL << (int)(MAX_NUMNODES % 64)) - 1);
            if (t != 0)
                return -EINVAL;
        }

        ulong word = 0;
        if (copy_from_user(&word, nmask, 8) != 0)
            return -EFAULT;
        nodes = maxnode >= 64 ? word : word & ((1UL << (int)maxnode) - 1);
        return 0;
    }

    private static int mpol_new(ushort mode, ushort flags, ulong nodes, out mempolicy? pol)
    {
        pol = null;
        if (mode == MPOL_DEFAULT)
            return nodes != 0 ? -EINVAL : 0;
        bool relative = (flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)) != 0;
        if (mode == MPOL_PREFERRED)
        {
            if (nodes == 0)
            {
                if (relative)
                    return -EINVAL;
                mode = MPOL_LOCAL;
            }
        }
        else if (mode == MPOL_LOCAL)
        {
            if (nodes != 0 || relative)
                return -EINVAL;
        }
        else if (nodes == 0)
        {
            return -EINVAL;
        }

        if (should_fail(current.kernel, "policy_cache"))
            return -ENOMEM;
        pol = new mempolicy(mode, flags, 0, nodes);
        return 0;
    }

    private static int mpol_set_nodemask(ref mempolicy? pol, ulong nodes)
    {
        if (pol is null || pol.mode == MPOL_LOCAL)
            return 0;
        ulong allowed = (pol.flags & MPOL_F_RELATIVE_NODES) != 0 ? (nodes != 0 ? NodesWithMemory : 0) : nodes & NodesWithMemory;
        if (allowed == 0)
            return -EINVAL;
        pol = pol with { nodes = allowed };
        return 0;
    }

    /// <summary>Looks for holes, and for pages that are not where they should be.</summary>
    /// <param name="mm">Address space.</param>
    /// <param name="start">First byte.</param>
    /// <param name="end">One past the last.</param>
    /// <param name="flags">MPOL_MF_*.</param>
    /// <param name="misplaced">The policy names no node, so that every page counts as misplaced; else every page is on the one node that can be named.</param>
    /// <returns>0; -EFAULT for a hole; -EIO where strictness is asked for and a misplaced page must not or cannot move.</returns>
    [MustHold("mm.mmap_lock")]
    private static int queue_pages_range(mm_struct mm, ulong start, ulong end, ulong flags, bool misplaced)
    {
        bool strict = (flags & MPOL_MF_STRICT) != 0;
        bool move = (flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) != 0;
        bool discontig = (flags & MPOL_MF_DISCONTIG_OK) != 0;
        vm_area_struct? first = null;
        for (vm_area_struct? vma = find_vma_intersection(mm, start, end); vma is not null && vma.vm_start < end; vma = vma.Next)
        {
            if (first is null)
            {
                first = vma;
                if (!discontig && start < vma.vm_start)
                    return -EFAULT;
            }

            if (!discontig && vma.vm_end < end && (vma.Next is null || vma.vm_end < vma.Next.vm_start))
                return -EFAULT;
            if (strict && misplaced && (!move || CannotMove(vma)) && HasPages(vma, Math.Max(start, vma.vm_start), Math.Min(end, vma.vm_end)))
                return -EIO;
        }

        return first is null ? -EFAULT : 0;
    }

    private static bool CannotMove(vm_area_struct vma) => vma.vm_file is { } file && file.f_mapping.a_ops.migrate_folio is not null;

    private static bool HasPages(vm_area_struct vma, ulong start, ulong end)
    {
        mm_struct mm = vma.vm_mm;
        pt_cursor cursor = new(mm);
        for (ulong addr = start; addr < end; addr += PAGE_SIZE)
        {
            ulong table = cursor.WalkPte(addr, out ulong next);
            if (table == 0)
            {
                addr = Math.Min(next, end) - PAGE_SIZE;
                continue;
            }

            pte_t pte = ptep_get((ulong*)mm.memory.Host(table) + pte_index(addr));
            if (pte.val != 0 && mm.arch.pte_present(pte) && !vm_normal_page(vma, pte).IS_NULL)
                return true;
        }

        return false;
    }

    [MustHold("vma.vm_mm.mmap_lock")]
    private static int mbind_range(vm_area_struct vma, ref vm_area_struct? prev, ulong start, ulong end, mempolicy? new_pol)
    {
        ulong vmstart = Math.Max(start, vma.vm_start);
        ulong vmend = Math.Min(end, vma.vm_end);
        if (mpol_equal(vma.vm_policy, new_pol))
        {
            prev = vma;
            return 0;
        }

        ErrPtr<vm_area_struct> modified = vma_modify_policy(prev, vma, vmstart, vmend, new_pol);
        if (IS_ERR(modified))
            return PTR_ERR(modified);
        vma = modified.Value;
        prev = vma;
        if (vma.vm_ops?.set_policy is { } set_policy)
        {
            int err = set_policy(vma, new_pol);
            if (err != 0)
                return err;
        }

        vma.vm_policy = new_pol;
        return 0;
    }

    [MightSleep]
    private static int lookup_node(ulong addr)
    {
        page page = default;
        int ret = get_user_pages_fast(addr & PAGE_MASK, 1, foll_flag.NONE, new Span<page>(ref page));
        if (ret <= 0)
            return ret == 0 ? -EFAULT : ret;
        put_page(page);
        return 0;
    }
}
