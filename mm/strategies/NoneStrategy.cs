// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>Linux 6.18 as it is: guest_memfd stays in the direct map, secretmem zaps when it takes a page and flushes after it was added.</summary>
internal sealed class NoneStrategy : DirectMapStrategy
{
    internal override string Name => "none";

    internal override bool GmemFlag => false;

    internal override bool OwnsPageCache => false;

    internal override void Clear(address_space mapping, folio folio) => ClearThroughDirectMap(folio);

    internal override int GmemHandOut(inode inode, folio folio)
    {
        // Nothing is done about it, which is what the audit shows: the guest's memory can be reached for as long as it is the guest's.
        Protect(inode, folio);
        return 0;
    }

    internal override void GmemFree(folio folio) => Unprotect(folio);

    internal override int SecretmemZap(folio folio) => set_direct_map_invalid_noflush(folio_address(folio));

    internal override void SecretmemRestore(folio folio)
    {
        // The split was done when the folio was zapped, so this cannot fail.
        int err = set_direct_map_default_noflush(folio_address(folio));
        WARN_ON_ONCE(err != 0);
    }

    internal override void SecretmemAdded(inode inode, folio folio)
    {
        Kernel kernel = inode.kernel;
        ulong addr = folio_address(folio);
        kernel.arch.flush_tlb_kernel_range(kernel, addr, addr + PAGE_SIZE);
        Protect(inode, folio);
    }

    // Only secretmem has such mappings here, and it zaps before it adds.
    internal override string? CheckFolio(address_space mapping, folio folio) => kernel_page_present(folio.page) ? "is in the direct map" : null;
}
