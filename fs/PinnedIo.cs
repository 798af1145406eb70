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
    private const int RequestPages = 256;
    private const ulong MaxFixedBuffer = 1UL << 30;
    private const ulong RingPages = 2;

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
        pipe_inode_info? pipe = get_pipe_info(file);
        if (pipe is null || (file.f_mode & FMODE_WRITE) == 0)
            done = -EBADF;
        else if (length != 0 && (file.f_flags & O_NONBLOCK) == 0 &&
            wait_event_interruptible(pipe.wr_wait, pipe, static p => !p.Full || Volatile.Read(ref p.readers) == 0) < 0)
            done = -ERESTARTSYS;
        while (done >= 0 && (ulong)done < length && (done == 0 || !pipe!.Full))
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
            nint put = file.f_op.splice_write!(file, chunk[..n], ref none);
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
        // The ring itself and its entries are memory that counts as locked, too.
        ulong limit = capable(Capability.CAP_IPC_LOCK) ? ulong.MaxValue : rlimit(ResourceH.RLIMIT_MEMLOCK) >> PAGE_SHIFT;
        if (limit < RingPages)
            return -ENOMEM;
        if ((long)length < 0)
            return -EINVAL;
        if (address == 0 || length == 0 || length > MaxFixedBuffer)
            return -EFAULT;
        ulong first = address & PAGE_MASK;
        ulong pages = (PAGE_ALIGN(address + length) - first) >> PAGE_SHIFT;
        if (FaultInject.should_fail(current.kernel, "io_mapped_ubuf"))
            return -ENOMEM;
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

        if (result == 0 && (pages > limit - RingPages || FaultInject.should_fail(current.kernel, "io_mapped_ubuf")))
            result = -ENOMEM;
        foreach (page page in pinned)
            unpin_user_page(page);
        return result;
    }

    /// <summary>Whether reads and writes go to the disk past the page cache. A file system without a disk lets them through the cache.</summary>
    internal static bool Bypasses(@file file) => (file.f_flags & O_DIRECT) != 0 && file_inode(file).i_sb.s_magic == MagicH.EXT4_SUPER_MAGIC;

    /// <summary>
    /// read(2) and write(2) past the page cache: as much memory as can be had is pinned for one request to the disk, which takes whole sectors of it.
    /// A request within one page goes through as it is; one over several must begin at a sector's boundary in memory, and is refused when that
    /// is seen, which is after its pages have been faulted in.
    /// </summary>
    /// <returns>Bytes, -EINVAL for a length or position that is not in units of 512 bytes, -EFAULT if any page cannot be pinned.</returns>
    [MightSleep]
    internal static nint Direct(@file file, ulong address, ulong length, ref long pos, bool write)
    {
        if (length == 0)
            return 0;
        if (((length | (ulong)pos) & (SectorSize - 1)) != 0)
            return -EINVAL;
        Span<page> pages = stackalloc page[RequestPages];
        nint done = 0;
        while ((ulong)done < length)
        {
            ulong at = address + (ulong)done;
            ulong offset = at & (PAGE_SIZE - 1);
            ulong left = length - (ulong)done;
            int want = (int)Math.Min((offset + left + PAGE_SIZE - 1) >> PAGE_SHIFT, RequestPages);
            foll_flag flags = write ? foll_flag.NONE : foll_flag.FOLL_WRITE;
            int got = access_ok(at, left) ? pin_user_pages_fast(at & PAGE_MASK, want, flags, pages[..want]) : 0;
            if (got <= 0)
                return -EFAULT;
            ulong bytes = Math.Min(((ulong)got << PAGE_SHIFT) - offset, left) & ~(SectorSize - 1);
            nint moved = -EFAULT;
            if (bytes != 0)
                moved = offset + bytes > PAGE_SIZE && (at & (SectorSize - 1)) != 0 ? -EINVAL : Transfer(file, pages[..got], offset, bytes, ref pos, write);
            foreach (page page in pages[..got])
                unpin_user_page(page);
            if (moved < 0)
                return moved;
            done += moved;
            if ((ulong)moved < bytes)
                break;
        }

        return done;
    }

    private static nint Transfer(@file file, ReadOnlySpan<page> pages, ulong offset, ulong bytes, ref long pos, bool write)
    {
        Span<byte> chunk = stackalloc byte[(int)PAGE_SIZE];
        nint done = 0;
        foreach (page page in pages)
        {
            int n = (int)Math.Min(PAGE_SIZE - offset, bytes - (ulong)done);
            if (n == 0)
                break;
            nint moved;
            if (write)
            {
                memcpy_from_page(chunk[..n], page, offset);
                moved = file.f_op.write_iter!(file, chunk[..n], ref pos);
            }
            else
            {
                moved = file.f_op.read_iter!(file, chunk[..n], ref pos);
                if (moved > 0)
                    memcpy_to_page(page, offset, chunk[..(int)moved]);
            }

            if (moved < 0)
                return moved;
            done += moved;
            if (moved < n)
                break;
            offset = 0;
        }

        return done;
    }
}
