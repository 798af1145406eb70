// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/inode.c, Linux 6.18.
namespace Linux;

internal sealed partial class Kernel
{
    private LiveKind? _liveInodes;

    internal LiveKind LiveInodes => _liveInodes ??= LiveKind("inode");
}

internal static class Inode
{
    /// <summary>A new inode with one reference, or null without memory.</summary>
    [return: ReturnsReference]
    internal static inode? new_inode(Kernel kernel, super_block sb)
    {
        if (should_fail(kernel, "inode_cache"))
            return null;
        var inode = new inode(kernel, sb);
        kernel.LiveInodes.Born(inode, $"{sb.s_type}:{inode.i_ino}");
        return inode;
    }

    internal static void ihold([AcquiresReference] inode inode) => WARN_ON(Interlocked.Increment(ref inode.i_count) < 2);

    /// <summary>Drops a reference; the last one evicts the inode's pages and frees it.</summary>
    [MightSleep]
    internal static void iput([DropsReference] inode inode)
    {
        int count = Interlocked.Decrement(ref inode.i_count);
        BUG_ON(count < 0);
        if (count == 0)
            evict(inode);
    }

    internal static long i_size_read(inode inode) => Volatile.Read(ref inode.i_size);

    internal static void i_size_write(inode inode, long size) => Volatile.Write(ref inode.i_size, size);

    internal static inode file_inode(@file file) => file.f_inode;

    /// <summary>Notes that the contents changed; times are not modelled, the version is.</summary>
    internal static int file_modified(@file file)
    {
        Interlocked.Increment(ref file.f_inode.i_version);
        return 0;
    }

    [MightSleep]
    private static void evict(inode inode)
    {
        super_operations op = inode.i_sb.s_op;
        if (op.evict_inode is { } evict_inode)
            evict_inode(inode);
        else
            truncate_inode_pages_final(inode.i_data);
        WARN_ON_ONCE(Volatile.Read(ref inode.i_data.nrpages) != 0);
        op.destroy_inode?.Invoke(inode);
        xa_destroy(inode.i_data.i_pages);
        inode.kernel.mappings.Remove(inode.i_data.Id);
        inode.i_data.Id = 0;
        op.free_inode?.Invoke(inode);
        inode.kernel.LiveInodes.Died(inode);
    }
}
