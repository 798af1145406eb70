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
        long at = pos;
        nint moved = ReadWrite.Transfer(file, address, length, ref at, write, pinned: true);
        if (moved > 0)
            pos = at;
        return moved;
    }

    /// <summary>Pins the page that the bytes lie in, for the device to read or to write.</summary>
    [MustCheck]
    internal static bool Pin(ulong address, int bytes, bool toDevice, out page page)
    {
        page = default;
        return access_ok(address, (ulong)bytes) &&
            pin_user_pages_fast(address & PAGE_MASK, 1, toDevice ? foll_flag.NONE : foll_flag.FOLL_WRITE, new Span<page>(ref page)) == 1;
    }
}
