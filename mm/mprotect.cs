// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/mprotect.c, Linux 6.18.
namespace Linux;

internal static unsafe class Mprotect
{
    /// <summary>Changes one area's access rights in a range; it may become, or become part of, another area.</summary>
    [MustHold("vma.vm_mm.mmap_lock")]
    [MightSleep]
    [MustCheck]
    internal static int mprotect_fixup(vm_area_struct vma, ref vm_area_struct? pprev, ulong start, ulong end, ulong newflags)
    {
        mm_struct mm = vma.vm_mm;
        ulong oldflags = vma.vm_flags;
        long nrpages = (long)((end - start) >> PAGE_SHIFT);
        long charged = 0;
        if (newflags == oldflags)
        {
            pprev = vma;
            return 0;
        }

        if ((newflags & VM_WRITE) != 0)
        {
            if (!may_expand_vm(mm, newflags, (ulong)nrpages) && may_expand_vm(mm, oldflags, (ulong)nrpages))
                return -ENOMEM;
            if ((oldflags & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE)) == 0)
            {
                charged = nrpages;
                if (security_vm_enough_memory_mm(mm, charged) != 0)
                    return -ENOMEM;
                newflags |= VM_ACCOUNT;
            }
        }
        else if ((oldflags & VM_ACCOUNT) != 0 && vma_is_anonymous(vma) && vma.anon_vma is null)
        {
            // Nothing was written yet, so the charge can be given back.
            newflags &= ~VM_ACCOUNT;
        }

        ErrPtr<vm_area_struct> modified = vma_modify_flags(pprev, vma, start, end, ref newflags);
        if (IS_ERR(modified))
        {
            vm_unacct_memory(mm.kernel, charged);
            return PTR_ERR(modified);
        }

        vma = modified.Value;
        mmap_assert_write_locked(vma.vm_mm);
        pprev = vma;
        vm_flags_reset(vma, newflags);
        vma_set_page_prot(vma);
        change_protection(vma, start, end);
        if ((oldflags & VM_ACCOUNT) != 0 && (newflags & VM_ACCOUNT) == 0)
            vm_unacct_memory(mm.kernel, nrpages);

        // Locked private memory that becomes writable is copied now, so that no later store has to wait for it.
        if ((oldflags & (VM_WRITE | VM_SHARED | VM_LOCKED)) == VM_LOCKED && (newflags & VM_WRITE) != 0)
            _ = populate_vma_page_range(vma, start, end);
        vm_stat_account(mm, oldflags, -nrpages);
        vm_stat_account(mm, newflags, nrpages);
        return 0;
    }

    [MightSleep]
    internal static long sys_mprotect(ulong start, ulong len, ulong prot) => do_mprotect_pkey(start, len, prot);

    /// <summary>Rewrites the entries of a range for the area's new rights. Only entries that exist; the rest follows at faults.</summary>
    [MightSleep]
    internal static void change_protection(vm_area_struct vma, ulong start, ulong end)
    {
        mm_struct mm = vma.vm_mm;
        Arch arch = mm.arch;
        task_struct task = current;

        // Private pages that are the owner's alone, and shared ones that need no notice, may be writable at once.
        bool try_write = (vma.vm_flags & VM_SHARED) != 0 ? vma_wants_writenotify(vma) : (vma.vm_flags & VM_WRITE) != 0;
        mmu_notifier_range range = default;
        ulong changed_from = end;
        ulong changed_to = start;
        pt_cursor cursor = new(mm);
        for (ulong addr = start; addr < end;)
        {
            // Subscribers hear of it only if there is a table in the range.
            ulong table = cursor.WalkPte(addr, out ulong next);
            ulong stop = Math.Min(next, end);
            if (table == 0)
            {
                addr = stop;
                continue;
            }

            if (range.start == 0)
            {
                mmu_notifier_range_init(ref range, mmu_notifier_event.MMU_NOTIFY_PROTECTION_VMA, 0, mm, addr, end);
                mmu_notifier_invalidate_range_start(ref range);
            }

            if (stop - addr != PMD_SIZE)
                split_huge_pmd(mm.kernel, table);
            spin_lock(mm.page_table_lock);
            ulong* pte = (ulong*)mm.memory.Host(table) + pte_index(addr);
            for (; addr < stop; addr += PAGE_SIZE, pte++)
            {
                pte_t oldpte = ptep_get(pte);
                if (oldpte.val == 0 || !arch.pte_present(oldpte))
                    continue;
                pte_t ptent;
                do
                {
                    // The MMU may set the dirty bit at any time before the entry is replaced.
                    oldpte = ptep_get(pte);
                    ptent = arch.pte_modify(oldpte, vma.vm_page_prot);
                    if (try_write && !arch.pte_write(ptent) && can_change_pte_writable(vma, ptent))
                        ptent = arch.pte_mkwrite(ptent);
                }
                while (!ptep_try_replace(task, pte, oldpte, ptent));
                if (ptent == oldpte)
                    continue;
                changed_from = Math.Min(changed_from, addr);
                changed_to = Math.Max(changed_to, addr + PAGE_SIZE);
            }

            spin_unlock(mm.page_table_lock);
        }

        if (changed_from < changed_to)
            arch.flush_tlb_mm_range(mm, changed_from, changed_to, PAGE_SHIFT, freed_tables: false);
        if (range.start != 0)
            mmu_notifier_invalidate_range_end(ref range);
    }

    /// <summary>Whether a store would find nothing to do but set the write bit.</summary>
    private static bool can_change_pte_writable(vm_area_struct vma, pte_t pte)
    {
        if ((vma.vm_flags & VM_WRITE) == 0 || (vma.uffd_flags & (uint)VM_UFFD_WP) != 0)
            return false;
        mm_struct mm = vma.vm_mm;
        if ((vma.vm_flags & VM_SHARED) != 0)
            return mm.arch.pte_dirty(pte);
        page page = vm_normal_page(vma, pte);
        return !page.IS_NULL && folio_test_anon(page_folio(page)) && PageAnonExclusive(page);
    }

    [MightSleep]
    private static int do_mprotect_pkey(ulong start, ulong len, ulong prot)
    {
        mm_struct mm = current.mm!;
        ulong grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
        prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP);
        if (grows == (PROT_GROWSDOWN | PROT_GROWSUP))
            return -EINVAL;
        if ((start & ~PAGE_MASK) != 0)
            return -EINVAL;
        if (len == 0)
            return 0;
        len = PAGE_ALIGN(len);
        ulong end = start + len;
        if (end <= start)
            return -ENOMEM;
        if (!arch_validate_prot(prot))
            return -EINVAL;
        if (down_write_killable(mm.mmap_lock) != 0)
            return -EINTR;

        int error = -ENOMEM;
        vm_area_struct? vma = find_vma_intersection(mm, start, end);
        if (vma is null)
            goto @out;
        if (grows == PROT_GROWSDOWN)
        {
            start = vma.vm_start;
            error = -EINVAL;
            if ((vma.vm_flags & VM_GROWSDOWN) == 0)
                goto @out;
        }
        else
        {
            if (vma.vm_start > start)
                goto @out;
            if (grows == PROT_GROWSUP)
            {
                // No area grows upwards on these machines.
                error = -EINVAL;
                goto @out;
            }
        }

        vm_area_struct? prev = start > vma.vm_start ? vma : vma.Previous;
        ulong nstart = start;
        ulong tmp = vma.vm_start;
        error = 0;
        while (vma is not null && vma.vm_start < end)
        {
            if (vma.vm_start != tmp)
            {
                error = -ENOMEM;
                break;
            }

            ulong newflags = calc_vm_prot_bits(prot) | (vma.vm_flags & ~VM_ACCESS_FLAGS);

            // The VM_MAY bits are the access bits shifted by four.
            if (((newflags & ~(newflags >> 4)) & VM_ACCESS_FLAGS) != 0)
            {
                error = -EACCES;
                break;
            }

            tmp = Math.Min(vma.vm_end, end);
            mmap_assert_write_locked(vma.vm_mm);
            error = mprotect_fixup(vma, ref prev, nstart, tmp, newflags);
            if (error != 0)
                break;
            vma = prev!;

            // A merge may have taken in what follows, which then is as it should be.
            tmp = Math.Max(tmp, vma.vm_end);
            nstart = tmp;
            vma = vma.Next;
        }

        if (error == 0 && tmp < end)
            error = -ENOMEM;
    @out:
        up_write(mm.mmap_lock);
        return error;
    }
}
