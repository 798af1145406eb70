// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/rmap.c, Linux 6.18.
namespace Linux;

internal static class Rmap
{
    /// <summary>Gives the area a family: a neighbour's if both could be one area, else a new one. Under mmap_lock.</summary>
    [MightSleep]
    [MustCheck]
    internal static int __anon_vma_prepare(vm_area_struct vma)
    {
        mm_struct mm = vma.vm_mm;
        anon_vma? anon_vma = find_mergeable_anon_vma(vma);
        if (anon_vma is null)
        {
            if (should_fail(mm.kernel, "anon_vma"))
                return -ENOMEM;
            anon_vma = new anon_vma(mm.kernel);
        }

        // A concurrent fault may have been faster.
        spin_lock(mm.page_table_lock);
        if (vma.anon_vma is null)
        {
            anon_vma_chain_link(vma, anon_vma);
            anon_vma.num_active_vmas++;
            Volatile.Write(ref vma.anon_vma, anon_vma);
        }

        spin_unlock(mm.page_table_lock);
        if (Volatile.Read(ref anon_vma.refcount) == 0)
            free_anon_vma(anon_vma);
        return 0;
    }

    /// <summary>Makes <paramref name="dst"/> see all families of <paramref name="src"/>. A forked copy without a family takes one that nobody owns.</summary>
    [MustCheck]
    internal static int anon_vma_clone(vm_area_struct dst, vm_area_struct src)
    {
        if (src.anon_vma_chain is null)
            return 0;
        if (should_fail(dst.vm_mm.kernel, "anon_vma_chain"))
            return -ENOMEM;
        foreach (anon_vma anon_vma in src.anon_vma_chain)
        {
            anon_vma_chain_link(dst, anon_vma);
            if (dst.anon_vma is null && src.anon_vma is not null && anon_vma.num_children < 2 && anon_vma.num_active_vmas == 0)
                dst.anon_vma = anon_vma;
        }

        if (dst.anon_vma is not null)
            dst.anon_vma.num_active_vmas++;
        return 0;
    }

    /// <summary>The families of a child's area: all of the parent's, and one of its own for what it writes itself.</summary>
    [MustCheck]
    internal static int anon_vma_fork(vm_area_struct vma, vm_area_struct pvma)
    {
        if (pvma.anon_vma is null)
            return 0;
        vma.anon_vma = null;
        int error = anon_vma_clone(vma, pvma);
        if (error != 0)
            return error;
        if (vma.anon_vma is not null)
            return 0;
        if (should_fail(vma.vm_mm.kernel, "anon_vma"))
        {
            unlink_anon_vmas(vma);
            return -ENOMEM;
        }

        anon_vma anon_vma = new(vma.vm_mm.kernel) { parent = pvma.anon_vma, num_active_vmas = 1 };
        pvma.anon_vma.num_children++;
        anon_vma_chain_link(vma, anon_vma);
        vma.anon_vma = anon_vma;
        return 0;
    }

    internal static void unlink_anon_vmas(vm_area_struct vma)
    {
        if (vma.anon_vma is not null)
            vma.anon_vma.num_active_vmas--;
        vma.anon_vma = null;
        if (vma.anon_vma_chain is not { } chain)
            return;
        vma.anon_vma_chain = null;
        foreach (anon_vma anon_vma in chain)
        {
            if (Interlocked.Decrement(ref anon_vma.refcount) == 0)
                free_anon_vma(anon_vma);
        }
    }

    private static void anon_vma_chain_link(vm_area_struct vma, anon_vma anon_vma)
    {
        (vma.anon_vma_chain ??= []).Add(anon_vma);
        Interlocked.Increment(ref anon_vma.refcount);
    }

    private static void free_anon_vma(anon_vma anon_vma)
    {
        if (anon_vma.parent is not null)
            anon_vma.parent.num_children--;
        anon_vma.kernel.anon_vmas.Remove(anon_vma.Id);
        anon_vma.Id = 0;
    }
}
