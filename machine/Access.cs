// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine;

/// <summary>What a translation allows, as bits of a TLB entry.</summary>
[Flags]
public enum TlbPermissions : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Loads with kernel rights.</summary>
    KernelRead = 1,

    /// <summary>Stores with kernel rights.</summary>
    KernelWrite = 2,

    /// <summary>Fetches with kernel rights.</summary>
    KernelExecute = 4,

    /// <summary>Loads with user rights.</summary>
    UserRead = 8,

    /// <summary>Stores with user rights.</summary>
    UserWrite = 16,

    /// <summary>Fetches with user rights.</summary>
    UserExecute = 32,

    /// <summary>The dirty bit is known to be set, so that a store need not walk.</summary>
    Dirty = 64,

    /// <summary>Matches under every address space.</summary>
    Global = 128,
}

/// <summary>
/// A kind of access. The value is the set of <see cref="TlbPermissions"/> that the access needs. Copies to and from user memory by a
/// kernel are accesses with user rights.
/// </summary>
[Flags]
public enum AccessKind : uint
{
    /// <summary>No access: matches any translation.</summary>
    Any = 0,

    /// <summary>Load with kernel rights.</summary>
    KernelRead = TlbPermissions.KernelRead,

    /// <summary>Store with kernel rights.</summary>
    KernelWrite = TlbPermissions.KernelWrite | TlbPermissions.Dirty,

    /// <summary>Fetch with kernel rights.</summary>
    KernelExecute = TlbPermissions.KernelExecute,

    /// <summary>Load with user rights.</summary>
    UserRead = TlbPermissions.UserRead,

    /// <summary>Store with user rights.</summary>
    UserWrite = TlbPermissions.UserWrite | TlbPermissions.Dirty,

    /// <summary>Fetch with user rights.</summary>
    UserExecute = TlbPermissions.UserExecute,
}

/// <summary>Why a translation failed.</summary>
public enum FaultCause : byte
{
    /// <summary>It did not fail.</summary>
    None,

    /// <summary>The address cannot be translated at all: not canonical, or beyond what the tables span.</summary>
    NonCanonical,

    /// <summary>An entry is not present (invalid).</summary>
    NotPresent,

    /// <summary>The entries do not allow the access.</summary>
    Permission,

    /// <summary>A bit that must be zero is set, or a leaf of a size that the CPU lacks.</summary>
    Reserved,

    /// <summary>The access flag is clear and hardware does not set it.</summary>
    AccessFlag,

    /// <summary>A table lies outside RAM.</summary>
    Bus,

    /// <summary>The second stage failed while an entry of the first was read or written; see <see cref="WalkFault.Stage2Address"/>.</summary>
    Stage2Walk,

    /// <summary>The second stage failed for the final address; see <see cref="WalkFault.Stage2Address"/>.</summary>
    Stage2,
}

/// <summary>A failed translation.</summary>
public readonly struct WalkFault
{
    /// <summary>The address that was to be translated.</summary>
    public readonly ulong Address;

    /// <summary>The physical address of the entry that ended the walk; 0 if none was read.</summary>
    public readonly ulong EntryAddress;

    /// <summary>The value of that entry.</summary>
    public readonly ulong Entry;

    /// <summary>The guest-physical address that the second stage refused (causes Stage2 and Stage2Walk).</summary>
    public readonly ulong Stage2Address;

    /// <summary>The access.</summary>
    public readonly AccessKind Kind;

    /// <summary>Why it failed.</summary>
    public readonly FaultCause Cause;

    /// <summary>For Stage2 and Stage2Walk: why the second stage refused.</summary>
    public readonly FaultCause Stage2Cause;

    /// <summary>The level of the entry that ended the walk: 1 = 4 KiB entries, 2, 3, 4 = root.</summary>
    public readonly byte Level;

    internal WalkFault(ulong address, AccessKind kind, FaultCause cause, int level, ulong entryAddress, ulong entry)
    {
        Address = address;
        Kind = kind;
        Cause = cause;
        Level = (byte)level;
        EntryAddress = entryAddress;
        Entry = entry;
    }

    internal WalkFault(in WalkFault first, FaultCause cause, ulong gpa, FaultCause second)
    {
        this = first;
        Cause = cause;
        Stage2Address = gpa;
        Stage2Cause = second;
    }

    /// <summary>Gets the page-fault error code of x86: bits P, W, U, RSVD, I.</summary>
    public uint X86ErrorCode
    {
        get
        {
            uint code = Cause is FaultCause.Permission or FaultCause.Reserved ? 1u : 0;
            if (Cause == FaultCause.Reserved)
                code |= 8;
            if ((Kind & (AccessKind)(TlbPermissions.KernelWrite | TlbPermissions.UserWrite)) != 0)
                code |= 2;
            if ((Kind & (AccessKind)(TlbPermissions.UserRead | TlbPermissions.UserWrite | TlbPermissions.UserExecute)) != 0)
                code |= 4;
            if ((Kind & (AccessKind.KernelExecute | AccessKind.UserExecute)) != 0)
                code |= 16;
            return code;
        }
    }

    /// <summary>Gets the fault status code (DFSC/IFSC) of arm64.</summary>
    public uint ArmFaultStatus
    {
        get
        {
            uint level = (uint)(4 - Level) & 3;
            return Cause switch
            {
                FaultCause.Permission => 0b001100 | level,
                FaultCause.AccessFlag => 0b001000 | level,
                FaultCause.Bus => 0b010100 | level,
                FaultCause.NonCanonical => 0b000100,
                _ => 0b000100 | level,
            };
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Kind} of 0x{Address:x}: {Cause} at level {Level}, entry 0x{Entry:x} at 0x{EntryAddress:x}";
}
