// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/mempolicy.h, Linux 6.18.
namespace Linux;

/// <summary>Where memory may come from. Never changed once made, so it needs no reference count here.</summary>
/// <param name="mode">MPOL_*.</param>
/// <param name="flags">MPOL_F_* mode flags.</param>
/// <param name="nodes">Allowed nodes that exist, bit n for node n.</param>
/// <param name="user_nodemask">What user space asked for.</param>
internal sealed record mempolicy(ushort mode, ushort flags, ulong nodes, ulong user_nodemask);

/// <summary>Policies of ranges of a shared object, by page index.</summary>
internal sealed class shared_policy
{
    /// <summary>Disjoint ranges in order: start, end (exclusive), policy.</summary>
    internal readonly List<(pgoff_t Start, pgoff_t End, mempolicy Policy)> Ranges = [];
    internal readonly spinlock_t @lock = new("&sp->lock", "mempolicy.c");
}

internal static class MempolicyH
{
    internal const int MPOL_DEFAULT = 0;
    internal const int MPOL_PREFERRED = 1;
    internal const int MPOL_BIND = 2;
    internal const int MPOL_INTERLEAVE = 3;
    internal const int MPOL_LOCAL = 4;
    internal const int MPOL_PREFERRED_MANY = 5;
    internal const int MPOL_WEIGHTED_INTERLEAVE = 6;
    internal const int MPOL_MAX = 7;

    internal const int MPOL_F_STATIC_NODES = 1 << 15;
    internal const int MPOL_F_RELATIVE_NODES = 1 << 14;
    internal const int MPOL_F_NUMA_BALANCING = 1 << 13;
    internal const int MPOL_MODE_FLAGS = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING;

    internal const ulong MPOL_F_NODE = 1 << 0;
    internal const ulong MPOL_F_ADDR = 1 << 1;
    internal const ulong MPOL_F_MEMS_ALLOWED = 1 << 2;

    internal const ulong MPOL_MF_STRICT = 1 << 0;
    internal const ulong MPOL_MF_MOVE = 1 << 1;
    internal const ulong MPOL_MF_MOVE_ALL = 1 << 2;
    internal const ulong MPOL_MF_DISCONTIG_OK = 1 << 4;
    internal const ulong MPOL_MF_VALID = MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL;

    internal static bool mpol_equal(mempolicy? a, mempolicy? b)
    {
        if (a is null || b is null)
            return a == b;
        if (a.mode != b.mode || a.flags != b.flags || (StoresUserMask(a) && a.user_nodemask != b.user_nodemask))
            return false;
        return a.mode == MPOL_LOCAL || a.nodes == b.nodes;
    }

    /// <summary>Drops what mpol_shared_policy_lookup() took; policies are collected, so nothing is to do.</summary>
    internal static void mpol_cond_put(mempolicy? pol)
    {
        _ = pol;
    }

    internal static bool StoresUserMask(mempolicy pol) => (pol.flags & MPOL_MODE_FLAGS) != 0;
}
