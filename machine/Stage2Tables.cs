// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine;

/// <summary>
/// x86 extended page tables, four levels: read 0, write 1, execute 2, memory type 3..5, page size 7, accessed 8, dirty 9, frame 12..51.
/// Rights count alike for kernel and user accesses of the guest.
/// </summary>
public sealed unsafe class X86Ept : PageTableFormat
{
    /// <summary>Loads are allowed.</summary>
    public const ulong Readable = 1;

    /// <summary>Stores are allowed.</summary>
    public const ulong Writable = 1 << 1;

    /// <summary>Fetches are allowed.</summary>
    public const ulong Executable = 1 << 2;

    /// <summary>The entry is a leaf at level 2 or 3.</summary>
    public const ulong PageSize = 1 << 7;

    /// <summary>Set by hardware on use.</summary>
    public const ulong Accessed = 1 << 8;

    /// <summary>Set by hardware on a store through a leaf.</summary>
    public const ulong Dirty = 1 << 9;

    private const ulong Rights = Readable | Writable | Executable;

    /// <summary>Makes the walker of a machine.</summary>
    /// <param name="memory">The RAM that holds the tables.</param>
    /// <param name="features">The features that change the meaning of entries.</param>
    public X86Ept(PhysicalMemory memory, CpuFeatures features)
        : base(memory, features)
    {
    }

    /// <inheritdoc/>
    public override string Name => "x86 EPT";

    /// <inheritdoc/>
    public override ulong HardwareBits => Accessed | Dirty;

    /// <inheritdoc/>
    public override bool Walk(ulong root, ulong va, AccessKind kind, bool update, out WalkResult result)
    {
        if (va >> 48 != 0)
            return Fail(out result, va, kind, FaultCause.NonCanonical, Levels, 0, 0, 0);
        ulong* at = stackalloc ulong[Levels + 1];
        ulong* seen = stackalloc ulong[Levels + 1];
        bool write = (kind & (AccessKind)(TlbPermissions.KernelWrite | TlbPermissions.UserWrite)) != 0;
        int steps = 0;
    again:
        ulong table = root & AddressMask;
        ulong rights = Rights;
        int level = Levels;
        while (true)
        {
            ulong address = table + (IndexOf(va, level) * 8);
            steps++;
            if (!Memory.IsRam(address, 8))
                return Fail(out result, va, kind, FaultCause.Bus, level, address, 0, steps);
            ulong e = Volatile.Read(ref *(ulong*)Memory.Host(address));
            if ((e & Rights) == 0)
                return Fail(out result, va, kind, FaultCause.NotPresent, level, address, e, steps);
            at[level] = address;
            seen[level] = e;
            rights &= e;
            bool leaf = level == 1 || (e & PageSize) != 0;

            // Writable but not readable, and a leaf at a level or of a frame that cannot be one, are misconfigurations.
            bool bad = (e & (Readable | Writable)) == Writable
                || (leaf && level == 4) || (leaf && level == 3 && (e & 0x3fff_f000) != 0) || (leaf && level == 2 && (e & 0x1f_f000) != 0);
            if (bad)
                return Fail(out result, va, kind, FaultCause.Reserved, level, address, e, steps);
            if (leaf)
                break;
            table = e & AddressMask;
            level--;
        }

        ulong value = seen[level];
        TlbPermissions can = TlbPermissions.None;
        if ((rights & Readable) != 0)
            can |= TlbPermissions.KernelRead | TlbPermissions.UserRead;
        if ((rights & Writable) != 0)
            can |= TlbPermissions.KernelWrite | TlbPermissions.UserWrite;
        if ((rights & Executable) != 0)
            can |= TlbPermissions.KernelExecute | TlbPermissions.UserExecute;
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
                if (Interlocked.CompareExchange(ref *(ulong*)Memory.Host(at[l]), seen[l] | set, seen[l]) != seen[l])
                    goto again;
                seen[l] |= set;
            }

            value = seen[level];
        }

        if ((value & Dirty) != 0)
            can |= TlbPermissions.Dirty;
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

    /// <inheritdoc/>
    /// <exception cref="MachineException">Always: a second stage has no stage below it.</exception>
    public override bool WalkNested(
        PageTableFormat stage2, ulong stage2Root, ulong root, ulong va, AccessKind kind, bool update, out WalkResult result) =>
        throw new MachineException("a second stage has no stage below it");
}

/// <summary>
/// arm64 stage 2, 4 KiB granule, 48-bit intermediate addresses from level 0: valid 0, table-or-page 1, read 6, write 7, access flag 10,
/// address 12..47, DBM 51, no-execute 54. The contiguous hint (52) is allowed and not used.
/// </summary>
public sealed unsafe class Arm64Stage2 : PageTableFormat
{
    /// <summary>The entry translates or names a table.</summary>
    public const ulong Valid = 1;

    /// <summary>With <see cref="Valid"/>: a table, or at the last level a page; without it a block.</summary>
    public const ulong Table = 1 << 1;

    /// <summary>Loads are allowed.</summary>
    public const ulong Readable = 1 << 6;

    /// <summary>Stores are allowed.</summary>
    public const ulong Writable = 1 << 7;

    /// <summary>The access flag.</summary>
    public const ulong AccessFlag = 1 << 10;

    /// <summary>The dirty bit modifier: hardware may set <see cref="Writable"/> on a store.</summary>
    public const ulong DirtyModifier = 1ul << 51;

    /// <summary>Fetches are not allowed.</summary>
    public const ulong NoExecute = 1ul << 54;

    private const ulong OutputMask = 0x0000_ffff_ffff_f000;

    /// <summary>Makes the walker of a machine.</summary>
    /// <param name="memory">The RAM that holds the tables.</param>
    /// <param name="features">The features that change the meaning of entries.</param>
    public Arm64Stage2(PhysicalMemory memory, CpuFeatures features)
        : base(memory, features)
    {
    }

    /// <inheritdoc/>
    public override string Name => "arm64 stage 2";

    /// <inheritdoc/>
    public override ulong HardwareBits => AccessFlag | Writable;

    /// <inheritdoc/>
    public override bool Walk(ulong root, ulong va, AccessKind kind, bool update, out WalkResult result)
    {
        if (va >> 48 != 0)
            return Fail(out result, va, kind, FaultCause.NonCanonical, Levels, 0, 0, 0);
        bool hardware = (Features & CpuFeatures.ArmHafdbs) != 0;
        bool write = (kind & (AccessKind)(TlbPermissions.KernelWrite | TlbPermissions.UserWrite)) != 0;
        int steps = 0;
    again:
        ulong table = root & OutputMask;
        int level = Levels;
        ulong address, e;
        while (true)
        {
            address = table + (IndexOf(va, level) * 8);
            steps++;
            if (!Memory.IsRam(address, 8))
                return Fail(out result, va, kind, FaultCause.Bus, level, address, 0, steps);
            e = Volatile.Read(ref *(ulong*)Memory.Host(address));
            bool block = (e & Table) == 0;
            if ((e & Valid) == 0 || (block && level is 1 or Levels))
                return Fail(out result, va, kind, FaultCause.NotPresent, level, address, e, steps);
            if (level == 1 || block)
                break;
            table = e & OutputMask;
            level--;
        }

        ulong want = e;
        if ((e & AccessFlag) == 0)
        {
            if (!hardware)
                return Fail(out result, va, kind, FaultCause.AccessFlag, level, address, e, steps);
            want |= AccessFlag;
        }

        TlbPermissions can = TlbPermissions.None;
        if ((e & Readable) != 0)
            can |= TlbPermissions.KernelRead | TlbPermissions.UserRead;
        if ((e & Writable) != 0 || (hardware && (e & DirtyModifier) != 0))
            can |= TlbPermissions.KernelWrite | TlbPermissions.UserWrite;
        if ((e & NoExecute) == 0)
            can |= TlbPermissions.KernelExecute | TlbPermissions.UserExecute;
        TlbPermissions need = (TlbPermissions)kind & ~TlbPermissions.Dirty;
        if ((can & need) != need)
            return Fail(out result, va, kind, FaultCause.Permission, level, address, e, steps);
        if (write)
            want |= Writable;
        if (update && want != e)
        {
            if (Interlocked.CompareExchange(ref *(ulong*)Memory.Host(address), want, e) != e)
                goto again;
            e = want;
        }

        if ((e & Writable) != 0)
            can |= TlbPermissions.Dirty;
        int shift = ShiftOf(level);
        ulong offset = (1ul << shift) - 1;
        result = new WalkResult
        {
            Success = true,
            Physical = (e & OutputMask & ~offset) | (va & offset),
            Shift = shift,
            Permissions = can,
            EntryAddress = address,
            Entry = e,
            Steps = steps,
        };
        return true;
    }

    /// <inheritdoc/>
    /// <exception cref="MachineException">Always: a second stage has no stage below it.</exception>
    public override bool WalkNested(
        PageTableFormat stage2, ulong stage2Root, ulong root, ulong va, AccessKind kind, bool update, out WalkResult result) =>
        throw new MachineException("a second stage has no stage below it");
}
