// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/futex/core.c, Linux 6.18.
namespace Linux;

/// <summary>What identifies a futex: an address in an mm, or a place in a file.</summary>
/// <param name="Object">The mm, or the inode's page cache.</param>
/// <param name="Index">Page address in the mm, or page index in the file.</param>
/// <param name="Offset">Byte in the page.</param>
internal readonly record struct futex_key(object? Object, ulong Index, uint Offset);

internal static unsafe partial class Core
{
    /// <summary>Finds out what a futex word is. A private one is not even looked at.</summary>
    /// <returns>0; -EINVAL for a word that is not aligned; -EFAULT for memory that is not there or may not be used.</returns>
    [MightSleep]
    [MustCheck]
    internal static int get_futex_key(ulong uaddr, bool fshared, out futex_key key, bool write)
    {
        key = default;
        mm_struct mm = current.mm!;
        uint offset = (uint)(uaddr & ~PAGE_MASK);
        if ((uaddr & 3) != 0)
            return -EINVAL;
        ulong address = uaddr - offset;
        if (!access_ok(uaddr, sizeof(uint)))
            return -EFAULT;
        if (!fshared)
        {
            key = new futex_key(mm, address, offset);
            return 0;
        }

        page page = default;
        while (true)
        {
            bool ro = false;
            int err = get_user_pages_fast(address, 1, foll_flag.FOLL_WRITE, new Span<page>(ref page));

            // Who only waits or wakes can do with memory that is read-only.
            if (err == -EFAULT && !write)
            {
                err = get_user_pages_fast(address, 1, foll_flag.NONE, new Span<page>(ref page));
                ro = true;
            }

            if (err < 0)
                return err;
            folio folio = page_folio(page);
            if (Volatile.Read(ref folio.Frame->mapping) == 0)
            {
                // The zero page, or a page that was truncated just now.
                folio_lock(folio);
                bool again = Volatile.Read(ref folio.Frame->mapping) != 0;
                folio_unlock(folio);
                put_page(page);
                if (again)
                    continue;
                return -EFAULT;
            }

            if (folio_test_anon(folio))
            {
                put_page(page);

                // A private page that cannot be written never changes, so nobody will ever wake a waiter.
                if (ro)
                    return -EFAULT;
                key = new futex_key(mm, address, offset);
                return 0;
            }

            address_space? mapping = folio_mapping(folio);
            ulong index = folio.index;
            put_page(page);
            if (mapping is null)
                continue;
            key = new futex_key(mapping, index, offset);
            return 0;
        }
    }
}
