// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;

namespace KvmSharp.Machine;

/// <summary>The outcome of a table walk.</summary>
public struct WalkResult
{
    /// <summary>Whether there is a translation that allows the access; if not, <see cref="Fault"/> says why.</summary>
    public bool Success;

    /// <summary>The physical byte address of the byte asked for.</summary>
    public ulong Physical;

    /// <summary>log2 of the size of the leaf.</summary>
    public int Shift;

    /// <summary>What the entries allow together, with Dirty and Global.</summary>
    public TlbPermissions Permissions;

    /// <summary>The physical address of the leaf entry.</summary>
    public ulong EntryAddress;

    /// <summary>The leaf entry, after hardware updated it.</summary>
    public ulong Entry;

    /// <summary>The number of entries read.</summary>
    public int Steps;

    /// <summary>Why there is no translation.</summary>
    public WalkFault Fault;

    /// <summary>Gets a value indicating whether the translation holds under every address space.</summary>
    public readonly bool Global => (Permissions & TlbPermissions.Global) != 0;

    /// <summary>Gets the size of the leaf in bytes.</summary>
    public readonly ulong Bytes => 1ul << Shift;
}

/// <summary>
/// A format of page tables in simulated RAM and the hardware that walks them: four levels of 512 eight-byte entries. Walks are safe
/// from any thread; flags are set by compare-and-swap, as hardware does.
/// </summary>
public abstract unsafe class PageTableFormat
{
    private protected const int Levels = 4;
    private protected const ulong AddressMask = 0x000f_ffff_ffff_f000;

    private protected PageTableFormat(PhysicalMemory memory, CpuFeatures features)
    {
        Memory = memory;
        Features = features;
    }

    /// <summary>Gets the name of the format.</summary>
    public abstract string Name { get; }

    /// <summary>Gets the RAM that holds the tables.</summary>
    public PhysicalMemory Memory { get; }

    /// <summary>Gets the features that change the meaning of entries.</summary>
    public CpuFeatures Features { get; }

    /// <summary>The bits of a leaf entry that hardware sets by itself; a leaf that changed only there still translates the same.</summary>
    public abstract ulong HardwareBits { get; }

    /// <summary>Chooses the root for an address when there are two (arm64: lower and upper half).</summary>
    /// <param name="va">Virtual byte address.</param>
    /// <param name="root">The root of the lower half, or the only one.</param>
    /// <param name="upperRoot">The root of the upper half.</param>
    /// <returns>The root.</returns>
    public virtual ulong RootFor(ulong va, ulong root, ulong upperRoot) => root;

    /// <summary>Walks.</summary>
    /// <param name="root">The physical address of the root table; bits outside 12..51 are ignored.</param>
    /// <param name="va">The byte address to translate.</param>
    /// <param name="kind">What the access needs; <see cref="AccessKind.Any"/> asks for any present translation.</param>
    /// <param name="update">Whether hardware sets the accessed and dirty flags; false for a look without effects.</param>
    /// <param name="result">The outcome.</param>
    /// <returns>Whether there is a translation that allows the access.</returns>
    public abstract bool Walk(ulong root, ulong va, AccessKind kind, bool update, out WalkResult result);

    /// <summary>Walks tables whose own addresses are translated by a second stage: a guest's tables.</summary>
    /// <param name="stage2">The format of the second stage.</param>
    /// <param name="stage2Root">The root of the second stage.</param>
    /// <param name="root">The guest-physical address of the root table.</param>
    /// <param name="va">The byte address to translate.</param>
    /// <param name="kind">What the access needs.</param>
    /// <param name="update">Whether hardware sets accessed and dirty flags in the first stage and the second.</param>
    /// <param name="result">The outcome; the physical address and the leaf's address are guest-physical.</param>
    /// <returns>Whether there is a translation to a guest-physical address that allows the access.</returns>
    public abstract bool WalkNested(
        PageTableFormat stage2, ulong stage2Root, ulong root, ulong va, AccessKind kind, bool update, out WalkResult result);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private protected static bool Fail(
        out WalkResult r, ulong va, AccessKind kind, FaultCause cause, int level, ulong entryAddress, ulong entry, int steps)
    {
        r = default;
        r.Steps = steps;
        r.EntryAddress = entryAddress;
        r.Entry = entry;
        r.Fault = new WalkFault(va, kind, cause, level, entryAddress, entry);
        return false;
    }

    // An entry that cannot be reached: the second stage's fault if there was one.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private protected static bool FailEntry<TAccess>(
        in TAccess access, out WalkResult r, ulong va, AccessKind kind, int level, ulong entryAddress, int steps)
        where TAccess : struct, IEntryAccess
    {
        Fail(out r, va, kind, access.Failure, level, entryAddress, 0, steps);
        if (access.Failure == FaultCause.Stage2Walk)
            r.Fault = new WalkFault(r.Fault, FaultCause.Stage2Walk, entryAddress, access.Stage2Failure);
        return false;
    }

    private protected static ulong IndexOf(ulong va, int level) => (va >> (3 + (9 * level))) & 511;

    private protected static int ShiftOf(int level) => 3 + (9 * level);

    private protected interface IEntryAccess
    {
        FaultCause Failure { get; }

        FaultCause Stage2Failure { get; }

        int Steps { get; }

        bool TryEntry(ulong address, bool write, out ulong* entry);
    }

    private protected struct PhysicalAccess(PhysicalMemory memory) : IEntryAccess
    {
        public readonly FaultCause Failure => FaultCause.Bus;

        public readonly FaultCause Stage2Failure => FaultCause.None;

        public readonly int Steps => 0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly bool TryEntry(ulong address, bool write, out ulong* entry)
        {
            if (!memory.IsRam(address, 8))
            {
                entry = null;
                return false;
            }

            entry = (ulong*)memory.Host(address);
            return true;
        }
    }

    private protected struct NestedAccess(PageTableFormat stage2, ulong root, bool update) : IEntryAccess
    {
        private FaultCause _stage2;
        private int _steps;

        public readonly FaultCause Failure => _stage2 == FaultCause.None ? FaultCause.Bus : FaultCause.Stage2Walk;

        public readonly FaultCause Stage2Failure => _stage2;

        public readonly int Steps => _steps;

        public bool TryEntry(ulong address, bool write, out ulong* entry)
        {
            entry = null;
            bool found = stage2.Walk(root, address, write ? AccessKind.KernelWrite : AccessKind.KernelRead, update, out WalkResult r);
            _steps += r.Steps;
            if (!found)
            {
                _stage2 = r.Fault.Cause;
                return false;
            }

            if (!stage2.Memory.IsRam(r.Physical, 8))
            {
                _stage2 = FaultCause.None;
                return false;
            }

            entry = (ulong*)stage2.Memory.Host(r.Physical);
            return true;
        }
    }
}
