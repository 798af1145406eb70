// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Arch.X86;

/// <summary>Guest physical memory as the page walker sees it: aligned 8-byte entries.</summary>
internal interface IGuestPhysicalMemory
{
    /// <summary>Reads one entry. Done or Exit; an address without memory reads as not present (zero).</summary>
    X86BusResult ReadEntry(ulong gpa, out ulong entry);

    /// <summary>
    /// Replaces an entry if it still equals <paramref name="expected"/>. <paramref name="exchanged"/> false restarts the walk. Read-only memory leaves the
    /// entry alone and reports true: hardware bits cannot be kept there.
    /// </summary>
    X86BusResult CompareExchangeEntry(ulong gpa, ulong expected, ulong value, out bool exchanged);
}

/// <summary>What of the vCPU decides about a guest page walk.</summary>
internal struct X86PagingContext
{
    public ulong Cr0;
    public ulong Cr3;
    public ulong Cr4;
    public ulong Efer;

    /// <summary>RFLAGS.AC: explicit supervisor accesses may touch user pages under SMAP.</summary>
    public bool Ac;

    public static X86PagingContext Of(X86VcpuState state) => new()
    {
        Cr0 = state.Cr0,
        Cr3 = state.Cr3,
        Cr4 = state.Cr4,
        Efer = state.Efer,
        Ac = (state.Rflags & X86Flags.Ac) != 0,
    };
}

/// <summary>Result of a walk that succeeded.</summary>
internal struct X86Translation
{
    public ulong Gpa;

    /// <summary>12, 21 or 30: the size of the leaf.</summary>
    public int PageShift;
    public bool Global;

    /// <summary>The guest's tables allow a write and the dirty bit is set, so that a write needs no other walk.</summary>
    public bool WritableAndDirty;

    /// <summary>Some level is supervisor only.</summary>
    public bool Supervisor;
}

/// <summary>
/// The CPU's own walk of 4-level guest page tables: permissions first, then accessed and dirty bits by compare-and-exchange from the root down;
/// an entry that changed in between restarts the walk.
/// </summary>
internal static class X86GuestWalker
{
    /// <summary>Width of a guest physical address; entry and CR3 bits above are reserved.</summary>
    public const int PhysicalAddressBits = 48;

    public const ulong Present = 1;
    public const ulong Writable = 1 << 1;
    public const ulong User = 1 << 2;
    public const ulong Accessed = 1 << 5;
    public const ulong Dirty = 1 << 6;
    public const ulong PageSize = 1 << 7;
    public const ulong Global = 1 << 8;
    public const ulong NoExecute = 1UL << 63;
    public const ulong AddressMask = ((1UL << PhysicalAddressBits) - 1) & ~0xfffUL;

    public const uint ErrorPresent = 1;
    public const uint ErrorReserved = 1 << 3;

    private const ulong ReservedHigh = ((1UL << 52) - 1) & ~((1UL << PhysicalAddressBits) - 1);

    /// <summary>
    /// Translates <paramref name="gva"/>. Done fills <paramref name="translation"/>; PageFault fills <paramref name="errorCode"/>; GeneralProtection is a
    /// non-canonical address; Exit comes from <paramref name="memory"/>.
    /// </summary>
    public static X86BusResult Walk<TMemory>(
        in X86PagingContext context, ulong gva, X86Access access, TMemory memory, out X86Translation translation, out uint errorCode)
        where TMemory : IGuestPhysicalMemory
    {
        translation = default;
        errorCode = 0;
        if ((ulong)((long)(gva << 16) >> 16) != gva)
            return X86BusResult.GeneralProtection;
        if ((context.Cr0 & X86Control.Cr0Pg) == 0)
        {
            // The identity "long mode" of a VMM that starts a guest without tables. Addresses above the physical width wrap to nothing useful.
            translation = new X86Translation { Gpa = gva & ((1UL << PhysicalAddressBits) - 1), PageShift = 12, WritableAndDirty = true };
            return X86BusResult.Done;
        }

        bool nxe = (context.Efer & X86Control.EferNxe) != 0;
        while (true)
        {
            ulong table = context.Cr3 & AddressMask;
            ulong permissions = Writable | User;
            bool noExecute = false;
            EntryPath path = default;
            int level = 4;
            ulong entry;
            while (true)
            {
                int shift = 12 + (9 * (level - 1));
                ulong at = table + (((gva >> shift) & 511) * 8);
                X86BusResult result = memory.ReadEntry(at, out entry);
                if (result != X86BusResult.Done)
                    return result;
                path.Set(level, at, entry);
                if ((entry & Present) == 0)
                {
                    errorCode = Error(in context, access, 0);
                    return X86BusResult.PageFault;
                }
                if (IsReserved(entry, level, nxe))
                {
                    errorCode = Error(in context, access, ErrorPresent | ErrorReserved);
                    return X86BusResult.PageFault;
                }
                permissions &= entry;
                noExecute |= (entry & NoExecute) != 0;
                if (level == 1 || (entry & PageSize) != 0)
                    break;
                table = entry & AddressMask;
                level--;
            }

            if (!Allows(in context, access, permissions, noExecute))
            {
                errorCode = Error(in context, access, ErrorPresent);
                return X86BusResult.PageFault;
            }

            bool write = (access & X86Access.Write) != 0;
            bool restart = false;
            for (int n = 4; n >= level && !restart; n--)
            {
                ulong wanted = path.Value(n) | Accessed | (n == level && write ? Dirty : 0);
                if (wanted == path.Value(n))
                    continue;
                X86BusResult result = memory.CompareExchangeEntry(path.Address(n), path.Value(n), wanted, out bool exchanged);
                if (result != X86BusResult.Done)
                    return result;
                restart = !exchanged;
                if (n == level)
                    entry = wanted;
            }
            if (restart)
                continue;

            int leafShift = 12 + (9 * (level - 1));
            ulong offsetMask = (1UL << leafShift) - 1;
            translation.Gpa = (entry & AddressMask & ~offsetMask) | (gva & offsetMask);
            translation.PageShift = leafShift;
            translation.Global = (entry & Global) != 0;
            translation.Supervisor = (permissions & User) == 0;
            translation.WritableAndDirty = (permissions & Writable) != 0 && (entry & Dirty) != 0;
            return X86BusResult.Done;
        }
    }

    private static bool IsReserved(ulong entry, int level, bool nxe)
    {
        if ((entry & ReservedHigh) != 0 || (!nxe && (entry & NoExecute) != 0))
            return true;
        if ((entry & PageSize) == 0)
            return false;
        return level switch
        {
            4 => true,

            // Bit 12 of a large leaf is PAT.
            3 => (entry & 0x3fffe000) != 0,
            2 => (entry & 0x1fe000) != 0,
            _ => false,
        };
    }

    private static bool Allows(in X86PagingContext context, X86Access access, ulong permissions, bool noExecute)
    {
        bool userPage = (permissions & User) != 0;
        bool write = (access & X86Access.Write) != 0;
        bool fetch = (access & X86Access.Fetch) != 0;
        if (fetch && noExecute)
            return false;
        if ((access & X86Access.User) != 0)
            return userPage && (!write || (permissions & Writable) != 0);
        if (userPage)
        {
            if (fetch)
            {
                if ((context.Cr4 & X86Control.Cr4Smep) != 0)
                    return false;
            }
            else if ((context.Cr4 & X86Control.Cr4Smap) != 0 && ((access & X86Access.Implicit) != 0 || !context.Ac))
            {
                return false;
            }
        }
        return !write || (permissions & Writable) != 0 || (context.Cr0 & X86Control.Cr0Wp) == 0;
    }

    private static uint Error(in X86PagingContext context, X86Access access, uint code)
    {
        code |= (uint)(access & (X86Access.Write | X86Access.User));

        // The fetch bit exists only when something can make a fetch differ from a read.
        if ((access & X86Access.Fetch) != 0 && ((context.Efer & X86Control.EferNxe) != 0 || (context.Cr4 & X86Control.Cr4Smep) != 0))
            code |= (uint)X86Access.Fetch;
        return code;
    }

    /// <summary>The entries of one walk by level 4..1, without an array.</summary>
    [System.Runtime.CompilerServices.InlineArray(4)]
    private struct Words
    {
        private ulong _first;
    }

    private struct EntryPath
    {
        private Words _addresses;
        private Words _values;

        public void Set(int level, ulong address, ulong value)
        {
            _addresses[level - 1] = address;
            _values[level - 1] = value;
        }

        public readonly ulong Address(int level) => _addresses[level - 1];

        public readonly ulong Value(int level) => _values[level - 1];
    }
}
