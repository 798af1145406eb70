// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/attr.c, Linux 6.18.
namespace Linux;

internal static class Attr
{
    /// <summary>Changes attributes through the inode's own setattr. Under i_rwsem held for writing.</summary>
    [MustCheck]
    [MustHold("inode.i_rwsem")]
    internal static int notify_change(inode inode, ref iattr attr)
    {
        if (inode.i_op.setattr is { } setattr)
            return setattr(inode, in attr);
        return simple_setattr(inode, in attr);
    }

    internal static void setattr_copy(inode inode, in iattr attr)
    {
        if ((attr.ia_valid & ATTR_UID) != 0)
            inode.i_uid = attr.ia_uid;
        if ((attr.ia_valid & ATTR_GID) != 0)
            inode.i_gid = attr.ia_gid;
        if ((attr.ia_valid & ATTR_MODE) != 0)
            inode.i_mode = (inode.i_mode & S_IFMT) | (attr.ia_mode & 0xFFF);
    }
}
