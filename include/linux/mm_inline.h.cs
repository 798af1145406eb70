// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/mm_inline.h, Linux 6.18.
namespace Linux;

internal static class MmInlineH
{
    /// <summary>Whether the folio belongs on the file lists: everything that has no swap behind it.</summary>
    internal static bool folio_is_file_lru(folio folio) => !folio_test_swapbacked(folio);
}
