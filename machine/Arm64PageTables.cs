// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine;

/// <summary>
/// arm64 stage 1, 4 KiB granule, 48-bit addresses: valid 0, table-or-page 1, AP 6..7, access flag 10, not-global 11, address 12..47, DBM 51,
/// contiguous 52, PXN 53, UXN 54; table attributes 59..62. The contiguous hint is allowed and not used: each entry is cached alone.
/// </summary>
public sealed unsafe class Arm64PageTables : PageTableFormat
{
    /// <summary>The entry translates or names a table.</summary>
    public const ulong Valid = 1;

    /// <summary>With <see cref="Valid"/>: a table, or at the last level a page; without it a block.</summary>
    public const ulong Table = 1 << 1;

    /// <summary>AP[1]: accessible with user rights.</summary>
    public const ulong User = 1 << 6;

    /// <summary>AP[2]: read-only; with <see cref="DirtyModifier"/> it means writable and clean.</summary>
    public const ulong ReadOnly = 1 << 7;

    /// <summary>The access flag.</summary>
    public const ulong AccessFlag = 1 << 10;

    /// <summary>The entry matches only under its ASID.</summary>
    public const ulong NotGlobal = 1 << 11;

    /// <summary>The dirty bit modifier: hardware may clear <see cref="ReadOnly"/> on a store.</summary>
    public const ulong DirtyModifier = 1ul << 51;

    /// <summary>The contiguous hint.</summary>
    public const ulong Contiguous = 1ul << 52;

    /// <summary>Fetches with kernel rights are not allowed.</summary>
    public const ulong PrivilegedNoExecute = 1ul << 53;

    /// <summary>Fetches with user rights are not allowed.</summary>
    public const ulong UserNoExecute = 1ul << 54;

    private const ulong TablePrivilegedNoExecute = 1ul << 59;
    private const ulong TableUserNoExecute = 1ul << 60;
    private const ulong TableNoUser = 1ul << 61;
    private const ulong TableReadOnly = 1ul << 62;
    private const ulong OutputMask = 0x0000_ffff_ffff_f000;

    /// <summary>Makes the walker of a machine.</summary>
    /// <param name="memory">The RAM that holds the tables.</param>
    /// <param name="features">The features that change the meaning of entries.</param>
    public Arm64PageTables(PhysicalMemory memory, CpuFeatures features)
        : base(memory, features)
    {
    }

    /// <inheritdoc/>
    public override string Name => "arm64 stage 1";

    /// <inheritdoc/>
    public override ulong HardwareBits => AccessFlag | ReadOnly;

    /// <inheritdoc/>
    public override ulong RootFor(ulong va, ulong root, ulong upperRoot) => (va >> 55 & 1) != 0 ? upperRoot : root;

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
        ulong top = va >> 48;
        if (top != 0 && top != 0xffff)
            return Fail(out result, va, kind, FaultCause.NonCanonical, Levels, 0, 0, 0);

        bool hardware = (Features & CpuFeatures.ArmHafdbs) != 0;
        bool write = (kind & (AccessKind)(TlbPermissions.KernelWrite | TlbPermissions.UserWrite)) != 0;
        int steps = 0;
    again:
        ulong table = root & OutputMask;
        ulong inherited = 0;
        int level = Levels;
        ulong address, e;
        while (true)
        {
            address = table + (IndexOf(va, level) * 8);
            steps++;
            if (!access.TryEntry(address, false, out ulong* entry))
                return FailEntry(access, out result, va, kind, level, address, steps);
            e = Volatile.Read(ref *entry);
            bool block = (e & Table) == 0;
            if ((e & Valid) == 0 || (block && level is 1 or Levels))
                return Fail(out result, va, kind, FaultCause.NotPresent, level, address, e, steps);
            if (level == 1 || block)
                break;
            inherited |= e;
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

        TlbPermissions can = Allowed(e, inherited, hardware);
        TlbPermissions need = (TlbPermissions)kind & ~TlbPermissions.Dirty;
        if ((can & need) != need)
            return Fail(out result, va, kind, FaultCause.Permission, level, address, e, steps);
        if (write)
            want &= ~ReadOnly;
        if (update && want != e)
        {
            if (!access.TryEntry(address, true, out ulong* entry))
                return FailEntry(access, out result, va, kind, level, address, steps);
            if (Interlocked.CompareExchange(ref *entry, want, e) != e)
                goto again;
            e = want;
        }

        if ((e & ReadOnly) == 0)
            can |= TlbPermissions.Dirty;
        if ((e & NotGlobal) == 0)
            can |= TlbPermissions.Global;
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

    private TlbPermissions Allowed(ulong e, ulong inherited, bool hardware)
    {
        bool write = (inherited & TableReadOnly) == 0 && ((e & ReadOnly) == 0 || (hardware && (e & DirtyModifier) != 0));
        bool user = (e & User) != 0 && (inherited & TableNoUser) == 0;
        TlbPermissions can = TlbPermissions.None;
        if (user)
            can |= write ? TlbPermissions.UserRead | TlbPermissions.UserWrite : TlbPermissions.UserRead;
        if (((e & UserNoExecute) | (inherited & TableUserNoExecute)) == 0)
            can |= TlbPermissions.UserExecute;
        if (!user || (Features & CpuFeatures.ArmPan) == 0)
            can |= write ? TlbPermissions.KernelRead | TlbPermissions.KernelWrite : TlbPermissions.KernelRead;

        // What a user may write, the kernel never executes.
        if (((e & PrivilegedNoExecute) | (inherited & TablePrivilegedNoExecute)) == 0 && !(user && write))
            can |= TlbPermissions.KernelExecute;
        return can;
    }
}
