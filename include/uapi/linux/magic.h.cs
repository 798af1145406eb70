// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/uapi/linux/magic.h, Linux 6.18.
namespace Linux;

internal static class MagicH
{
    internal const ulong TMPFS_MAGIC = 0x01021994;
    internal const ulong EXT4_SUPER_MAGIC = 0xEF53;
    internal const ulong PIPEFS_MAGIC = 0x50495045;
    internal const ulong DEVTMPFS_MAGIC = TMPFS_MAGIC;
    internal const ulong ANON_INODE_FS_MAGIC = 0x09041934;
    internal const ulong SECRETMEM_MAGIC = 0x5345434d;
    internal const ulong GUEST_MEMFD_MAGIC = 0x474d454d;
}
