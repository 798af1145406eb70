// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/kernel.h, Linux 6.18.
namespace Linux;

internal enum system_states
{
    SYSTEM_BOOTING,
    SYSTEM_SCHEDULING,
    SYSTEM_FREEING_INITMEM,
    SYSTEM_RUNNING,
    SYSTEM_HALT,
}

internal sealed partial class Kernel
{
    /// <summary>How far boot has come. Written by the boot task only.</summary>
    internal system_states system_state;
}
