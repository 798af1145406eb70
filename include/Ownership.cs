// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// Notes for the analyzers, without code: a count changes hands in a way that no signature can say. A page-table entry or a descriptor keeps the
/// count of whoever made it, an error pointer carries one, a function keeps its argument only when it succeeds.
/// </summary>
internal static class Ownership
{
    private const string Why = "the new holder is memory, or a case, that the analysis cannot see";

    /// <summary>The caller's count belongs to somebody else from here on.</summary>
    [ContextUnsafe(Why)]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void HandOver([ConsumesReference] folio folio, string to)
    {
    }

    /// <summary>The same, of a folio that stays locked.</summary>
    [Releases("folio")]
    [ContextUnsafe(Why)]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void HandOverLocked([ConsumesReference] folio folio, string to)
    {
    }

    /// <inheritdoc cref="HandOver(folio, string)"/>
    [ContextUnsafe(Why)]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void HandOver([ConsumesReference] inode inode, string to)
    {
    }

    /// <inheritdoc cref="HandOver(folio, string)"/>
    [ContextUnsafe(Why)]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void HandOver([ConsumesReference] @file file, string to)
    {
    }

    /// <inheritdoc cref="HandOver(folio, string)"/>
    [ContextUnsafe(Why)]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void HandOver([ConsumesReference] mm_struct mm, string to)
    {
    }

    /// <inheritdoc cref="HandOver(folio, string)"/>
    [ContextUnsafe(Why)]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void HandOver([ConsumesReference] kvm kvm, string to)
    {
    }

    /// <summary>A count of somebody else belongs to the caller from here on.</summary>
    [ContextUnsafe(Why)]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void TakeOver([AcquiresReference] folio folio, string from)
    {
    }
}
