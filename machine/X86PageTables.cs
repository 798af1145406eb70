// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;

namespace KvmSharp.Machine;

/// <summary>
/// x86-64 four-level tables: present 0, writable 1, user 2, write-through 3, cache-disable 4, accessed 5, dirty 6, page size 7, global 8,
/// frame 12..51, no-execute 63. Write protection holds for the kernel too.
/// </summary>
public sealed unsafe class X86PageTables : PageTableFormat
{
    /// <summary>The entry translates or names a table.</summary>
    public const ulong Present = 1;

    /// <summary>Stores are allowed.</summary>
    public const ulong Writable = 1 << 1;

    /// <summary>User accesses are allowed.</summary>
    public const ulong User = 1 << 2;

    /// <summary>Set by hardware on use.</summary>
    public const ulong Accessed = 1 << 5;

    /// <summary>Set by hardware on a store through a leaf.</summary>
    public const ulong Dirty = 1 << 6;

    /// <summary>The entry is a leaf at level 2 or 3.</summary>
    public const ulong PageSize = 1 << 7;

    /// <summary>The leaf matches under every process-context identifier.</summary>
    public const ulong Global = 1 << 8;

    /// <summary>Fetches are not allowed.</summary>
    public const ulong NoExecute = 1ul << 63;

    /// <summary>Makes the walker of a machine.</summary>
    /// <param name="memory">The RAM that holds the tables.</param>
    /// <param name="features">The features that change the meaning of entries.</param>
    public X86PageTables(PhysicalMemory memory, CpuFeatures features)
        : base(memory, features)
    {
    }

    /// <inheritdoc/>
    public override string Name => "x86-64";

    /// <inheritdoc/>
    public override ulong HardwareBits => Accessed | Dirty;

    /// <inheritdoc/>
    public override bool Walk(ulong root, ulong va, AccessKind kind, bool update, out WalkResult result)
    {
        PhysicalAccess access = new(Memory);
        return Walk(ref access, root, va, kind, update, out result);
    }

    /// <inheritdoc/>
    public override bool WalkNested(
        PageTableFormat stage2, ulong stage2Root, ulong root, ulong va, AccessKind kind, bool update, out WalkResult result)
    {
        ArgumentNullException.ThrowIfNull(stage2);
        NestedAccess access = new(stage2, stage2Root, update);
        bool found = Walk(ref access, root, va, kind, update, out result);
        result.Steps += access.Steps;
        return found;
    }

    private bool Walk<TAccess>(ref TAccess access, ulong root, ulong va, AccessKind kind, bool update, out WalkResult result)
        where TAccess : struct, IEntryAccess
    {
        if ((ulong)((long)(va << 16) >> 16) != va)
            return Fail(out result, va, kind, FaultCause.NonCanonical, Levels, 0, 0, 0);

        ulong* at = stackalloc ulong[Levels + 1];
        ulong* seen = stackalloc ulong[Levels + 1];
        bool write = (kind & (AccessKind)(TlbPermissions.KernelWrite | TlbPermissions.UserWrite)) != 0;
        int steps = 0;
    again:
        ulong table = root & AddressMask;
        ulong allow = Writable | User;
        ulong noExecute = 0;
        int level = Levels;
        while (true)
        {
            ulong address = table + (IndexOf(va, level) * 8);
            steps++;
            if (!access.TryEntry(address, false, out ulong* entry))
                return FailEntry(access, out result, va, kind, level, address, steps);
            ulong e = Volatile.Read(ref *entry);
            if ((e & Present) == 0)
                return Fail(out result, va, kind, FaultCause.NotPresent, level, address, e, steps);
            at[level] = address;
            seen[level] = e;
            allow &= e;
            noExecute |= e;
            bool leaf = level == 1 || (e & PageSize) != 0;
            if (IsReserved(e, level, leaf))
                return Fail(out result, va, kind, FaultCause.Reserved, level, address, e, steps);
            if (leaf)
                break;
            table = e & AddressMask;
            level--;
        }

        ulong value = seen[level];
        TlbPermissions can = Allowed(allow, noExecute);
        TlbPermissions need = (TlbPermissions)kind & ~TlbPermissions.Dirty;
        if ((can & need) != need)
            return Fail(out result, va, kind, FaultCause.Permission, level, at[level], value, steps);

        if (update)
        {
            for (int l = Levels; l >= level; l--)
            {
                ulong set = l == level && write ? Accessed | Dirty : Accessed;
                if ((seen[l] & set) == set)
                    continue;
                if (!access.TryEntry(at[l], true, out ulong* entry))
                    return FailEntry(access, out result, va, kind, l, at[l], steps);
                if (Interlocked.CompareExchange(ref *entry, seen[l] | set, seen[l]) != seen[l])
                    goto again;
                seen[l] |= set;
            }

            value = seen[level];
        }

        if ((value & Dirty) != 0)
            can |= TlbPermissions.Dirty;
        if ((value & Global) != 0 && (Features & CpuFeatures.X86Pge) != 0)
            can |= TlbPermissions.Global;
        int shift = ShiftOf(level);
        ulong offset = (1ul << shift) - 1;
        result = new WalkResult
        {
            Success = true,
            Physical = (value & AddressMask & ~offset) | (va & offset),
            Shift = shift,
            Permissions = can,
            EntryAddress = at[level],
            Entry = value,
            Steps = steps,
        };
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsReserved(ulong e, int level, bool leaf)
    {
        if ((e & NoExecute) != 0 && (Features & CpuFeatures.X86Nx) == 0)
            return true;
        if (level == 1 || !leaf)
            return false;

        // Bit 12 of a large leaf is the cache attribute; the bits between it and the frame must be zero.
        return level switch
        {
            2 => (Features & CpuFeatures.X86Pse) == 0 || (e & 0x1f_e000) != 0,
            3 => (Features & CpuFeatures.X86Gbpages) == 0 || (e & 0x3fff_e000) != 0,
            _ => true,
        };
    }

    private TlbPermissions Allowed(ulong allow, ulong noExecute)
    {
        bool write = (allow & Writable) != 0;
        bool execute = (noExecute & NoExecute) == 0;
        TlbPermissions can = TlbPermissions.None;
        bool kernelData = true, kernelExecute = true;
        if ((allow & User) != 0)
        {
            can |= TlbPermissions.UserRead;
            if (write)
                can |= TlbPermissions.UserWrite;
            if (execute)
                can |= TlbPermissions.UserExecute;
            kernelData = (Features & CpuFeatures.X86Smap) == 0;
            kernelExecute = (Features & CpuFeatures.X86Smep) == 0;
        }

        if (kernelData)
            can |= write ? TlbPermissions.KernelRead | TlbPermissions.KernelWrite : TlbPermissions.KernelRead;
        if (kernelExecute && execute)
            can |= TlbPermissions.KernelExecute;
        return can;
    }
}
