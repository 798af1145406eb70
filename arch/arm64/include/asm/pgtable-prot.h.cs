// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/include/asm/pgtable-prot.h, Linux 6.18.
namespace Linux;

/// <summary>Software bits of descriptors and the protections made of all of them.</summary>
internal static class PgtableProtH
{
    /// <summary>May be written, by whatever path; hardware takes it as the dirty bit modifier.</summary>
    internal const ulong PTE_WRITE = PTE_DBM;

    /// <summary>Dirty, whatever hardware says.</summary>
    internal const ulong PTE_DIRTY = 1UL << 55;
    internal const ulong PTE_SPECIAL = 1UL << 56;

    /// <summary>Present for software, though not valid: means this only where <see cref="PTE_VALID"/> is clear.</summary>
    internal const ulong PTE_PRESENT_INVALID = PTE_NG;

    internal const ulong PROT_DEFAULT = PTE_TYPE_PAGE | PTE_AF | PTE_SHARED;
    internal const ulong PROT_NORMAL = PROT_DEFAULT | PTE_PXN | PTE_UXN | PTE_WRITE | PTE_DIRTY | (MT_NORMAL << PTE_ATTRINDX_SHIFT);
    internal const ulong _PAGE_DEFAULT = PROT_DEFAULT | (MT_NORMAL << PTE_ATTRINDX_SHIFT);

    internal const ulong _PAGE_KERNEL = PROT_NORMAL;
    internal const ulong _PAGE_KERNEL_RO = (PROT_NORMAL & ~(PTE_WRITE | PTE_DIRTY)) | PTE_RDONLY;

    private const ulong _PAGE_USER = _PAGE_DEFAULT | PTE_USER | PTE_NG | PTE_PXN | PTE_RDONLY;
    private const ulong _PAGE_SHARED_EXEC = _PAGE_USER | PTE_WRITE;

    // Not valid: what is left counts as present because of PTE_PRESENT_INVALID.
    internal static readonly pgprot_t PAGE_NONE = new((_PAGE_DEFAULT & ~PTE_VALID) | PTE_PRESENT_INVALID | PTE_RDONLY | PTE_PXN | PTE_UXN);
    internal static readonly pgprot_t PAGE_SHARED = new(_PAGE_SHARED_EXEC | PTE_UXN);
    internal static readonly pgprot_t PAGE_SHARED_EXEC = new(_PAGE_SHARED_EXEC);
    internal static readonly pgprot_t PAGE_READONLY = new(_PAGE_USER | PTE_UXN);
    internal static readonly pgprot_t PAGE_READONLY_EXEC = new(_PAGE_USER);
}
