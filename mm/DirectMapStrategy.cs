// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

internal sealed partial class Kernel
{
    /// <summary>How memory leaves the direct map, chosen at boot.</summary>
    internal DirectMapStrategy direct_map
    {
        get => field ?? throw new KernelOops("this kernel has no direct-map strategy");
        init;
    }
}

/// <summary>
/// The seam at which designs for taking memory out of the direct map compete. One per kernel, chosen at boot; the mirrored code calls it
/// at the places where some design acts, and never asks which design it is.
/// </summary>
internal abstract class DirectMapStrategy
{
    /// <summary>Name on the command line.</summary>
    internal abstract string Name { get; }

    /// <summary>Whether GUEST_MEMFD_FLAG_NO_DIRECT_MAP exists at all in this design.</summary>
    internal abstract bool GmemFlag { get; }

    /// <summary>Whether the page cache, rather than secretmem itself, zaps and restores secretmem's folios.</summary>
    internal abstract bool OwnsPageCache { get; }

    /// <summary>
    /// Before a locked folio becomes visible in a mapping with AS_NO_DIRECT_MAP. Sleepable, no spinlock held.
    /// </summary>
    /// <returns>0, or a negative errno with the folio's direct-map entry as it was.</returns>
    [MustCheck]
    [MightSleep]
    [MustHold("folio")]
    internal virtual int PrepareAdd(address_space mapping, [BorrowsReference] folio folio) => 0;

    /// <summary>
    /// After a folio of a mapping with AS_NO_DIRECT_MAP ceased to be visible, or its insertion failed; before free_folio and the puts.
    /// </summary>
    [MustHold("folio")]
    internal virtual void PrepareRemove(address_space mapping, [BorrowsReference] folio folio)
    {
    }

    /// <summary>Fills a locked folio with zeroes, through whatever reaches it, and makes it uptodate.</summary>
    [MightSleep]
    internal abstract void Clear(address_space mapping, [BorrowsReference] folio folio);

    /// <summary>Right before guest_memfd hands out a locked, uptodate folio to a guest or to a user mapping.</summary>
    /// <returns>0, or a negative errno with the folio still present in the direct map and nothing recorded.</returns>
    [MustCheck]
    [MightSleep]
    [MustHold("folio")]
    internal virtual int GmemHandOut(inode inode, [BorrowsReference] folio folio) => 0;

    /// <summary>
    /// Takes a zeroed folio that nobody else knows out of the direct map before secretmem adds it to the page cache. Not called where the
    /// page cache does so itself.
    /// </summary>
    /// <returns>0, or a negative errno with the folio present.</returns>
    [MustCheck]
    [MightSleep]
    internal abstract int SecretmemZap([BorrowsReference] folio folio);

    /// <summary>Undoes <see cref="SecretmemZap"/> for a folio that could not be added.</summary>
    internal abstract void SecretmemRestore([BorrowsReference] folio folio);

    /// <summary>After a zapped folio of secretmem became visible, before it is mapped anywhere.</summary>
    [MightSleep]
    internal virtual void SecretmemAdded(inode inode, [BorrowsReference] folio folio) => Protect(inode, folio);

    /// <summary>Says what is wrong if the direct map does not have, or has, a cached folio of a mapping without direct map; null if all is well.</summary>
    internal abstract string? CheckFolio(address_space mapping, folio folio);

    /// <summary>Tells the audit, once, that from now on nothing may reach the folio through the direct map. The folio is locked.</summary>
    protected static unsafe void Protect(inode inode, folio folio)
    {
        if (folio.Frame->Audited != 0)
            return;
        folio.Frame->Audited = 1;
        task_struct task = current;
        ulong pfn = folio_pfn(folio);
        for (long i = 0; i < folio_nr_pages(folio); i++)
            task.kernel.machine.Exposure.Protect(pfn + (ulong)i, (uint)inode.i_ino, task.rq.hw);
    }

    /// <summary>Tells the audit that the folio is ordinary memory again. Nobody else can find it.</summary>
    internal static unsafe void Unprotect(folio folio)
    {
        if (folio.Frame->Audited == 0)
            return;
        folio.Frame->Audited = 0;
        task_struct task = current;
        ulong pfn = folio_pfn(folio);
        for (long i = 0; i < folio_nr_pages(folio); i++)
            task.kernel.machine.Exposure.Unprotect(pfn + (ulong)i, task.rq.hw);
    }

    /// <summary>Zeroes through the direct map and marks the contents valid.</summary>
    protected static void ClearThroughDirectMap(folio folio)
    {
        folio_zero_range(folio, 0, folio_size(folio));
        folio_mark_uptodate(folio);
    }

    /// <summary>From guest_memfd's free_folio, after the architecture's invalidate hook. Only the folio is alive here.</summary>
    [MustHold("folio")]
    internal virtual void GmemFree([BorrowsReference] folio folio)
    {
    }
}
