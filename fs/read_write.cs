// SPDX-License-Identifier: GPL-2.0-only
// Mirrors fs/read_write.c, Linux 6.18.
namespace Linux;

internal static unsafe class ReadWrite
{
    internal const int SEEK_SET = 0;
    internal const int SEEK_CUR = 1;
    internal const int SEEK_END = 2;
    internal const int SEEK_DATA = 3;
    internal const int SEEK_HOLE = 4;
    internal const ulong MAX_RW_COUNT = int.MaxValue & ~(PAGE_SIZE - 1);

    /// <summary>For files whose position means nothing but which must answer lseek(2) with success.</summary>
    internal static long noop_llseek(@file file, long offset, int whence) => file.f_pos;

    /// <summary>lseek of a file with a size and without holes.</summary>
    internal static long generic_file_llseek(@file file, long offset, int whence)
    {
        long size = i_size_read(file_inode(@file));
        switch (whence)
        {
            case SEEK_END:
                offset = unchecked(offset + size);
                break;
            case SEEK_CUR when offset == 0:
                return file.f_pos;
            case SEEK_CUR:
                offset = unchecked(offset + file.f_pos);
                break;
            case SEEK_DATA:
                if ((ulong)offset >= (ulong)size)
                    return -ENXIO;
                break;
            case SEEK_HOLE:
                if ((ulong)offset >= (ulong)size)
                    return -ENXIO;
                offset = size;
                break;
        }

        if (offset < 0 || offset > file_inode(file).i_sb.s_maxbytes)
            return -EINVAL;
        file.f_pos = offset;
        return offset;
    }

    [MightSleep]
    internal static long sys_lseek(uint fd, long offset, uint whence)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        long ret = -EINVAL;
        if (whence <= SEEK_HOLE)
            ret = vfs_llseek(file, offset, (int)whence);
        fput(@file);
        return ret;
    }

    [MightSleep]
    internal static long vfs_llseek(@file file, long offset, int whence) =>
        (file.f_mode & FMODE_LSEEK) == 0 ? -ESPIPE : file.f_op.llseek!(file, offset, whence);

    /// <summary>Refuses positions below zero and ranges that run over the largest position.</summary>
    internal static int rw_verify_area(long pos, ulong count)
    {
        if ((long)count < 0)
            return -EINVAL;
        return pos < 0 || unchecked(pos + (long)count) < 0 ? -EINVAL : 0;
    }

    /// <summary>Reads into user memory at <paramref name="buf"/>.</summary>
    /// <returns>Bytes read, or -EBADF, -EINVAL (no way to read the file), -EFAULT.</returns>
    [MightSleep]
    internal static nint vfs_read(@file file, ulong buf, ulong count, ref long pos)
    {
        if ((file.f_mode & FMODE_READ) == 0)
            return -EBADF;
        if ((file.f_mode & FMODE_CAN_READ) == 0)
            return -EINVAL;
        if (!access_ok(file.kernel, buf, count))
            return -EFAULT;
        int ret = rw_verify_area(pos, count);
        if (ret != 0)
            return ret;
        count = Math.Min(count, MAX_RW_COUNT);
        if (file.f_op.read is { } read)
            return read(file, buf, count, ref pos);
        return PinnedIo.Bypasses(file) ? PinnedIo.Direct(file, buf, count, ref pos, write: false) : Transfer(file, buf, count, ref pos, write: false);
    }

    [MightSleep]
    internal static nint vfs_write(@file file, ulong buf, ulong count, ref long pos)
    {
        if ((file.f_mode & FMODE_WRITE) == 0)
            return -EBADF;
        if ((file.f_mode & FMODE_CAN_WRITE) == 0)
            return -EINVAL;
        if (!access_ok(file.kernel, buf, count))
            return -EFAULT;
        int ret = rw_verify_area(pos, count);
        if (ret != 0)
            return ret;
        count = Math.Min(count, MAX_RW_COUNT);
        if (file.f_op.write is { } write)
            return write(file, buf, count, ref pos);
        return PinnedIo.Bypasses(file) ? PinnedIo.Direct(file, buf, count, ref pos, write: true) : Transfer(file, buf, count, ref pos, write: true);
    }

    [MightSleep]
    internal static nint sys_read(uint fd, ulong buf, ulong count)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        nint ret = vfs_read(file, buf, count, ref file.f_pos);
        fput(@file);
        return ret;
    }

    [MightSleep]
    internal static nint sys_write(uint fd, ulong buf, ulong count)
    {
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        nint ret = vfs_write(file, buf, count, ref file.f_pos);
        fput(@file);
        return ret;
    }

    [MightSleep]
    internal static nint sys_pread64(uint fd, ulong buf, ulong count, long pos)
    {
        if (pos < 0)
            return -EINVAL;
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        nint ret = (file.f_mode & FMODE_PREAD) != 0 ? vfs_read(file, buf, count, ref pos) : -ESPIPE;
        fput(@file);
        return ret;
    }

    [MightSleep]
    internal static nint sys_pwrite64(uint fd, ulong buf, ulong count, long pos)
    {
        if (pos < 0)
            return -EINVAL;
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        nint ret = (file.f_mode & FMODE_PWRITE) != 0 ? vfs_write(file, buf, count, ref pos) : -ESPIPE;
        fput(@file);
        return ret;
    }

    /// <summary>Copies between two files inside the kernel; <paramref name="pos"/> is the position in the input, given as a pointer.</summary>
    [MightSleep]
    internal static nint do_sendfile(int out_fd, int in_fd, ref long pos, ulong count)
    {
        @file? @in = fget((uint)in_fd);
        if (@in is null)
            return -EBADF;
        nint retval = -EBADF;
        @file? @out = null;
        if ((@in.f_mode & FMODE_READ) == 0)
            goto fput_in;

        retval = -ESPIPE;
        if ((@in.f_mode & FMODE_PREAD) == 0)
            goto fput_in;
        retval = rw_verify_area(pos, count);
        if (retval < 0)
            goto fput_in;

        retval = -EBADF;
        @out = fget((uint)out_fd);
        if (@out is null)
            goto fput_in;
        if ((@out.f_mode & FMODE_WRITE) == 0)
            goto fput_out;
        long max = Math.Min(file_inode(@in).i_sb.s_maxbytes, file_inode(@out).i_sb.s_maxbytes);
        count = Math.Min(count, MAX_RW_COUNT);
        if ((ulong)pos + count > (ulong)max)
        {
            retval = -EOVERFLOW;
            if (pos >= max)
                goto fput_out;
            count = (ulong)(max - pos);
        }

        retval = rw_verify_area(@out.f_pos, count);
        if (retval == 0)
            retval = do_splice_direct(@in, ref pos, @out, ref @out.f_pos, count);

    fput_out:
        fput(@out);
    fput_in:
        fput(@in);
        return retval;
    }

    /// <summary>Only between files of one file system; anonymous files are on one of their own.</summary>
    [MightSleep]
    internal static nint vfs_copy_file_range(@file file_in, ref long pos_in, @file file_out, ref long pos_out, ulong len, uint flags)
    {
        if (flags != 0)
            return -EINVAL;
        int ret = generic_copy_file_checks(file_in, pos_in, file_out, pos_out, ref len);
        if (ret == 0)
            ret = rw_verify_area(pos_in, len);
        if (ret == 0)
            ret = rw_verify_area(pos_out, len);
        if (ret != 0)
            return ret;
        if (len == 0)
            return 0;
        return do_splice_direct(file_in, ref pos_in, file_out, ref pos_out, Math.Min(len, MAX_RW_COUNT));
    }

    /// <summary>What may be copied where, and how much of it there is.</summary>
    private static int generic_copy_file_checks(@file file_in, long pos_in, @file file_out, long pos_out, ref ulong count)
    {
        inode inode_in = file_inode(file_in);
        inode inode_out = file_inode(file_out);
        if ((inode_in.i_mode & S_IFMT) != S_IFREG || (inode_out.i_mode & S_IFMT) != S_IFREG)
            return -EINVAL;
        if ((file_in.f_mode & FMODE_READ) == 0 || (file_out.f_mode & FMODE_WRITE) == 0 || (file_out.f_flags & O_APPEND) != 0)
            return -EBADF;
        if (inode_in.i_sb != inode_out.i_sb)
            return -EXDEV;
        if (unchecked((ulong)pos_in + count) < (ulong)pos_in || unchecked((ulong)pos_out + count) < (ulong)pos_out)
            return -EOVERFLOW;
        long left = i_size_read(inode_in) - pos_in;
        count = left <= 0 ? 0 : Math.Min(count, (ulong)left);
        if (pos_out >= inode_out.i_sb.s_maxbytes)
            return -EFBIG;
        count = Math.Min(count, (ulong)(inode_out.i_sb.s_maxbytes - pos_out));
        bool overlap = inode_in == inode_out && (ulong)pos_out + count > (ulong)pos_in && (ulong)pos_out < (ulong)pos_in + count;
        return overlap ? -EINVAL : 0;
    }

    [MightSleep]
    internal static nint sys_copy_file_range(int fd_in, ref long pos_in, int fd_out, ref long pos_out, ulong len, uint flags)
    {
        @file? file_in = fget((uint)fd_in);
        if (file_in is null)
            return -EBADF;
        @file? file_out = fget((uint)fd_out);
        if (file_out is null)
        {
            fput(file_in);
            return -EBADF;
        }

        nint ret = vfs_copy_file_range(file_in, ref pos_in, file_out, ref pos_out, len, flags);
        fput(file_out);
        fput(file_in);
        return ret;
    }

    /// <summary>Moves bytes from one file to another by way of a buffer of the kernel. What cannot be read from, or written to, shows when it is tried.</summary>
    private static nint do_splice_direct(@file @in, ref long pos_in, @file @out, ref long pos_out, ulong count)
    {
        if ((@out.f_flags & O_APPEND) != 0 || (@in.f_mode & FMODE_LSEEK) == 0)
            return -EINVAL;
        Span<byte> chunk = stackalloc byte[(int)PAGE_SIZE];
        nint done = 0;
        while ((ulong)done < count)
        {
            long at = pos_in;
            nint got = @in.f_op.splice_read?.Invoke(@in, chunk[..(int)Math.Min((ulong)chunk.Length, count - (ulong)done)], ref at) ?? -EINVAL;
            if (got <= 0)
                return done != 0 ? done : got;
            nint put = @out.f_op.splice_write?.Invoke(@out, chunk[..(int)got], ref pos_out) ?? -EINVAL;
            if (put <= 0)
                return done != 0 ? done : put;
            pos_in += put;
            done += put;
            if (put < got)
                break;
        }

        return done;
    }

    /// <summary>
    /// Reads or writes through the file's iterator, a page at a time through a buffer on the stack: neither the file's memory nor the user's is mapped
    /// while the other faults.
    /// </summary>
    internal static nint Transfer(@file file, ulong buf, ulong count, ref long pos, bool write)
    {
        if (count == 0)
            return write ? file.f_op.write_iter!(file, [], ref pos) : file.f_op.read_iter!(file, [], ref pos);
        Span<byte> chunk = stackalloc byte[(int)PAGE_SIZE];
        nint done = 0;
        while ((ulong)done < count)
        {
            ulong at = buf + (ulong)done;
            int want = (int)Math.Min(PAGE_SIZE, count - (ulong)done);
            Span<byte> piece = chunk[..want];
            nint moved = write ? PutPiece(file, at, piece, ref pos) : GetPiece(file, at, piece, ref pos);
            if (moved <= 0)
                return done != 0 ? done : moved;
            done += moved;
            if (moved < want)
                break;
        }

        return done;
    }

    private static nint GetPiece(@file file, ulong at, Span<byte> piece, ref long pos)
    {
        long next = pos;
        nint got = file.f_op.read_iter!(file, piece, ref next);
        if (got <= 0)
            return got;
        ulong left;
        fixed (byte* from = piece)
            left = copy_to_user(at, from, (ulong)got);

        nint copied = got - (nint)left;
        pos += copied;
        return copied != 0 ? copied : -EFAULT;
    }

    private static nint PutPiece(@file file, ulong at, Span<byte> piece, ref long pos)
    {
        ulong left;
        fixed (byte* to = piece)
            left = copy_from_user(to, at, (ulong)piece.Length);

        int got = piece.Length - (int)left;
        return got == 0 ? -EFAULT : file.f_op.write_iter!(file, piece[..got], ref pos);
    }

    /// <summary>sendfile(2) with a pointer to the position, which moves by what was sent.</summary>
    [MightSleep]
    internal static nint sys_sendfile64(int out_fd, int in_fd, ulong offset, ulong count)
    {
        if (get_user(out long pos, offset) != 0)
            return -EFAULT;
        nint done = do_sendfile(out_fd, in_fd, ref pos, count);
        return put_user(pos, offset) != 0 ? -EFAULT : done;
    }

    /// <summary>copy_file_range(2) with pointers to both positions.</summary>
    [MightSleep]
    internal static nint sys_copy_file_range(int fd_in, ulong off_in, int fd_out, ulong off_out, ulong len, uint flags)
    {
        if (get_user(out long pos_in, off_in) != 0 || get_user(out long pos_out, off_out) != 0)
            return -EFAULT;
        nint done = sys_copy_file_range(fd_in, ref pos_in, fd_out, ref pos_out, len, flags);
        if (done > 0 && (put_user(pos_in, off_in) != 0 || put_user(pos_out, off_out) != 0))
            return -EFAULT;
        return done;
    }
}
