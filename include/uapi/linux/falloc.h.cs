// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/uapi/linux/falloc.h, Linux 6.18.
namespace Linux;

internal static class FallocH
{
    internal const int FALLOC_FL_ALLOCATE_RANGE = 0x00;
    internal const int FALLOC_FL_KEEP_SIZE = 0x01;
    internal const int FALLOC_FL_PUNCH_HOLE = 0x02;
    internal const int FALLOC_FL_NO_HIDE_STALE = 0x04;
    internal const int FALLOC_FL_COLLAPSE_RANGE = 0x08;
    internal const int FALLOC_FL_ZERO_RANGE = 0x10;
    internal const int FALLOC_FL_INSERT_RANGE = 0x20;
    internal const int FALLOC_FL_UNSHARE_RANGE = 0x40;
    internal const int FALLOC_FL_WRITE_ZEROES = 0x80;
}
