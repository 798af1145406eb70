// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/uapi/asm-generic/resource.h, Linux 6.18.
namespace Linux;

internal static class ResourceH
{
    internal const int RLIMIT_DATA = 2;
    internal const int RLIMIT_STACK = 3;
    internal const int RLIMIT_CORE = 4;
    internal const int RLIMIT_NOFILE = 7;
    internal const int RLIMIT_MEMLOCK = 8;
    internal const int RLIMIT_AS = 9;
    internal const int RLIM_NLIMITS = 16;
    internal const ulong RLIM_INFINITY = ulong.MaxValue;
}

/// <summary>A soft limit, which binds, and the hard limit up to which it may be raised.</summary>
internal struct rlimit
{
    internal ulong rlim_cur;
    internal ulong rlim_max;
}
