// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/capability.c, Linux 6.18.
namespace Linux;

internal sealed partial class task_struct
{
    /// <summary>Identity for access to files.</summary>
    internal uint fsuid;
    internal uint fsgid;

    /// <summary>CAP_* in effect, one bit each. Changed by the task itself.</summary>
    internal ulong cap_effective = ulong.MaxValue;
}

internal static class Capability
{
    internal const int CAP_IPC_LOCK = 14;
    internal const int CAP_SYS_RAWIO = 17;
    internal const int CAP_SYS_ADMIN = 21;
    internal const int CAP_SYS_BOOT = 22;
    internal const int CAP_SYS_NICE = 23;
    internal const int CAP_SYS_RESOURCE = 24;

    internal static bool capable(int cap) => (current.cap_effective & (1UL << cap)) != 0;
}
