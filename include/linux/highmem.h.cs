// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/highmem.h, Linux 6.18.
namespace Linux;

/// <summary>
/// Access to the contents of pages. All memory is in the direct map unless it was taken out, so a mapping is an address there: nothing is
/// made, nothing needs a flush, and a page that is out of the direct map faults.
/// </summary>
internal static unsafe class HighmemH
{
    internal static ulong kmap(page page)
    {
        might_sleep();
        return page_address(page);
    }

    internal static void kunmap(page page)
    {
    }

    internal static ulong kmap_local_page(page page) => page_address(page);

    internal static ulong kmap_local_folio([BorrowsReference] folio folio, ulong offset) => folio_address(folio) + offset;

    internal static void kunmap_local(ulong addr)
    {
    }

    internal static void clear_highpage(page page)
    {
        task_struct task = current;
        NativeMemory.Clear(KernelAccess.Write(task, Address(task, page)), (nuint)PAGE_SIZE);
        task.rq.hw.Count(HwEvent.PageClear);
    }

    /// <summary>
    /// <see cref="clear_highpage"/> of a page that reads as zero already: the kernel's access happens and is priced, but the host need not
    /// commit memory for it.
    /// </summary>
    internal static void ClearUntouchedHighpage(page page)
    {
        task_struct task = current;
        _ = KernelAccess.Write(task, Address(task, page));
        task.rq.hw.Count(HwEvent.PageClear);
    }

    /// <summary>Without tag checking this is <see cref="clear_highpage"/>.</summary>
    internal static void clear_highpage_kasan_tagged(page page) => clear_highpage(page);

    internal static void copy_highpage(page to, page from)
    {
        task_struct task = current;
        byte* source = KernelAccess.Read(task, Address(task, from));
        NativeMemory.Copy(source, KernelAccess.Write(task, Address(task, to)), (nuint)PAGE_SIZE);
        task.rq.hw.Count(HwEvent.PageCopy);
    }

    internal static void memcpy_from_page(Span<byte> to, page page, ulong offset)
    {
        BUG_ON(offset + (ulong)to.Length > PAGE_SIZE);
        task_struct task = current;
        KernelAccess.CopyOut(task, Address(task, page) + offset, to);
    }

    internal static void memcpy_to_page(page page, ulong offset, ReadOnlySpan<byte> from)
    {
        BUG_ON(offset + (ulong)from.Length > PAGE_SIZE);
        task_struct task = current;
        KernelAccess.CopyIn(task, Address(task, page) + offset, from);
    }

    internal static void memzero_page(page page, ulong offset, ulong len)
    {
        task_struct task = current;
        KernelAccess.Clear(task, Address(task, page) + offset, len);
    }

    internal static void memcpy_from_folio(Span<byte> to, [BorrowsReference] folio folio, ulong offset)
    {
        BUG_ON(offset + (ulong)to.Length > folio_size(folio));
        task_struct task = current;
        KernelAccess.CopyOut(task, Address(task, folio.page) + offset, to);
    }

    internal static void memcpy_to_folio([BorrowsReference] folio folio, ulong offset, ReadOnlySpan<byte> from)
    {
        BUG_ON(offset + (ulong)from.Length > folio_size(folio));
        task_struct task = current;
        KernelAccess.CopyIn(task, Address(task, folio.page) + offset, from);
    }

    /// <summary>Zeroes from byte <paramref name="start"/> up to but not including byte <paramref name="xend"/>.</summary>
    internal static void folio_zero_segment([BorrowsReference] folio folio, ulong start, ulong xend) => folio_zero_range(folio, start, xend - start);

    internal static void folio_zero_range([BorrowsReference] folio folio, ulong start, ulong length)
    {
        BUG_ON(start + length > folio_size(folio));
        task_struct task = current;
        KernelAccess.Clear(task, Address(task, folio.page) + start, length);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Address(task_struct task, page page) => (page_to_pfn(page) << PAGE_SHIFT) + task.kernel.PhysicalToDirectMap;
}
