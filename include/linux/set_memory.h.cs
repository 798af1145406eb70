// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/set_memory.h, Linux 6.18; addresses in place of pages follow the direct-map series v12.
namespace Linux;

/// <summary>
/// Presence of pages in the direct map. Addresses are addresses there, page aligned. The change itself is not flushed; a split that it needs
/// flushes everything.
/// </summary>
internal static class SetMemoryH
{
    /// <summary>Whether the calls below do anything; where they do not, they return 0 all the same.</summary>
    internal static bool can_set_direct_map(Kernel kernel) => kernel.arch.can_set_direct_map(kernel);

    [MustCheck]
    [MightSleep]
    internal static int set_direct_map_invalid_noflush(ulong addr)
    {
        Kernel kernel = current.kernel;
        return kernel.arch.set_direct_map_invalid_noflush(kernel, addr);
    }

    [MustCheck]
    internal static int set_direct_map_default_noflush(ulong addr)
    {
        Kernel kernel = current.kernel;
        return kernel.arch.set_direct_map_default_noflush(kernel, addr);
    }

    [MustCheck]
    [MightSleep]
    internal static int set_direct_map_valid_noflush(ulong addr, ulong numpages, bool valid)
    {
        Kernel kernel = current.kernel;
        return kernel.arch.set_direct_map_valid_noflush(kernel, addr, numpages, valid);
    }

    internal static bool kernel_page_present(page page) => page_kernel(page).arch.kernel_page_present(page);
}
