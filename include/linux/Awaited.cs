// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

internal sealed class anon_vma;

internal sealed class mempolicy;

internal sealed class mmu_notifier_subscriptions;

internal static partial class Memory
{
    internal static void unmap_mapping_folio(folio folio) => BUG_ON(folio_mapped(folio));

    internal static void unmap_mapping_range(address_space mapping, long holebegin, long holelen, int even_cows)
    {
    }
}
