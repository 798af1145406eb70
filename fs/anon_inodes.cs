// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/anon_inodes.c, Linux 6.18.
namespace Linux;

internal sealed partial class Kernel
{
    /// <summary>The one mount of anonymous inodes; no file of it may be executed.</summary>
    internal readonly super_block anon_inode_mnt = new() { s_type = "anon_inodefs", s_magic = MagicH.ANON_INODE_FS_MAGIC, s_iflags_noexec = true };

    /// <summary>The inode that all files of anon_inode_getfile() share.</summary>
    internal inode? anon_inode_inode;
}

internal static class AnonInodes
{
    /// <summary>The attributes of an inode that many files share are nobody's to change.</summary>
    private static readonly inode_operations anon_inode_operations = new() { setattr = anon_inode_setattr };

    internal static int anon_inode_init(Kernel kernel)
    {
        inode? inode = new_inode(kernel, kernel.anon_inode_mnt);
        if (inode is null)
            return -ENOMEM;
        inode.i_mode = S_IRUSR | S_IWUSR;
        inode.i_op = anon_inode_operations;
        kernel.anon_inode_inode = inode;
        kernel.RegisterExit("anon_inodes", () =>
        {
            iput(inode);
            kernel.anon_inode_inode = null;
        });
        return 0;
    }

    /// <summary>An inode of its own that security modules get to see.</summary>
    [ErrorPointer]
    [return: ReturnsReference]
    internal static ErrPtr<inode> anon_inode_make_secure_inode(Kernel kernel, super_block sb, string name, inode? context_inode)
    {
        inode? inode = new_inode(kernel, sb);
        if (inode is null)
            return ERR_PTR<inode>(-ENOMEM);
        inode.i_mode = S_IRUSR | S_IWUSR;
        inode.i_op = anon_inode_operations;
        task_struct task = current;
        inode.IS_ANON_FILE = true;
        inode.i_uid = task.fsuid;
        inode.i_gid = task.fsgid;
        HandOver(inode, to: "the caller, in the error pointer");
        return inode;
    }

    private static int anon_inode_setattr(inode inode, in iattr attr) => -EOPNOTSUPP;

    /// <summary>A file on the shared anonymous inode.</summary>
    [ErrorPointer]
    [return: ReturnsReference]
    internal static ErrPtr<@file> anon_inode_getfile(Kernel kernel, string name, file_operations fops, object? priv, uint flags) =>
        __anon_inode_getfile(kernel, name, fops, priv, flags, make_inode: false);

    /// <summary>A file on an inode of its own.</summary>
    [ErrorPointer]
    [return: ReturnsReference]
    internal static ErrPtr<@file> anon_inode_create_getfile(Kernel kernel, string name, file_operations fops, object? priv, uint flags) =>
        __anon_inode_getfile(kernel, name, fops, priv, flags, make_inode: true);

    [ErrorPointer]
    [return: ReturnsReference]
    private static ErrPtr<@file> __anon_inode_getfile(Kernel kernel, string name, file_operations fops, object? priv, uint flags, bool make_inode)
    {
        inode inode;
        if (make_inode)
        {
            ErrPtr<inode> made = anon_inode_make_secure_inode(kernel, kernel.anon_inode_mnt, name, null);
            if (IS_ERR(made))
                return ERR_PTR<@file>(PTR_ERR(made));
            inode = made.Value;
        }
        else
        {
            inode = kernel.anon_inode_inode!;
            ihold(inode);
        }

        ErrPtr<@file> file = alloc_file_pseudo(inode, "anon_inode:" + name, flags & (O_ACCMODE | O_NONBLOCK), fops);
        if (IS_ERR(@file))
        {
            iput(inode);
            return file;
        }

        HandOver(inode, to: "the file");
        file.Value.private_data = priv;
        return file;
    }
}
