// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

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
    internal virtual int PrepareAdd(address_space mapping, [BorrowsReference] folio folio) => 0;

    /// <summary>
    /// After a folio of a mapping with AS_NO_DIRECT_MAP ceased to be visible, or its insertion failed; before free_folio and the puts.
    /// </summary>
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
    internal virtual int GmemHandOut(inode inode, [BorrowsReference] folio folio) => 0;

    /// <summary>From guest_memfd's free_folio, after the architecture's invalidate hook. Only the folio is alive here.</summary>
    internal virtual void GmemFree([BorrowsReference] folio folio)
    {
    }
}
