// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/mm/pgd.c, Linux 6.18.
namespace Linux;

internal static class Arm64Pgd
{
    /// <summary>A top-level table for the lower half; the upper half has its own register.</summary>
    /// <returns>Its physical address, 0 without memory.</returns>
    [MustCheck]
    internal static ulong pgd_alloc()
    {
        page page = alloc_page(GFP_PGTABLE_USER);
        return page.IS_NULL ? 0 : page_to_pfn(page) << PAGE_SHIFT;
    }

    internal static void pgd_free(Arm64Arch arch, ulong pgd) => __free_page(pfn_to_page(arch.kernel, pgd >> PAGE_SHIFT));
}
