// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/uapi/asm-generic/mman-common.h, Linux 6.18.
namespace Linux;

internal static class UapiMmanCommon
{
    internal const ulong PROT_NONE = 0x0;
    internal const ulong PROT_READ = 0x1;
    internal const ulong PROT_WRITE = 0x2;
    internal const ulong PROT_EXEC = 0x4;
    internal const ulong PROT_SEM = 0x8;
    internal const ulong PROT_GROWSDOWN = 0x01000000;
    internal const ulong PROT_GROWSUP = 0x02000000;

    internal const ulong MAP_SHARED = 0x01;
    internal const ulong MAP_PRIVATE = 0x02;
    internal const ulong MAP_SHARED_VALIDATE = 0x03;
    internal const ulong MAP_DROPPABLE = 0x08;
    internal const ulong MAP_TYPE = 0x0f;
    internal const ulong MAP_FIXED = 0x10;
    internal const ulong MAP_ANONYMOUS = 0x20;

    /// <summary>x86 only; the bit means nothing elsewhere.</summary>
    internal const ulong MAP_32BIT = 0x40;

    /// <summary>x86 only; the bit means nothing elsewhere.</summary>
    internal const ulong MAP_ABOVE4G = 0x80;
    internal const ulong MAP_GROWSDOWN = 0x0100;
    internal const ulong MAP_DENYWRITE = 0x0800;
    internal const ulong MAP_EXECUTABLE = 0x1000;
    internal const ulong MAP_LOCKED = 0x2000;
    internal const ulong MAP_NORESERVE = 0x4000;
    internal const ulong MAP_POPULATE = 0x008000;
    internal const ulong MAP_NONBLOCK = 0x010000;
    internal const ulong MAP_STACK = 0x020000;
    internal const ulong MAP_HUGETLB = 0x040000;
    internal const ulong MAP_SYNC = 0x080000;
    internal const ulong MAP_FIXED_NOREPLACE = 0x100000;
    internal const ulong MAP_UNINITIALIZED = 0x4000000;

    internal const int MAP_HUGE_SHIFT = 26;
    internal const ulong MAP_HUGE_MASK = 0x3f;
    internal const ulong MAP_HUGE_2MB = 21UL << MAP_HUGE_SHIFT;
    internal const ulong MAP_HUGE_1GB = 30UL << MAP_HUGE_SHIFT;

    internal const uint MLOCK_ONFAULT = 0x01;

    internal const int MS_ASYNC = 1;
    internal const int MS_INVALIDATE = 2;
    internal const int MS_SYNC = 4;

    internal const int MCL_CURRENT = 1;
    internal const int MCL_FUTURE = 2;
    internal const int MCL_ONFAULT = 4;

    internal const ulong MREMAP_MAYMOVE = 1;
    internal const ulong MREMAP_FIXED = 2;
    internal const ulong MREMAP_DONTUNMAP = 4;

    internal const int MADV_NORMAL = 0;
    internal const int MADV_RANDOM = 1;
    internal const int MADV_SEQUENTIAL = 2;
    internal const int MADV_WILLNEED = 3;
    internal const int MADV_DONTNEED = 4;
    internal const int MADV_FREE = 8;
    internal const int MADV_REMOVE = 9;
    internal const int MADV_DONTFORK = 10;
    internal const int MADV_DOFORK = 11;
    internal const int MADV_HWPOISON = 100;
    internal const int MADV_SOFT_OFFLINE = 101;
    internal const int MADV_MERGEABLE = 12;
    internal const int MADV_UNMERGEABLE = 13;
    internal const int MADV_HUGEPAGE = 14;
    internal const int MADV_NOHUGEPAGE = 15;
    internal const int MADV_DONTDUMP = 16;
    internal const int MADV_DODUMP = 17;
    internal const int MADV_WIPEONFORK = 18;
    internal const int MADV_KEEPONFORK = 19;
    internal const int MADV_COLD = 20;
    internal const int MADV_PAGEOUT = 21;
    internal const int MADV_POPULATE_READ = 22;
    internal const int MADV_POPULATE_WRITE = 23;
    internal const int MADV_DONTNEED_LOCKED = 24;
    internal const int MADV_COLLAPSE = 25;
    internal const int MADV_GUARD_INSTALL = 102;
    internal const int MADV_GUARD_REMOVE = 103;
}
