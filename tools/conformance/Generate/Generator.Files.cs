// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Conformance.Generate;

/// <summary>Files and descriptors.</summary>
internal sealed partial class Generator
{
    private const ulong NonBlocking = 2048;

    private static readonly FileKind[] _everyKind =
        [FileKind.Gmem, FileKind.Secret, FileKind.Memfd, FileKind.TmpFile, FileKind.DevNull, FileKind.EventFd, FileKind.Vm, FileKind.Vcpu];

    private static readonly string[] _xattrs =
    [
        "user.a", "trusted.a", "security.selinux", "security.x", "system.posix_acl_access", "system.posix_acl_default", "bogus", "user.", "user",
        "security.capability", "system.x",
    ];

    // Requests that files of every kind answer, and those of /dev/kvm itself; none that would change a VM or a vCPU.
    private static readonly ulong[] _requests =
    [
        0x541b, 0x5421, 0x80086601, 0x40086602, 0x5401, 0xae00, 0xae01, 0xae02, 0xae03, 0xae04, 0xaed0, 0xaed4, 0xaeff, 0x6602, 1, 0x5450, 0x5451, 0,
        2, 0x5452, 0x5460, 0x80087601, 0xffffffff, 0x40086603,
    ];

    private bool DrawSecret()
    {
        if (_state.CountOpen(FileKind.Secret) > 10)
            return DrawClose();
        ulong flags = Odd(10) ? _random.Of<ulong>([1, 2, 3, 4, 8, 2048, 1024, 1 << 16, 1UL << 31, 524289, uint.MaxValue]) : _random.OneIn(5) ? 524288UL : 0;
        _newFile = new KnownFile { Kind = FileKind.Secret };
        return Emit(Op("memfd_secret").With("flags", flags).With("as", NewName("secret")));
    }

    private bool DrawMemfd()
    {
        if (_state.CountOpen(FileKind.Memfd) > 6)
            return DrawClose();
        ulong flags = _random.Of<ulong>([0, 1, 2, 3]);
        if (Odd())
            flags = _random.Of<ulong>([8, 16, 24, 32, 64, 1UL << 31, 9, 10]);
        _newFile = new KnownFile { Kind = FileKind.Memfd, Flags = flags };
        return Emit(Op("memfd_create").With("flags", flags).With("as", NewName("memfd")));
    }

    private bool DrawOtherFile()
    {
        switch (_random.Below(3))
        {
            case 0 when _state.CountOpen(FileKind.TmpFile) < 4:
                _newFile = new KnownFile { Kind = FileKind.TmpFile };
                return Emit(Op("tmpfile").With("as", NewName("tmp")));
            case 1 when _state.CountOpen(FileKind.DevNull) < 3:
                _newFile = new KnownFile { Kind = FileKind.DevNull };
                return Emit(Op("open_devnull").With("as", NewName("null")));
            case 2 when _state.CountOpen(FileKind.EventFd) < 3:
                _newFile = new KnownFile { Kind = FileKind.EventFd };
                return Emit(Op("eventfd").With("as", NewName("event")));
            default:
                return false;
        }
    }

    private bool DrawDup()
    {
        bool reopen = _random.OneIn(4);
        OperationWriter op = Op(reopen ? "reopen" : "dup");
        KnownFd? fd = WithFd(op, "fd", 3, _everyKind);
        if (reopen)
            op.With("flags", Flags([0, 1, 2, 524288, 1024, 514], [3, 0x20_0000, 16384, 65536, 131072, NonBlocking, 0x20_0001, 1 << 30]));
        if (fd is not null)
            _newFile = fd.File;
        return Emit(op.With("as", NewName("dup")));
    }

    private bool DrawClose()
    {
        OperationWriter op = Op("close");
        KnownFd? fd = WithFd(op, "fd", 0, _everyKind);
        if (fd is not null)
            _onSuccess = () => _state.MarkClosed(fd.Name);
        return Emit(op);
    }

    private bool DrawResize()
    {
        KnownFd? fd = Odd() ? PickAnyFd() : PickFd(FileKind.Secret, FileKind.Memfd, FileKind.TmpFile, FileKind.Secret, FileKind.Gmem);
        return fd is not null && EmitResize(fd.Name);
    }

    private bool EmitResize(string name)
    {
        ulong length = _random.Percent(80)
            ? _random.Of<ulong>(_sizes)
            : _random.Of<ulong>([0, 1, 100, Page - 1, Page + 1, 1UL << 40, (1UL << 63) - 1, ulong.MaxValue, ulong.MaxValue - Page + 1, 1UL << 63, (1UL << 63) - Page]);
        KnownFile? file = _state.FindFd(name)?.File;
        if (file is { Kind: FileKind.TmpFile } && length is > Small and < (1UL << 63))
            length = Small;
        if (file is not null)
            _onSuccess = () => file.Size = length;
        return Emit(Op("ftruncate").With("fd", name).With("len", unchecked((long)length)));
    }

    private bool DrawFallocate()
    {
        OperationWriter op = Op("fallocate");
        KnownFd? fd = _random.Percent(88) ? WithFd(op, "fd", 4, FileKind.Gmem) : WithFd(op, "fd", 20, _everyKind);
        KnownFile? file = fd?.File;
        ulong mode = _random.Below(20) switch
        {
            < 9 => 3,
            < 17 => 1,
            17 => 0,
            _ => _random.Of<ulong>([2, 4, 7, 8, 9, 16, 17, 32, 33, 64, 65, 128, 129, 5, 6, 19, 256, 257, 0x7fff_ffff, ulong.MaxValue]),
        };
        bool bounded = file is { Size: > 0 and <= Small };
        ulong edge = file is null ? 4 * Page : file.Size / Page * Page;
        ulong offset = _random.Below(20) switch
        {
            < 6 => 0,
            < 15 => (ulong)_random.Below(16) * Page,
            15 => edge < 1UL << 62 ? edge : 0,
            16 => edge is >= Page and < (1UL << 62) ? edge - Page : 0,
            17 => _random.Of<ulong>([1, 2048, Page - 1, Page + 1]),
            _ => _random.Of<ulong>([ulong.MaxValue, ulong.MaxValue - Page + 1, 1UL << 40, 1UL << 62, (1UL << 63) - Page, (1UL << 63) - 1, 2UL << 20]),
        };
        ulong length = _random.Below(20) switch
        {
            < 12 => (ulong)(1 + _random.Below(8)) * Page,
            < 15 when bounded => file!.Size,
            15 => _random.Of<ulong>([0, 1, Page - 1, Page + 1]),
            16 => _random.Of<ulong>([ulong.MaxValue, ulong.MaxValue - Page + 1, (1UL << 63) + 1, 1UL << 63]),
            17 when bounded => edge + Page,
            18 when bounded && file!.Kind is FileKind.Gmem or FileKind.Secret || mode == 3 => _random.Of<ulong>([1UL << 62, (1UL << 63) - Page, (1UL << 63) - 1]),
            _ => _random.Of<ulong>(_sizes),
        };

        // What a file of tmpfs or of a disk really gets, it has to keep: small parts, near the beginning.
        if (file is not null && file.Kind is not (FileKind.Gmem or FileKind.Secret) && offset is > Small and < (1UL << 62))
            offset = Page;
        if (file is { Kind: FileKind.Memfd or FileKind.TmpFile } && (mode & 3) is 0 or 1 && length is > 16 * Page and < (1UL << 63))
            length = 16 * Page;
        if (file is { Kind: FileKind.Memfd or FileKind.TmpFile } && (mode & 1) == 0)
            _onSuccess = () => file.Size = Math.Max(file.Size, unchecked(offset + length));
        return Emit(op.With("mode", unchecked((long)mode)).With("offset", unchecked((long)offset)).With("len", unchecked((long)length)));
    }

    private bool DrawFileOp()
    {
        switch (_random.Below(38))
        {
            case < 3:
                return EmitOnFile("fstat");
            case 3:
                return EmitOnFile("fstatfs");
            case 4 or 5:
            {
                OperationWriter op = FileOp("lseek", out KnownFd? fd);
                long end = (long)Math.Min(fd?.File.Size ?? 0, long.MaxValue - 1);
                return Emit(op.With("offset", _random.Of<long>([0, 1, -1, (long)Page, end, end + 1, end - (long)Page, long.MaxValue, long.MinValue, 8]))
                    .With("whence", _random.Of<string>(["SET", "CUR", "END", "DATA", "HOLE"])));
            }

            case 6 or 7:
                return DrawRead();
            case 8 or 9:
                return DrawWrite();
            case 10:
                return EmitOnFile(_random.OneIn(2) ? "fsync" : "fdatasync");
            case 11:
            {
                OperationWriter op = FileOp("flock", out _);
                return Emit(op.With("operation", Flags([1, 2, 8], [0, 3, 4, 32, 64 | 1, 9])));
            }

            case 12:
            {
                OperationWriter op = FileOp("file_lock", out _);
                return Emit(op.With("type", Flags([0, 1, 2], [3, 4])).With("start", _random.Of<long>([0, 0, 1, 8, (long)Page, -1, long.MaxValue]))
                    .With("len", _random.Of<long>([0, 0, 1, 8, (long)Page, -1, -8, long.MaxValue])).With("ofd", _random.OneIn(2) ? 1L : 0L));
            }

            case 13 or 14 or 15:
                return DrawFcntl();
            case 16:
            {
                OperationWriter op = FileOp("fchmod", out _);
                return Emit(op.With("mode", _random.Of<ulong>([0, 0x180, 0x1a4, 0x1ff, 0xdff, 0x9ff, 0xfff, 0x5ff, 0xffff, uint.MaxValue])));
            }

            case 17:
            {
                OperationWriter op = FileOp("fchown", out _);
                return Emit(op.With("uid", _random.Of<long>([-1, 0, 1, 1000, 65534])).With("gid", _random.Of<long>([-1, 0, 1, 1000, 65534])));
            }

            case 18:
                return EmitOnFile("futimens");
            case 19 or 20:
                return DrawXattr();
            case 21:
            {
                OperationWriter op = FileOp("name_to_handle_at", out _);
                return Emit(_random.OneIn(2) ? op : op.With("flags", Flags([0, 512], [1, 256, 1024, 2048, 1UL << 31])));
            }

            case 22:
                return EmitOnFile("readlink_fd");
            case 23 or 24 or 25:
                return DrawCopy();
            case 26 or 27:
            {
                OperationWriter op = FileOp("ioctl_raw", out _);
                return Emit(op.With("request", _random.Of<ulong>(_requests)));
            }

            case 28:
            {
                OperationWriter op = FileOp("posix_fadvise", out KnownFd? fd);
                return Emit(op.With("offset", DrawFileOffset(fd)).With("len", _random.Of<long>([0, 0, (long)Page, -1, 4 * (long)Page, 1, long.MaxValue, 16777216]))
                    .With("advice", _random.Of<long>([0, 1, 2, 3, 4, 5, 6, 7, 8, -1])));
            }

            case 29:
            {
                OperationWriter op = FileOp("readahead", out KnownFd? fd);
                return Emit(op.With("offset", DrawFileOffset(fd)).With("len", _random.Of<ulong>([0, Page, 4 * Page, 1])));
            }

            case 30:
            {
                OperationWriter op = FileOp("sync_file_range", out KnownFd? fd);
                return Emit(op.With("offset", DrawFileOffset(fd)).With("len", _random.Of<long>([0, (long)Page, -1, long.MaxValue])).With("flags", Flags([0, 1, 2, 4, 7], [8, 16])));
            }

            case 31:
            {
                OperationWriter op = FileOp("poll", out _);
                return Emit(op.With("events", _random.Of<ulong>([5, 1, 4, 0, 2, 8, 16, 64, 0x2000, 0xffff])));
            }

            case 32:
                return EmitOnFile("epoll_add");
            case 33:
                return EmitOnFile("execveat");
            case 34:
            {
                OperationWriter op = FileOp("fork_exec_probe", out KnownFd? fd);
                return Emit(op.With("offset", Odd(20) ? DrawFileOffset(fd) & 0x3fff_ffff : 0L).With("len", Odd(20) ? _random.Of<ulong>([0, 1, 16, 4 * Page]) : Page));
            }

            default:
                return EmitOnFile("fstat");
        }
    }

    private OperationWriter FileOp(string name, out KnownFd? fd)
    {
        OperationWriter op = Op(name);
        fd = _profile.Name is "files" or "all" || Odd(15)
            ? WithFd(op, "fd", 4, _everyKind)
            : WithFd(op, "fd", 6, FileKind.Gmem, FileKind.Secret, FileKind.Memfd, FileKind.Gmem, FileKind.Secret);
        return op;
    }

    private bool EmitOnFile(string name) => Emit(FileOp(name, out _));

    private long DrawFileOffset(KnownFd? fd)
    {
        long end = (long)Math.Min(fd?.File.Size ?? 0, Small);
        return _random.Below(10) switch
        {
            < 5 => 0,
            5 => -1,
            6 => end,
            7 => (long)Page - 1,
            8 => (long)((ulong)_random.Below(16) * Page),
            _ => _random.Of<long>([1, 8, end - 1, end + 8, (long)Page, long.MaxValue, long.MinValue, end]),
        };
    }

    private bool DrawRead()
    {
        bool positioned = _random.OneIn(2);
        OperationWriter op = FileOp(positioned ? "pread" : "read", out KnownFd? fd);
        ulong length = _random.Of<ulong>([0, 1, 8, 16, Page, Page + 1, 4 * Page]);
        if (length >= 8 && fd is { File.Kind: FileKind.EventFd })
        {
            // A read of a counter that is 0 waits.
            KnownFile counter = fd.File;
            if (counter.Counter == 0 || _options.Shared)
                length = 4;
            else
                _onSuccess = () => counter.Counter = 0;
        }

        if (positioned)
            op.With("offset", DrawFileOffset(fd));
        return Emit(op.With("len", length));
    }

    private bool DrawWrite()
    {
        bool positioned = _random.OneIn(2);
        OperationWriter op = FileOp(positioned ? "pwrite" : "write", out KnownFd? fd);
        long offset = DrawFileOffset(fd);
        byte[] data = SomeBytes();
        if (fd is { File.Kind: FileKind.EventFd } && data.Length >= 8)
        {
            // One that would overflow waits, too.
            KnownFile counter = fd.File;
            data.AsSpan().Clear();
            data[0] = (byte)(1 + _random.Below(255));
            ulong value = data[0];
            _onSuccess = () => counter.Counter += value;
        }

        if (fd is { File.Kind: FileKind.Memfd or FileKind.TmpFile })
        {
            KnownFile file = fd.File;
            if (positioned && offset > (long)Small)
                offset = (long)Page;
            _onSuccess = () => file.Size = Math.Max(file.Size, Page);
        }

        if (positioned)
            op.With("offset", offset);
        return Emit(op.With("hex", data));
    }

    private bool DrawFcntl()
    {
        OperationWriter op = FileOp("fcntl", out KnownFd? fd);
        string command = _random.Of<string>(
        [
            "F_GETFD", "F_SETFD", "F_GETFL", "F_SETFL", "F_SETFL", "F_GETOWN", "F_GETSIG", "F_SETSIG", "F_SETLEASE", "F_GETLEASE", "F_NOTIFY", "F_SETPIPE_SZ",
            "F_GETPIPE_SZ", "F_ADD_SEALS", "F_GET_SEALS", "F_GET_RW_HINT", "F_DUPFD", "F_DUPFD_CLOEXEC", "F_SETOWN", "F_ADD_SEALS",
        ]);
        ulong arg = command switch
        {
            "F_SETFD" => Flags([0, 1], [2, 3, uint.MaxValue]),
            "F_SETFL" => Flags([0, 1024, 2048, 16384, 262144, 2], [8192, 4096, 1 << 20, uint.MaxValue & ~(1UL << 14)]),
            "F_SETSIG" => Flags([0, 10], [65, uint.MaxValue]),
            "F_SETLEASE" => _random.Of<ulong>([0, 1, 2, 3, 8]),
            "F_NOTIFY" => _random.Of<ulong>([0, 2, 8, 1UL << 31]),
            "F_ADD_SEALS" => _random.Of<ulong>([0, 1, 2, 4, 6, 8, 16, 32, 64, 15, 31]),
            "F_DUPFD" or "F_DUPFD_CLOEXEC" => _random.Of<ulong>([1UL << 31, uint.MaxValue, 1UL << 30]),
            "F_SETOWN" => 0,
            _ => _random.Of<ulong>([0, 0, 1, Page]),
        };
        switch (command)
        {
            // Where the file can be opened again, an opener would wait for a lease to be given back.
            case "F_SETLEASE" when fd is null || fd.File.Kind is FileKind.Memfd or FileKind.TmpFile:
                arg = 2;
                break;

            // A counter that waits or not is told apart by nothing that is known here.
            case "F_SETFL" when fd is { File.Kind: FileKind.EventFd }:
                arg &= ~NonBlocking;
                break;

            // What it answers and takes is a number by way of a pointer.
            case "F_GET_RW_HINT":
                arg = 0;
                break;
            case "F_DUPFD" or "F_DUPFD_CLOEXEC" when _options.ModelOnly && _random.OneIn(8):
                arg = 3;
                break;
            default:
                break;
        }

        return Emit(op.With("cmd", command).With("arg", arg));
    }

    private bool DrawXattr()
    {
        string name = _random.Of<string>(_xattrs);
        switch (_random.Below(6))
        {
            case < 2:
                return Emit(FileOp("fgetxattr", out _).With("name", name));
            case < 4:
            {
                OperationWriter op = FileOp("fsetxattr", out _).With("name", name).With("hex", SomeBytes(large: false));
                return Emit(op.With("flags", Flags([0, 1, 2], [3, 4, 1UL << 31])));
            }

            case 4:
                return Emit(FileOp("fremovexattr", out _).With("name", name));
            default:
                return EmitOnFile("flistxattr");
        }
    }

    private bool DrawCopy()
    {
        string name = _random.Of<string>(["splice_from", "splice_to", "sendfile_from", "sendfile_to", "copy_file_range_from", "copy_file_range_to"]);
        OperationWriter op = FileOp(name, out KnownFd? fd);
        long offset = DrawFileOffset(fd);
        ulong length = _random.Of<ulong>([0, 1, Page, Page, Page + 1, 16, 4 * Page]);
        if (name.EndsWith("_to", StringComparison.Ordinal))
        {
            // The other end holds 4096 bytes: for more, splice would wait.
            length = Math.Min(length, Page);
            if (fd is { File.Kind: FileKind.Memfd or FileKind.TmpFile })
            {
                KnownFile file = fd.File;
                if (offset > (long)Small)
                    offset = 0;
                _onSuccess = () => file.Size = Math.Max(file.Size, Page);
            }
        }

        // An event counter at the other end is read and written as such, and would wait.
        if (fd is { File.Kind: FileKind.EventFd })
            return false;
        return Emit(op.With("offset", offset).With("len", length));
    }
}
