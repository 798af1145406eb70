// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using Linux;

namespace KvmSharp.Conformance;

/// <summary>Operations on descriptors.</summary>
internal sealed partial class Session
{
    private const int Page = 4096;

    private Outcome OpenFile(Operation op) => BindDescriptor(op, op.Name switch
    {
        "memfd_secret" => Sys(op.U32("flags"), static flags => memfd_secret(flags)),
        "memfd_create" => Sys((Kernel, op.U32("flags")), static s => memfd_create(s.Kernel, "m", s.Item2)),
        "tmpfile" => OpenDiskFile(direct: false),
        "open_devnull" => Sys(Kernel, static kernel => DeviceFiles.OpenNull(kernel)),
        _ => Sys(Kernel, static kernel => sys_eventfd2(kernel, 0, 0)),
    });

    private Outcome? File(Operation op)
    {
        switch (op.Name)
        {
            case "fallocate":
                return Outcome.Of(_process.Fallocate(Fd(op), op.I32("mode"), op.I64("offset"), op.I64("len")));
            case "ftruncate":
                return Outcome.Of(_process.Ftruncate(Fd(op), op.I64("len")));
            case "fstat":
                return Fstat(Fd(op));
            case "fstatfs":
                return Fstatfs(Fd(op));
            case "lseek":
                return Outcome.Of(Sys((Fd(op), op.I64("offset"), Whence(op)), static s => sys_lseek((uint)s.Item1, s.Item2, s.Item3)));
            case "pread":
            case "read":
                return Read(op, Fd(op));
            case "pwrite":
            case "write":
                return Write(op, Fd(op));
            case "fsync":
                return Outcome.Of(Sys(Fd(op), static fd => do_fsync((uint)fd, 0)));
            case "fdatasync":
                return Outcome.Of(Sys(Fd(op), static fd => do_fsync((uint)fd, 1)));
            case "flock":
                return Outcome.Of(Sys((Fd(op), op.I32("operation")), static s => sys_flock((uint)s.Item1, s.Item2 | Locks.LOCK_NB)));
            case "file_lock":
                return Outcome.Of(Sys((Fd(op), op.I32("type"), op.I64("start"), op.I64("len"), op.Flag("ofd")), static s => fcntl_setlk((uint)s.Item1, s.Item2, s.Item3, s.Item4, s.Item5)));
            case "fcntl":
                return Outcome.Of(Sys((Fd(op), FcntlCommand(op), op.U64("arg")), static s => sys_fcntl((uint)s.Item1, s.Item2, s.Item3)));
            case "fchmod":
                return Outcome.Of(Sys((Fd(op), op.U32("mode")), static s => sys_fchmod((uint)s.Item1, s.Item2)));
            case "fchown":
                return Outcome.Of(Sys((Fd(op), op.U32("uid"), op.U32("gid")), static s => sys_fchown((uint)s.Item1, s.Item2, s.Item3)));
            case "futimens":
                return Outcome.Of(Sys(Fd(op), static fd => sys_futimens((uint)fd)));
            case "fgetxattr":
                return Outcome.Of(Sys((Fd(op), op.Text("name")), static s => sys_fgetxattr((uint)s.Item1, s.Item2)));
            case "fsetxattr":
                return Outcome.Of(Sys((Fd(op), op.Text("name"), op.Bytes("hex"), op.I32("flags")), static s => sys_fsetxattr((uint)s.Item1, s.Item2, s.Item3, s.Item4)));
            case "fremovexattr":
                return Outcome.Of(Sys((Fd(op), op.Text("name")), static s => sys_fremovexattr((uint)s.Item1, s.Item2)));
            case "flistxattr":
                return Outcome.Of(Sys(Fd(op), static fd => sys_flistxattr((uint)fd)));
            case "name_to_handle_at":
                return Outcome.Of(Sys((Fd(op), op.I32("flags")), static s => name_to_handle_at((uint)s.Item1, s.Item2 | 0x1000)));
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
                return Outcome.Of(_process.Ioctl(Fd(op), op.U32("request"), _process.Buffer(Page, fill: 0)));
            case "posix_fadvise":
                return Outcome.Of(Sys((Fd(op), op.I64("offset"), op.I64("len"), op.I32("advice")), static s => ksys_fadvise64_64(s.Item1, s.Item2, s.Item3, s.Item4)));
            case "readahead":
                return Outcome.Of(Sys((Fd(op), op.I64("offset"), op.U64("len")), static s => ksys_readahead(s.Item1, s.Item2, s.Item3)));
            case "sync_file_range":
                return Outcome.Of(Sys((Fd(op), op.I64("offset"), op.I64("len"), op.U32("flags")), static s => ksys_sync_file_range(s.Item1, s.Item2, s.Item3, s.Item4)));
            case "poll":
                return Poll(Fd(op), op.U32("events"));
            case "epoll_add":
                return Outcome.Of(Sys(Fd(op), static fd => do_epoll_add((uint)fd)));
            case "execveat":
                return Outcome.Of(Sys(Fd(op), static fd => do_execveat_fd((uint)fd)));
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

    private Outcome Fstat(int fd)
    {
        kstat stat = default;
        Outcome outcome = Outcome.Of(Sys(fd, fd => sys_fstat((uint)fd, ref stat)));
        if (!outcome.Succeeded)
            return outcome;
        return outcome.With("size", stat.size).With("mode_type", ModeType(stat.mode)).With("perm", stat.mode & 0xFFF).With("nlink", stat.nlink)
            .With("blocks", stat.blocks).With("blksize", stat.blksize).With("uid", stat.uid).With("gid", stat.gid);
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
        kstatfs stat = default;
        Outcome outcome = Outcome.Of(Sys(fd, fd => sys_fstatfs((uint)fd, out stat)));
        return outcome.Succeeded ? outcome.With("fs_type", stat.f_type).With("bsize", stat.f_bsize).With("namelen", stat.f_namelen) : outcome;
    }

    private Outcome Read(Operation op, int fd)
    {
        ulong len = op.U64("len");
        ulong buffer = _process.Buffer((int)Math.Min(len, 1 << 24), fill: 0);
        long result = op.Name == "pread"
            ? Sys((fd, buffer, len, op.I64("offset")), static s => sys_pread64((uint)s.fd, s.buffer, s.len, s.Item4))
            : Sys((fd, buffer, len), static s => sys_read((uint)s.fd, s.buffer, s.len));
        Outcome outcome = Outcome.Of(result);
        return outcome.Succeeded ? outcome.With("data", Hex(buffer, (int)result)) : outcome;
    }

    private Outcome Write(Operation op, int fd)
    {
        byte[] data = op.Bytes("hex");
        ulong buffer = _process.Buffer(data.Length, fill: 0);
        _process.Write(buffer, data);
        return Outcome.Of(op.Name == "pwrite"
            ? Sys((fd, buffer, (ulong)data.Length, op.I64("offset")), static s => sys_pwrite64((uint)s.fd, s.buffer, s.Item3, s.Item4))
            : Sys((fd, buffer, (ulong)data.Length), static s => sys_write((uint)s.fd, s.buffer, s.Item3)));
    }

    private string Hex(ulong address, int length)
    {
        byte[] bytes = new byte[length];
        _process.Read(address, bytes);
        return Convert.ToHexStringLower(bytes);
    }

    private Outcome ReadLink(int fd)
    {
        string text = string.Empty;
        Outcome outcome = Outcome.Of(Sys(fd, fd => proc_fd_link((uint)fd, out text)));
        return outcome.Succeeded ? outcome.With("text", text) : outcome;
    }

    private Outcome Poll(int fd, uint events)
    {
        uint revents = 0;
        long result = Sys((fd, events), s => do_pollfd(s.fd, s.events, out revents));
        return Outcome.Of(result).With("revents", revents);
    }

    private long OpenDiskFile(bool direct) => Sys((Kernel, direct), static s =>
    {
        int fd = get_unused_fd_flags(0);
        if (fd < 0)
            return fd;
        ErrPtr<@file> made = shmem_file_setup(s.Kernel.disk_mnt, s.Kernel, "/tmp/#1 (deleted)", 0);
        if (IS_ERR(made))
        {
            put_unused_fd(fd);
            return PTR_ERR(made);
        }

        Shmem.SetCapabilities(made.Value);
        made.Value.f_flags |= O_LARGEFILE | (s.direct ? O_DIRECT : 0);
        fd_install(fd, made.Value);
        return fd;
    });

    /// <summary>A disk file with a page of data, for the other end of a copy.</summary>
    private int DiskFileWithPage()
    {
        int fd = (int)OpenDiskFile(direct: false);
        ulong buffer = _process.Buffer(Page, fill: 0x5a);
        Sys((fd, buffer), static s => sys_pwrite64((uint)s.fd, s.buffer, Page, 0));
        return fd;
    }

    private (int Read, int Write) MakePipe()
    {
        int read = -1;
        int write = -1;
        Sys(Kernel, kernel => do_pipe_flags(kernel, out read, out write));
        return (read, write);
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
            result = Sys((fd, write, offset, len), static s =>
            {
                long none = 0;
                return sys_splice(s.fd, ref s.offset, true, s.write, ref none, false, s.len);
            });
        }
        else
        {
            ulong buffer = _process.Buffer(Page, fill: 0x5a);
            Sys((write, buffer), static s => sys_write((uint)s.write, s.buffer, Page));
            result = Sys((fd, read, offset, len), static s =>
            {
                long none = 0;
                return sys_splice(s.read, ref none, false, s.fd, ref s.offset, true, s.len);
            });
        }

        _process.Close(read);
        _process.Close(write);
        return Outcome.Of(result);
    }

    private Outcome CopyWithDisk(Operation op)
    {
        int fd = Fd(op);
        long offset = op.I64("offset");
        ulong len = op.U64("len");
        int disk = op.Name.EndsWith("_from", StringComparison.Ordinal) ? (int)OpenDiskFile(direct: false) : DiskFileWithPage();
        long result = op.Name switch
        {
            "sendfile_from" => Sys((fd, disk, offset, len), static s => do_sendfile(s.disk, s.fd, ref s.offset, s.len)),
            "sendfile_to" => Sys((fd, disk, offset, len), static s =>
            {
                long start = 0;
                return do_sendfile(s.fd, s.disk, ref start, s.len);
            }),
            "copy_file_range_from" => Sys((fd, disk, offset, len), static s =>
            {
                long start = 0;
                return sys_copy_file_range(s.fd, ref s.offset, s.disk, ref start, s.len, 0);
            }),
            _ => Sys((fd, disk, offset, len), static s =>
            {
                long start = 0;
                return sys_copy_file_range(s.disk, ref start, s.fd, ref s.offset, s.len, 0);
            }),
        };
        _process.Close(disk);
        return Outcome.Of(result);
    }

    /// <summary>A child with a new program image: it sees what is not close-on-exec, and may map and load it.</summary>
    private Outcome ExecProbe(Operation op)
    {
        int fd = Fd(op);
        ulong offset = op.U64("offset");
        ulong len = op.U64("len");
        Outcome outcome = Outcome.Of(0);
        _process.RunForkedChild(child =>
        {
            child.ExecNewImage();
            kstat stat = default;
            long error = child.Syscall(fd, fd => sys_fstat((uint)fd, ref stat));
            outcome["fstat_errno"] = error == 0 ? null : Errno.Name((int)error);
            if (error != 0)
                return;
            outcome["size"] = stat.size;
            long address = child.Mmap(0, len, 1, 1, fd, offset);
            bool failed = address is < 0 and >= -4095;
            outcome["mmap_errno"] = failed ? Errno.Name((int)address) : null;
            if (failed)
                return;
            byte[] data = new byte[16];
            if (child.TryLoad((ulong)address, data, out _, out kernel_siginfo signal))
            {
                outcome["data"] = Convert.ToHexStringLower(data);
                return;
            }

            outcome["signal"] = SignalName(signal.si_signo);
            outcome["si_code"] = (long)signal.si_code;
        });
        return outcome;
    }
}
