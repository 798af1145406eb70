// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

internal sealed partial class Kernel
{
    /// <summary>Device nodes.</summary>
    internal readonly super_block dev_mnt = new() { s_type = "devtmpfs", s_magic = MagicH.DEVTMPFS_MAGIC, s_xattr = true };
}

/// <summary>The few device nodes that traces and virtual machine monitors open: /dev/null and /dev/kvm.</summary>
internal static class DeviceFiles
{
    private static readonly file_operations null_fops = new()
    {
        open = static (_, file) =>
        {
            file.f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
            return 0;
        },
        llseek = static (file, _, _) => file.f_pos = 0,
        read_iter = static (@file _, Span<byte> _, ref long _) => 0,
        write_iter = static (@file _, ReadOnlySpan<byte> buffer, ref long _) => buffer.Length,
        splice_write = static (@file _, ReadOnlySpan<byte> buffer, ref long _) => buffer.Length,
    };

    internal static int OpenNull(Kernel kernel) => Open(kernel, "/dev/null", null_fops);

    internal static int OpenKvm(Kernel kernel) => Open(kernel, "/dev/kvm", KvmDevice(kernel));

    private static file_operations KvmDevice(Kernel kernel) => kernel.KvmCharDevice ?? throw new KernelOops("no /dev/kvm: KVM was not initialised");

    private static int Open(Kernel kernel, string path, file_operations fops)
    {
        int fd = get_unused_fd_flags(0);
        if (fd < 0)
            return fd;
        inode? inode = new_inode(kernel, kernel.dev_mnt);
        if (inode is null)
        {
            put_unused_fd(fd);
            return -ENOMEM;
        }

        inode.i_mode = S_IFCHR | 0x1B6;
        inode.i_fop = fops;
        ErrPtr<@file> file = alloc_file_pseudo(inode, path, O_RDWR | O_LARGEFILE, fops);
        if (IS_ERR(@file))
        {
            iput(inode);
            put_unused_fd(fd);
            return PTR_ERR(@file);
        }

        HandOver(inode, to: "the file");
        file.Value.f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
        fd_install(fd, file.Value);
        return fd;
    }
}

internal sealed partial class Kernel
{
    /// <summary>Functions of /dev/kvm, registered by KVM when it is initialised; fs must not name virt.</summary>
    internal file_operations? KvmCharDevice { get; set; }
}
