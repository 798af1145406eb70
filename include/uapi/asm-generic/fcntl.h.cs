// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/uapi/asm-generic/fcntl.h, Linux 6.18; O_DIRECTORY and O_LARGEFILE as on x86-64 and arm64 alike in the kernel's own use.
namespace Linux;

internal static class FcntlH
{
    internal const uint O_ACCMODE = 0x3;
    internal const uint O_RDONLY = 0;
    internal const uint O_WRONLY = 1;
    internal const uint O_RDWR = 2;
    internal const uint O_CREAT = 0x40;
    internal const uint O_EXCL = 0x80;
    internal const uint O_TRUNC = 0x200;
    internal const uint O_APPEND = 0x400;
    internal const uint O_NONBLOCK = 0x800;
    internal const uint O_DSYNC = 0x1000;
    internal const uint FASYNC = 0x2000;
    internal const uint O_DIRECT = 0x4000;
    internal const uint O_LARGEFILE = 0x8000;
    internal const uint O_NOATIME = 0x40000;
    internal const uint O_DIRECTORY = 0x10000;
    internal const uint O_TMPFILE = 0x400000 | O_DIRECTORY;
    internal const uint O_NOFOLLOW = 0x20000;
    internal const uint O_CLOEXEC = 0x80000;
    internal const uint O_PATH = 0x200000;

    internal const int FD_CLOEXEC = 1;

    // What an open file may do: file.f_mode.
    internal const uint FMODE_READ = 0x1;
    internal const uint FMODE_WRITE = 0x2;
    internal const uint FMODE_LSEEK = 0x4;
    internal const uint FMODE_PREAD = 0x8;
    internal const uint FMODE_PWRITE = 0x10;
    internal const uint FMODE_EXEC = 0x20;
    internal const uint FMODE_PATH = 1 << 14;

    /// <summary>The open file counts as a writer of its inode.</summary>
    internal const uint FMODE_WRITER = 1 << 16;
    internal const uint FMODE_CAN_READ = 1 << 17;
    internal const uint FMODE_CAN_WRITE = 1 << 18;
    internal const uint FMODE_OPENED = 1 << 19;
    internal const uint FMODE_CAN_ODIRECT = 1 << 22;

    internal const uint S_IFMT = 0xF000;
    internal const uint S_IFREG = 0x8000;
    internal const uint S_IFCHR = 0x2000;
    internal const uint S_IFIFO = 0x1000;
    internal const uint S_IFDIR = 0x4000;
    internal const uint S_IRWXU = 0x1C0;
    internal const uint S_IXUGO = 0x49;
    internal const uint S_IRUSR = 0x100;
    internal const uint S_IWUSR = 0x80;

    internal const uint ATTR_MODE = 1 << 0;
    internal const uint ATTR_UID = 1 << 1;
    internal const uint ATTR_GID = 1 << 2;
    internal const uint ATTR_SIZE = 1 << 3;
    internal const uint ATTR_ATIME = 1 << 4;
    internal const uint ATTR_MTIME = 1 << 5;
    internal const uint ATTR_CTIME = 1 << 6;
    internal const uint ATTR_ATIME_SET = 1 << 7;
    internal const uint ATTR_MTIME_SET = 1 << 8;
    internal const uint ATTR_FILE = 1 << 13;
}
