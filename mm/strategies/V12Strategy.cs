// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// The direct-map series v12: guest_memfd zaps a folio when it first hands it out and remembers that in the folio; secretmem uses the same
/// helpers. The symbols it models are kvm_gmem_folio_zap_direct_map() and kvm_gmem_folio_restore_direct_map() of the series.
/// </summary>
internal sealed class V12Strategy : DirectMapStrategy
{
    /// <summary>Bit of folio->private, changed under the folio lock; in free_folio nobody else can find the folio. Other bits are left alone.</summary>
    internal const ulong KVM_GMEM_FOLIO_NO_DIRECT_MAP = 1UL << 0;

    internal override string Name => "v12";

    internal override bool GmemFlag => true;

    internal override bool OwnsPageCache => false;

    internal override void Clear(address_space mapping, folio folio) => ClearThroughDirectMap(folio);

    internal override int GmemHandOut(inode inode, folio folio)
    {
        if (!mapping_no_direct_map(inode.i_mapping))
            return 0;
        WARN_ON_ONCE(!folio_test_locked(folio));
        if ((folio.@private & KVM_GMEM_FOLIO_NO_DIRECT_MAP) != 0)
            return 0;
        int r = folio_zap_direct_map(folio);
        if (r != 0)
            return r;
        folio.@private |= KVM_GMEM_FOLIO_NO_DIRECT_MAP;
        Protect(inode, folio);
        return 0;
    }

    internal override void GmemFree(folio folio)
    {
        // By the bit and not by the inode's flag: the mapping may be gone.
        if ((folio.@private & KVM_GMEM_FOLIO_NO_DIRECT_MAP) == 0)
            return;
        Unprotect(folio);
        folio_restore_direct_map(folio);
        folio.@private &= ~KVM_GMEM_FOLIO_NO_DIRECT_MAP;
    }

    [ContextUnsafe("the folio is new: nobody else knows it, as in secretmem_fault()")]
    internal override int SecretmemZap(folio folio) => folio_zap_direct_map(folio);

    [ContextUnsafe("the folio is new: nobody else knows it, as in secretmem_fault()")]
    internal override void SecretmemRestore(folio folio) => folio_restore_direct_map(folio);

    internal override string? CheckFolio(address_space mapping, folio folio)
    {
        bool absent = !kernel_page_present(folio.page);
        bool expected = secretmem_mapping(mapping) || (folio.@private & KVM_GMEM_FOLIO_NO_DIRECT_MAP) != 0;
        return absent == expected ? null : $"is {(absent ? "not " : string.Empty)}in the direct map, against what its bit says";
    }
}
