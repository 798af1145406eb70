// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using System.Text;
using Linux;

namespace KvmSharp.Conformance;

/// <summary>Operations on descriptors.</summary>
internal sealed partial class Session
{
    private const int Page = 4096;
    private const ulong AtEmptyPath = 0x1000;

    private Outcome OpenFile(Operation op) => BindDescriptor(op, op.Name switch
    {
        "memfd_secret" => Sys(Unistd64.__NR_memfd_secret, op.U32("flags")),
        "memfd_create" => Sys(Unistd64.__NR_memfd_create, CString("m"), op.U32("flags")),
        "tmpfile" => _process.OpenDiskFile(direct: false),
        "open_devnull" => _process.OpenNull(),
        _ => Sys(Unistd64.__NR_eventfd2),
    });

    private Outcome? File(Operation op)
    {
        switch (op.Name)
        {
            case "fallocate":
                return Outcome.Of(Sys(Unistd64.__NR_fallocate, Arg(Fd(op)), op.U64("mode"), op.U64("offset"), op.U64("len")));
            case "ftruncate":
                return Outcome.Of(Sys(Unistd64.__NR_ftruncate, Arg(Fd(op)), op.U64("len")));
            case "fstat":
                return Fstat(Fd(op));
            case "fstatfs":
                return Fstatfs(Fd(op));
            case "lseek":
                return Outcome.Of(Sys(Unistd64.__NR_lseek, Arg(Fd(op)), op.U64("offset"), Whence(op)));
            case "pread":
            case "read":
                return Read(op, Fd(op));
            case "pwrite":
            case "write":
                return Write(op, Fd(op));
            case "fsync":
                return Outcome.Of(Sys(Unistd64.__NR_fsync, Arg(Fd(op))));
            case "fdatasync":
                return Outcome.Of(Sys(Unistd64.__NR_fdatasync, Arg(Fd(op))));
            case "flock":
                return Outcome.Of(Sys(Unistd64.__NR_flock, Arg(Fd(op)), op.U64("operation") | Locks.LOCK_NB));
            case "file_lock":
                return FileLock(op);
            case "fcntl":
                return Outcome.Of(Sys(Unistd64.__NR_fcntl, Arg(Fd(op)), Arg(FcntlCommand(op)), FcntlArgument(op)));
            case "fchmod":
                return Outcome.Of(Sys(Unistd64.__NR_fchmod, Arg(Fd(op)), op.U64("mode")));
            case "fchown":
                return Outcome.Of(Sys(Unistd64.__NR_fchown, Arg(Fd(op)), op.U64("uid"), op.U64("gid")));
            case "futimens":
                return Futimens(op);
            case "fgetxattr":
                return Outcome.Of(Sys(Unistd64.__NR_fgetxattr, Arg(Fd(op)), CString(op.Text("name")), _process.Buffer(Page, fill: 0), Page));
            case "fsetxattr":
                return SetXattr(op);
            case "fremovexattr":
                return Outcome.Of(Sys(Unistd64.__NR_fremovexattr, Arg(Fd(op)), CString(op.Text("name"))));
            case "flistxattr":
                return Outcome.Of(Sys(Unistd64.__NR_flistxattr, Arg(Fd(op)), _process.Buffer(Page, fill: 0), Page));
            case "name_to_handle_at":
                return NameToHandle(op);
            case "readlink_fd":
                return ReadLink(Fd(op));
            case "splice_from":
            case "splice_to":
                return SpliceThroughPipe(op);
            case "sendfile_from":
            case "sendfile_to":
            case "copy_file_range_from":
            case "copy_file_range_to":
                return CopyWithDisk(op);
            case "ioctl_raw":
                return Outcome.Of(Ioctl(Fd(op), op.U32("request"), _process.Buffer(Page, fill: 0)));
            case "posix_fadvise":
                return Outcome.Of(Sys(Unistd64.__NR_fadvise64, Arg(Fd(op)), op.U64("offset"), op.U64("len"), op.U64("advice")));
            case "readahead":
                return Outcome.Of(Sys(Unistd64.__NR_readahead, Arg(Fd(op)), op.U64("offset"), op.U64("len")));
            case "sync_file_range":
                return Outcome.Of(Sys(Unistd64.__NR_sync_file_range, Arg(Fd(op)), op.U64("offset"), op.U64("len"), op.U64("flags")));
            case "poll":
                return Poll(Fd(op), op.U32("events"));
            case "epoll_add":
                return Outcome.Of(_process.EpollAdd(Fd(op)));
            case "execveat":
                return Outcome.Of(_process.ExecveAt(Fd(op)));
            case "fork_exec_probe":
                return ExecProbe(op);
            default:
                return null;
        }
    }

    private static uint Whence(Operation op) => op.Text("whence") switch
    {
        "SET" => 0,
        "CUR" => 1,
        "END" => 2,
        "DATA" => 3,
        "HOLE" => 4,
        string other => throw op.Bad("whence", $"'{other}' is none of SET, CUR, END, DATA, HOLE"),
    };

    private static int FcntlCommand(Operation op) => op.Text("cmd") switch
    {
        "F_DUPFD" => Fcntl.F_DUPFD,
        "F_GETFD" => Fcntl.F_GETFD,
        "F_SETFD" => Fcntl.F_SETFD,
        "F_GETFL" => Fcntl.F_GETFL,
        "F_SETFL" => Fcntl.F_SETFL,
        "F_SETOWN" => Fcntl.F_SETOWN,
        "F_GETOWN" => Fcntl.F_GETOWN,
        "F_SETSIG" => Fcntl.F_SETSIG,
        "F_GETSIG" => Fcntl.F_GETSIG,
        "F_SETLEASE" => Fcntl.F_SETLEASE,
        "F_GETLEASE" => Fcntl.F_GETLEASE,
        "F_NOTIFY" => Fcntl.F_NOTIFY,
        "F_DUPFD_CLOEXEC" => Fcntl.F_DUPFD_CLOEXEC,
        "F_SETPIPE_SZ" => Fcntl.F_SETPIPE_SZ,
        "F_GETPIPE_SZ" => Fcntl.F_GETPIPE_SZ,
        "F_ADD_SEALS" => Fcntl.F_ADD_SEALS,
        "F_GET_SEALS" => Fcntl.F_GET_SEALS,
        "F_GET_RW_HINT" => Fcntl.F_GET_RW_HINT,
        "F_SET_RW_HINT" => Fcntl.F_SET_RW_HINT,
        string other => throw op.Bad("cmd", $"'{other}' is no known command"),
    };

    /// <summary>The argument itself, or where the command takes a pointer to a number, a pointer to it.</summary>
    private ulong FcntlArgument(Operation op) => op.Text("cmd") is "F_GET_RW_HINT" or "F_SET_RW_HINT" ? Offset(0, op.I64("arg")) : op.U64("arg");

    private Outcome Fstat(int fd)
    {
        const int SizeOfStat = 144;
        Outcome outcome = Outcome.Of(Sys(Unistd64.__NR_fstat, Arg(fd), Scratch));
        if (!outcome.Succeeded)
            return outcome;
        byte[] stat = new byte[SizeOfStat];
        _process.Read(Scratch, stat);
        uint mode = BitConverter.ToUInt32(stat, 24);
        return outcome.With("size", BitConverter.ToInt64(stat, 48)).With("mode_type", ModeType(mode)).With("perm", mode & 0xFFF)
            .With("nlink", BitConverter.ToUInt64(stat, 16)).With("blocks", BitConverter.ToInt64(stat, 64)).With("blksize", BitConverter.ToInt64(stat, 56))
            .With("uid", BitConverter.ToUInt32(stat, 28)).With("gid", BitConverter.ToUInt32(stat, 32));
    }

    private static string ModeType(uint mode) => (mode & S_IFMT) switch
    {
        S_IFREG => "REG",
        S_IFCHR => "CHR",
        S_IFIFO => "FIFO",
        S_IFDIR => "DIR",
        _ => "NONE",
    };

    private Outcome Fstatfs(int fd)
    {
        const int SizeOfStatfs = 120;
        Outcome outcome = Outcome.Of(Sys(Unistd64.__NR_fstatfs, Arg(fd), Scratch));
        if (!outcome.Succeeded)
            return outcome;
        byte[] stat = new byte[SizeOfStatfs];
        _process.Read(Scratch, stat);
        return outcome.With("fs_type", BitConverter.ToInt64(stat, 0)).With("bsize", BitConverter.ToInt64(stat, 8)).With("namelen", BitConverter.ToInt64(stat, 64));
    }

    private Outcome FileLock(Operation op)
    {
        Span<byte> flock = stackalloc byte[32];
        flock.Clear();
        BinaryPrimitives.WriteInt16LittleEndian(flock, (short)op.I32("type"));
        BinaryPrimitives.WriteInt64LittleEndian(flock[8..], op.I64("start"));
        BinaryPrimitives.WriteInt64LittleEndian(flock[16..], op.I64("len"));
        int fd = Fd(op);
        _process.Write(Scratch, flock);
        return Outcome.Of(Sys(Unistd64.__NR_fcntl, Arg(fd), op.Flag("ofd") ? (ulong)Fcntl.F_OFD_SETLK : Fcntl.F_SETLK, Scratch));
    }

    private Outcome Futimens(Operation op)
    {
        Span<byte> times = stackalloc byte[32];
        times.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(times, 1_000_000_000);
        BinaryPrimitives.WriteInt64LittleEndian(times[16..], 1_000_000_000);
        int fd = Fd(op);
        _process.Write(Scratch, times);
        return Outcome.Of(Sys(Unistd64.__NR_utimensat, Arg(fd), 0, Scratch, 0));
    }

    private Outcome SetXattr(Operation op)
    {
        byte[] value = op.Bytes("hex");
        int fd = Fd(op);
        ulong buffer = _process.Buffer(value.Length, fill: 0);
        _process.Write(buffer, value);
        return Outcome.Of(Sys(Unistd64.__NR_fsetxattr, Arg(fd), CString(op.Text("name")), buffer, (ulong)value.Length, op.U64("flags")));
    }

    private Outcome NameToHandle(Operation op)
    {
        const uint MaxHandle = 128;
        const ulong MountId = 2048;
        const ulong Empty = 3072;
        Span<byte> handle = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(handle, MaxHandle);
        int fd = Fd(op);
        _process.Write(Scratch, handle);
        _process.Write(Scratch + Empty, [0]);
        return Outcome.Of(Sys(Unistd64.__NR_name_to_handle_at, Arg(fd), Scratch + Empty, Scratch, Scratch + MountId, op.U64("flags") | AtEmptyPath));
    }

    /// <summary>A string argument, in the second half of the scratch memory.</summary>
    private ulong CString(string text)
    {
        const ulong Strings = 32768;
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        _process.Write(Scratch + Strings, bytes);
        return Scratch + Strings;
    }

    private Outcome Read(Operation op, int fd)
    {
        ulong len = op.U64("len");
        ulong buffer = _process.Buffer((int)Math.Min(len, IUserMachine.MaxBuffer), fill: 0);
        long result = op.Name == "pread"
            ? Sys(Unistd64.__NR_pread64, Arg(fd), buffer, len, op.U64("offset"))
            : Sys(Unistd64.__NR_read, Arg(fd), buffer, len);
        Outcome outcome = Outcome.Of(result);
        return outcome.Succeeded ? outcome.With("data", Hex(buffer, (int)result)) : outcome;
    }

    private Outcome Write(Operation op, int fd)
    {
        byte[] data = op.Bytes("hex");
        ulong buffer = _process.Buffer(data.Length, fill: 0);
        _process.Write(buffer, data);
        return Outcome.Of(op.Name == "pwrite"
            ? Sys(Unistd64.__NR_pwrite64, Arg(fd), buffer, (ulong)data.Length, op.U64("offset"))
            : Sys(Unistd64.__NR_write, Arg(fd), buffer, (ulong)data.Length));
    }

    private string Hex(ulong address, int length)
    {
        byte[] bytes = new byte[length];
        _process.Read(address, bytes);
        return Convert.ToHexStringLower(bytes);
    }

    private Outcome ReadLink(int fd)
    {
        Outcome outcome = Outcome.Of(_process.ReadLink(fd, out string text));
        return outcome.Succeeded ? outcome.With("text", text) : outcome;
    }

    private Outcome Poll(int fd, uint events)
    {
        Span<byte> pollfd = stackalloc byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(pollfd, fd);
        BinaryPrimitives.WriteUInt32LittleEndian(pollfd[4..], events & 0xFFFF);
        _process.Write(Scratch, pollfd);
        long result = Sys(Unistd64.__NR_poll, Scratch, 1, 0);
        _process.Read(Scratch, pollfd);
        return Outcome.Of(result).With("revents", (long)BinaryPrimitives.ReadUInt16LittleEndian(pollfd[6..]));
    }

    /// <summary>A disk file with a page of data, for the other end of a copy.</summary>
    private long DiskFileWithPage()
    {
        long fd = _process.OpenDiskFile(direct: false);
        Sys(Unistd64.__NR_pwrite64, Arg(fd), _process.Buffer(Page, fill: 0x5a), Page, 0);
        return fd;
    }

    private (int Read, int Write) MakePipe()
    {
        Span<byte> ends = stackalloc byte[8];
        long error = Sys(Unistd64.__NR_pipe2, Scratch, 0);
        if (error != 0)
            throw new SetupException($"no pipe: {Errno.Name((int)error)}");
        _process.Read(Scratch, ends);
        return (BinaryPrimitives.ReadInt32LittleEndian(ends), BinaryPrimitives.ReadInt32LittleEndian(ends[4..]));
    }

    /// <summary>Puts into a new pipe what is going to be read from it. Without it a reader would wait for ever.</summary>
    private void FillPipe(int read, int write, ulong buffer, ulong length)
    {
        long written = Sys(Unistd64.__NR_write, Arg(write), buffer, length);
        if (written == (long)length)
            return;
        CloseFd(read);
        CloseFd(write);
        throw new SetupException($"nothing in the pipe: {written}");
    }

    /// <summary>An offset argument that is passed by pointer.</summary>
    private ulong Offset(int slot, long value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        ulong at = Scratch + 256 + ((ulong)slot * 8);
        _process.Write(at, bytes);
        return at;
    }

    private Outcome SpliceThroughPipe(Operation op)
    {
        int fd = Fd(op);
        long offset = op.I64("offset");
        ulong len = op.U64("len");
        (int read, int write) = MakePipe();
        long result;
        if (op.Name == "splice_from")
        {
            result = Sys(Unistd64.__NR_splice, Arg(fd), Offset(0, offset), Arg(write), 0, len, 0);
        }
        else
        {
            FillPipe(read, write, _process.Buffer(Page, fill: 0x5a), Page);
            result = Sys(Unistd64.__NR_splice, Arg(read), 0, Arg(fd), Offset(0, offset), len, 0);
        }

        CloseFd(read);
        CloseFd(write);
        return Outcome.Of(result);
    }

    private Outcome CopyWithDisk(Operation op)
    {
        int fd = Fd(op);
        ulong len = op.U64("len");
        bool from = op.Name.EndsWith("_from", StringComparison.Ordinal);
        long disk = from ? _process.OpenDiskFile(direct: false) : DiskFileWithPage();
        ulong offset = Offset(0, op.I64("offset"));
        ulong start = Offset(1, 0);
        long result = op.Name switch
        {
            "sendfile_from" => Sys(Unistd64.__NR_sendfile, Arg(disk), Arg(fd), offset, len),
            "sendfile_to" => Sys(Unistd64.__NR_sendfile, Arg(fd), Arg(disk), start, len),
            "copy_file_range_from" => Sys(Unistd64.__NR_copy_file_range, Arg(fd), offset, Arg(disk), start, len),
            _ => Sys(Unistd64.__NR_copy_file_range, Arg(disk), start, Arg(fd), offset, len),
        };
        CloseFd(disk);
        return Outcome.Of(result);
    }

    /// <summary>A child with a new program image: it sees what is not close-on-exec, and may map and load it.</summary>
    private Outcome ExecProbe(Operation op)
    {
        int fd = Fd(op);
        ulong offset = op.U64("offset");
        ulong len = op.U64("len");
        Outcome outcome = Outcome.Of(0);
        _process.RunExecutedChild(child =>
        {
            Outcome stat = new Session(child, -1).Fstat(fd);
            outcome["fstat_errno"] = stat["errno"];
            if (!stat.Succeeded)
                return;
            outcome["size"] = stat["size"];
            long address = child.Syscall(Unistd64.__NR_mmap, 0, len, 1, 1, Arg(fd), offset);
            bool failed = address is < 0 and >= -4095;
            outcome["mmap_errno"] = failed ? Errno.Name((int)address) : null;
            if (failed)
                return;
            byte[] data = new byte[16];
            if (child.Load((ulong)address, data) is not { } signal)
            {
                outcome["data"] = Convert.ToHexStringLower(data);
                return;
            }

            outcome["signal"] = SignalName(signal.Number);
            outcome["si_code"] = (long)signal.Code;
        });
        return outcome;
    }
}
