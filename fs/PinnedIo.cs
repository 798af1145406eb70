// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// The ways of user memory into the kernel that pin pages in place of copying: direct I/O, vmsplice and io_uring's fixed buffers. What is
/// modelled is who may pin what; the device behind is a file in memory.
/// </summary>
internal static unsafe class PinnedIo
{
    private const ulong SectorSize = 512;
    private const int Batch = 16;
    private const ulong MaxFixedBuffer = 1UL << 30;

    /// <summary>vmsplice(2) into a pipe.</summary>
    /// <returns>Bytes that entered the pipe; -EFAULT if not even the first page could be had, -EAGAIN for a full pipe.</returns>
    [MightSleep]
    internal static long vmsplice_to_pipe(uint fd, ulong address, ulong length, uint flags)
    {
        const uint SpliceFlags = 0xf;
        if ((flags & ~SpliceFlags) != 0)
            return -EINVAL;
        @file? file = fget(fd);
        if (file is null)
            return -EBADF;
        long done = 0;
        Span<byte> chunk = stackalloc byte[(int)PAGE_SIZE];
        while ((ulong)done < length)
        {
            ulong at = address + (ulong)done;
            ulong offset = at & (PAGE_SIZE - 1);
            int n = (int)Math.Min(PAGE_SIZE - offset, length - (ulong)done);
            page page = default;
            if (!access_ok(at, (ulong)n) || get_user_pages_fast(at & PAGE_MASK, 1, foll_flag.NONE, new Span<page>(ref page)) != 1)
            {
                done = done != 0 ? done : -EFAULT;
                break;
            }

            memcpy_from_page(chunk[..n], page, offset);
            put_page(page);
            long none = 0;
            nint put = file.f_op.splice_write is { } write ? write(file, chunk[..n], ref none) : -EBADF;
            if (put <= 0)
            {
                done = done != 0 ? done : put;
                break;
            }

            done += put;
        }

        fput(@file);
        return done;
    }

    /// <summary>IORING_REGISTER_BUFFERS of one range on a ring that is closed at once: a long-term pin, and its accounting.</summary>
    /// <returns>0; -EFAULT for a range that cannot be pinned, -ENOMEM above RLIMIT_MEMLOCK without CAP_IPC_LOCK.</returns>
    [MightSleep]
    internal static long io_sqe_buffer_register(ulong address, ulong length)
    {
        if (address == 0 || length == 0 || length > MaxFixedBuffer)
            return -EFAULT;
        ulong first = address & PAGE_MASK;
        ulong pages = (PAGE_ALIGN(address + length) - first) >> PAGE_SHIFT;
        var pinned = new List<page>();
        long result = 0;
        Span<page> batch = stackalloc page[Batch];
        while ((ulong)pinned.Count < pages)
        {
            int want = (int)Math.Min(Batch, pages - (ulong)pinned.Count);
            int got = pin_user_pages_fast(first + ((ulong)pinned.Count << PAGE_SHIFT), want, foll_flag.FOLL_WRITE | foll_flag.FOLL_LONGTERM, batch[..want]);
            for (int i = 0; i < got; i++)
                pinned.Add(batch[i]);
            if (got == want)
                continue;
            result = got < 0 ? got : -EFAULT;
            break;
        }

        if (result == 0 && !capable(Capability.CAP_IPC_LOCK) && pages > rlimit(ResourceH.RLIMIT_MEMLOCK) >> PAGE_SHIFT)
            result = -ENOMEM;
        foreach (page page in pinned)
            unpin_user_page(page);
        return result;
    }

    /// <summary>Whether reads and writes go to the disk past the page cache. A file system without a disk lets them through the cache.</summary>
    internal static bool Bypasses(@file file) => (file.f_flags & O_DIRECT) != 0 && file_inode(file).i_sb.s_magic == MagicH.EXT4_SUPER_MAGIC;

    /// <summary>read(2) and write(2) past the page cache: memory is pinned in place of copied.</summary>
    /// <returns>Bytes, -EINVAL for what is not in units of 512 bytes, -EFAULT if any page cannot be pinned.</returns>
    [MightSleep]
    internal static nint Direct(@file file, ulong address, ulong length, ref long pos, bool write)
    {
        if (((address | length | (ulong)pos) & (SectorSize - 1)) != 0)
            return -EINVAL;
        nint moved = (nint)Transfer(file, address, length, pos, write);
        if (moved > 0)
            pos += moved;
        return moved;
    }

    private static long Transfer(@file file, ulong address, ulong length, long position, bool write)
    {
        Span<byte> chunk = stackalloc byte[(int)PAGE_SIZE];
        ulong done = 0;
        while (done < length)
        {
            ulong at = address + done;
            ulong offset = at & (PAGE_SIZE - 1);
            int n = (int)Math.Min(PAGE_SIZE - offset, length - done);
            page page = default;
            foll_flag flags = write ? foll_flag.NONE : foll_flag.FOLL_WRITE;
            if (!access_ok(at, (ulong)n) || pin_user_pages_fast(at & PAGE_MASK, 1, flags, new Span<page>(ref page)) != 1)
                return -EFAULT;
            long at_file = position + (long)done;
            nint moved;
            if (write)
            {
                memcpy_from_page(chunk[..n], page, offset);
                moved = file.f_op.write_iter!(file, chunk[..n], ref at_file);
            }
            else
            {
                moved = file.f_op.read_iter!(file, chunk[..n], ref at_file);
                if (moved > 0)
                    memcpy_to_page(page, offset, chunk[..(int)moved]);
            }

            unpin_user_page(page);
            if (moved < 0)
                return moved;
            done += (ulong)moved;
            if (moved < n)
                break;
        }

        return (long)done;
    }
}
