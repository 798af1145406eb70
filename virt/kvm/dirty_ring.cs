// SPDX-License-Identifier: GPL-2.0-only
// Mirrors virt/kvm/dirty_ring.c, Linux 6.18.
namespace Linux;

/// <summary>An entry of the ring, as user space sees it.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct kvm_dirty_gfn
{
    internal uint flags;
    internal uint slot;
    internal ulong offset;
}

/// <summary>Pages that a vCPU dirtied, in order, in memory that it shares with user space. Belongs to the task that has the vCPU loaded.</summary>
internal sealed class kvm_dirty_ring
{
    internal required page[] pages { get; init; }

    internal required uint size { get; init; }

    internal uint dirty_index;
}

internal static unsafe class DirtyRing
{
    internal const uint KVM_DIRTY_RING_RSVD_ENTRIES = 64;
    internal const ulong KVM_DIRTY_RING_MAX_ENTRIES = 65536;

    private const uint KVM_DIRTY_GFN_F_DIRTY = 1;

    /// <returns>0, or -ENOMEM with nothing left behind.</returns>
    [MustCheck]
    internal static int kvm_dirty_ring_alloc(kvm kvm, out kvm_dirty_ring? ring, uint size)
    {
        ring = null;
        var pages = new page[size / PAGE_SIZE];
        for (int i = 0; i < pages.Length; i++)
        {
            pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
            if (!pages[i].IS_NULL)
                continue;
            for (int made = 0; made < i; made++)
                put_page(pages[made]);
            return -ENOMEM;
        }

        ring = new kvm_dirty_ring { pages = pages, size = size / (uint)sizeof(kvm_dirty_gfn) };
        return 0;
    }

    internal static void kvm_dirty_ring_free(kvm_dirty_ring ring)
    {
        foreach (page page in ring.pages)
            put_page(page);
    }

    internal static void kvm_dirty_ring_push(kvm_vcpu vcpu, uint slot, ulong offset)
    {
        kvm_dirty_ring ring = vcpu.dirty_ring!;
        uint at = ring.dirty_index & (ring.size - 1);
        uint entries_per_page = (uint)PAGE_SIZE / (uint)sizeof(kvm_dirty_gfn);
        page page = ring.pages[at / entries_per_page];
        var entry = (kvm_dirty_gfn*)vcpu.kvm.kernel.machine.Memory.Host(page_to_pfn(page) << PAGE_SHIFT) + (at % entries_per_page);
        entry->slot = slot;
        entry->offset = offset;

        // Release: user space reads the rest after it has seen the flag.
        Volatile.Write(ref entry->flags, KVM_DIRTY_GFN_F_DIRTY);
        ring.dirty_index++;
    }

    internal static page kvm_dirty_ring_get_page(kvm_dirty_ring ring, ulong offset) => ring.pages[offset];
}
