// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/maccess.c, Linux 6.18.
namespace Linux;

internal static class Maccess
{
    /// <summary>Reads kernel memory that may not be mapped: 0, or -EFAULT with what was read before the fault.</summary>
    [MustCheck]
    internal static int copy_from_kernel_nofault(Span<byte> dst, ulong src) => KernelAccess.TryCopyOut(current, src, dst);

    /// <summary>Writes kernel memory that may not be mapped: 0, or -EFAULT with what was written before the fault.</summary>
    [MustCheck]
    internal static int copy_to_kernel_nofault(ulong dst, ReadOnlySpan<byte> src) => KernelAccess.TryCopyIn(current, dst, src);
}
