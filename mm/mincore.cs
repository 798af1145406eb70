// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/mincore.c, Linux 6.18.
namespace Linux;

internal static unsafe class Mincore
{
    /// <summary>Tells for each page of the range whether a touch would need no I/O; the bytes go to user memory at <paramref name="vec"/>.</summary>
    [MightSleep]
    internal static long sys_mincore(ulong start, ulong len, ulong vec)
    {
        mm_struct mm = current.mm!;
        if ((start & ~PAGE_MASK) != 0)
            return -EINVAL;
        if (!access_ok(start, len))
            return -ENOMEM;
        ulong pages = len >> PAGE_SHIFT;
        pages += (len & ~PAGE_MASK) != 0 ? 1UL : 0;
        if (!access_ok(vec, pages))
            return -EFAULT;
        if (should_fail(mm.kernel, "fail_page_alloc"))
            return -EAGAIN;
        byte* tmp = stackalloc byte[(int)PAGE_SIZE];
        while (pages != 0)
        {
            // The lock is dropped between the parts, for the copy may fault.
            down_read(mm.mmap_lock);
            long retval = do_mincore(mm, start, Math.Min(pages, PAGE_SIZE), tmp);
            up_read(mm.mmap_lock);
            if (retval <= 0)
                return retval;
            if (copy_to_user(vec, tmp, (ulong)retval) != 0)
                return -EFAULT;
            pages -= (ulong)retval;
            vec += (ulong)retval;
            start += (ulong)retval << PAGE_SHIFT;
        }

        return 0;
    }

    /// <summary>A page counts as in core if it is in the page cache and valid, whether or not anyone maps it.</summary>
    private static byte mincore_page(address_space mapping, pgoff_t index)
    {
        folio folio = filemap_get_folio(mapping, index);
        if (IS_ERR(folio) || folio.IS_NULL)
            return 0;
        byte present = folio_test_uptodate(folio) ? (byte)1 : (byte)0;
        folio_put(folio);
        return present;
    }

    private static void __mincore_unmapped_range(ulong addr, ulong end, vm_area_struct vma, byte* vec)
    {
        pgoff_t pgoff = linear_page_index(vma, addr);
        for (ulong i = 0; addr < end; addr += PAGE_SIZE, i++, pgoff++)
            vec[i] = vma.vm_file is { } file ? mincore_page(file.f_mapping, pgoff) : (byte)0;
    }

    private static bool can_do_mincore(vm_area_struct vma)
    {
        if (vma_is_anonymous(vma))
            return true;
        if (vma.vm_file is not { } file)
            return false;

        // What others read is not told to who could not write the file.
        return file.f_inode.i_uid == current.fsuid || (file.f_mode & FMODE_WRITE) != 0 || current.fsuid == 0;
    }

    [MustHoldShared("mm.mmap_lock")]
    private static long do_mincore(mm_struct mm, ulong addr, ulong pages, byte* vec)
    {
        vm_area_struct? vma = vma_lookup(mm, addr);
        if (vma is null)
            return -ENOMEM;
        ulong end = Math.Min(vma.vm_end, addr + (pages << PAGE_SHIFT));
        long count = (long)((end - addr) >> PAGE_SHIFT);
        if (!can_do_mincore(vma))
        {
            new Span<byte>(vec, (int)count).Fill(1);
            return count;
        }

        pt_cursor cursor = new(mm);
        while (addr < end)
        {
            ulong table = cursor.WalkPte(addr, out ulong next);
            ulong stop = Math.Min(next, end);
            if (table == 0)
            {
                __mincore_unmapped_range(addr, stop, vma, vec);
                vec += (stop - addr) >> PAGE_SHIFT;
                addr = stop;
                continue;
            }

            ulong* pte = (ulong*)mm.memory.Host(table) + pte_index(addr);
            for (; addr < stop; addr += PAGE_SIZE, pte++, vec++)
            {
                pte_t ptent = ptep_get(pte);

                // A marker says nothing about the page.
                if (ptent.val != 0 && mm.arch.pte_present(ptent))
                    *vec = 1;
                else
                    __mincore_unmapped_range(addr, addr + PAGE_SIZE, vma, vec);
            }
        }

        return count;
    }
}
