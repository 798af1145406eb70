// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/page_ref.h, Linux 6.18.
namespace Linux;

internal static unsafe class PageRefH
{
    internal static int page_ref_count(page page) => Volatile.Read(ref page.Frame->_refcount);

    internal static int page_count(page page) => folio_ref_count(page_folio(page));

    internal static void set_page_count(page page, int v) => Volatile.Write(ref page.Frame->_refcount, v);

    /// <summary>One reference for whoever a fresh page goes to.</summary>
    internal static void init_page_count(page page) => set_page_count(page, 1);

    internal static void folio_ref_add([BorrowsReference] folio folio, int nr) => Interlocked.Add(ref folio.Frame->_refcount, nr);

    internal static bool folio_ref_sub_and_test([BorrowsReference] folio folio, int nr) => Interlocked.Add(ref folio.Frame->_refcount, -nr) == 0;

    internal static bool page_ref_dec_and_test(page page) => Interlocked.Decrement(ref page.Frame->_refcount) == 0;

    /// <summary>Adds references unless there is none: then the folio is being freed or frozen.</summary>
    internal static bool folio_ref_try_add([BorrowsReference] folio folio, int nr)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        ref int count = ref folio.Frame->_refcount;
        int old = Volatile.Read(ref count);
        while (old != 0)
        {
            int seen = Interlocked.CompareExchange(ref count, old + nr, old);
            if (seen == old)
                return true;
            old = seen;
        }

        return false;
    }

    /// <summary>Takes the last <paramref name="count"/> references and keeps others from getting one; false if there are more.</summary>
    internal static bool folio_ref_freeze([BorrowsReference] folio folio, int count)
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        return Interlocked.CompareExchange(ref folio.Frame->_refcount, 0, count) == count;
    }

    internal static void folio_ref_unfreeze([BorrowsReference] folio folio, int count) => Volatile.Write(ref folio.Frame->_refcount, count);

    /// <summary>A speculative reference: the caller must check afterwards that the folio is still the one it wanted.</summary>
    internal static bool folio_try_get([BorrowsReference] folio folio) => folio_ref_try_add(folio, 1);
}
