// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/libfs.c, Linux 6.18.
namespace Linux;

internal static class Libfs
{
    /// <summary>setattr of file systems without a backing store.</summary>
    [MustCheck]
    internal static int simple_setattr(inode inode, in iattr attr)
    {
        if ((attr.ia_valid & ATTR_SIZE) != 0)
            truncate_setsize(inode, attr.ia_size);
        setattr_copy(inode, in attr);
        return 0;
    }
}
