// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;

namespace KvmSharp.Machine;

/// <summary>A cached translation.</summary>
/// <param name="Address">First virtual byte address of the page.</param>
/// <param name="Physical">First physical byte address of the page.</param>
/// <param name="Shift">log2 of the page size: 12, 21 or 30.</param>
/// <param name="Permissions">What it allows, with <see cref="TlbPermissions.Global"/> and <see cref="TlbPermissions.Dirty"/>.</param>
/// <param name="Space">The address space it belongs to: an ASID, or for guests the VM number times 65536 plus the guest's ASID.</param>
public readonly record struct TlbEntry(ulong Address, ulong Physical, int Shift, TlbPermissions Permissions, uint Space)
{
    /// <summary>Gets a value indicating whether the entry matches under every address space.</summary>
    public bool Global => (Permissions & TlbPermissions.Global) != 0;

    /// <summary>Gets a value indicating whether stores need not set the dirty bit.</summary>
    public bool Dirty => (Permissions & TlbPermissions.Dirty) != 0;
}

/// <summary>
/// One CPU's cache of translations: per page size a bounded set-associative array with deterministic replacement, and in front of
/// them a small direct-mapped array. Only the thread that owns (or borrowed) the CPU may use it; <see cref="Holds"/> and
/// <see cref="Entries"/> may be called from any thread and see each entry that is not being written at that moment.
/// </summary>
/// <remarks>
/// Each entry carries the tag that its address space had when the entry was made. Flushing an address space gives it another tag;
/// flushing everything moves the floor below which tags are dead. So a flush costs the same whatever the TLB holds.
/// </remarks>
public sealed unsafe class Tlb
{
    /// <summary>log2 of the number of address spaces a group has.</summary>
    public const int SpaceBits = 16;

    internal const uint RamBit = 1u << 16;
    private const int FrontEntries = 256;
    private const int Sizes = 3;

    private readonly Front* _front;
    private readonly Slot* _slots;
    private readonly SpaceSlot* _spaces;
    private readonly ulong* _groupFloor;
    private readonly PhysicalMemory _memory;
    private readonly int _ways;
    private readonly uint _setMask;
    private readonly uint _spaceMask;
    private readonly int _sizeStride;
    private ulong _frontTag = 1;
    private ulong _currentTag;
    private ulong _globalTag;
    private ulong _nextTag = 1;
    private ulong _floor = 1;
    private uint _currentSpace;
    private uint _victim;
    private uint _sizesInUse;

    internal Tlb(byte* storage, PhysicalMemory memory, int entries, int spaceSlots, bool groups)
    {
        _memory = memory;
        Geometry(entries, out int sets, out _ways);
        _setMask = (uint)sets - 1;
        _sizeStride = sets * _ways;
        _spaceMask = (uint)spaceSlots - 1;
        _front = (Front*)storage;
        storage += FrontEntries * sizeof(Front);
        _slots = (Slot*)storage;
        storage += Sizes * _sizeStride * sizeof(Slot);
        _spaces = (SpaceSlot*)storage;
        storage += spaceSlots * sizeof(SpaceSlot);
        _groupFloor = groups ? (ulong*)storage : null;
        _globalTag = _nextTag++;
        _currentTag = TagOf(0);
    }

    /// <summary>Gets the number of entries per page size.</summary>
    public int Capacity => _sizeStride;

    /// <summary>Gets the number of ways of each set.</summary>
    public int Ways => _ways;

    /// <summary>Gets or sets the address space that look-ups and fills belong to. Setting it invalidates nothing.</summary>
    public uint Space
    {
        get => _currentSpace;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        set
        {
            if (value != _currentSpace)
                Switch(value);
        }
    }

    // Called after entries went away, so that an audit can drop what it believed to be held.
    internal Action? Dropped { get; set; }

    // Anything but zero makes the TLB call Dropped. Written under the auditor's lock, read here after the entries are dead.
    internal int Watched;

    /// <summary>Looks a translation up in the current address space.</summary>
    /// <param name="va">Virtual byte address.</param>
    /// <param name="need">What the access needs.</param>
    /// <param name="pa">The physical byte address, when found.</param>
    /// <returns>Whether an entry allows the access. An entry that does not allow it counts as not found.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLookup(ulong va, AccessKind need, out ulong pa)
    {
        Front* f = &_front[(va >> 12) & (FrontEntries - 1)];
        if (f->Page == va >> 12 && f->Tag == _frontTag && (f->Flags & (uint)need) == (uint)need)
        {
            pa = f->Physical | (va & 0xfff);
            return true;
        }

        return LookupSlow(va, (uint)need, out pa);
    }

    /// <summary>Puts a translation into the current address space (or into all, if global). An entry for the same page is replaced.</summary>
    /// <param name="va">A virtual byte address in the page.</param>
    /// <param name="pa">The physical byte address of the same byte, or of the start of the page.</param>
    /// <param name="shift">12, 21 or 30.</param>
    /// <param name="permissions">What it allows.</param>
    public void Insert(ulong va, ulong pa, int shift, TlbPermissions permissions)
    {
        int size = SizeOf(shift);
        ulong page = Page(va, shift);
        bool global = (permissions & TlbPermissions.Global) != 0;
        ulong tag = global ? _globalTag : _currentTag;
        Slot* set = SetOf(page, size);
        Slot* victim = null;
        bool evicts = DropOtherSizes(va, size);
        for (int w = 0; w < _ways; w++)
        {
            Slot* s = &set[w];
            if (s->Page == page && (s->Tag == tag || s->Tag == _globalTag || s->Tag == _currentTag))
            {
                if (victim != null && s->Tag != 0)
                    Kill(s, size);
                else
                    victim = s;
                evicts = true;
            }
        }

        if (victim == null)
        {
            for (int w = 0; w < _ways && victim == null; w++)
            {
                if (!Alive(&set[w]))
                    victim = &set[w];
            }

            if (victim == null)
            {
                victim = &set[_victim++ % (uint)_ways];
                evicts = true;
            }
        }

        if (evicts)
            Kill(victim, size);
        else
            Volatile.Write(ref victim->Tag, 0);
        victim->Page = page;
        victim->Physical = pa & ~((1ul << shift) - 1);
        victim->Flags = (uint)permissions;
        victim->Space = _currentSpace;
        _sizesInUse |= 1u << size;
        Volatile.Write(ref victim->Tag, tag);
        if (evicts)
            AfterDrop();
    }

    /// <summary>Gets a number that grows whenever entries are dropped, so that the owner knows when an address it kept may be stale.</summary>
    public ulong Generation { get; private set; }

    /// <summary>Drops the entries of every size that translate an address, in one address space and among the globals.</summary>
    /// <param name="va">Virtual byte address.</param>
    /// <param name="space">The address space.</param>
    public void InvalidatePage(ulong va, uint space)
    {
        DropPage(va, space, false);
        AfterDrop();
    }

    /// <summary>Drops the entries of every size that translate an address, in every address space and among the globals.</summary>
    /// <param name="va">Virtual byte address.</param>
    public void InvalidatePageAllSpaces(ulong va)
    {
        DropPage(va, 0, true);
        AfterDrop();
    }

    /// <summary>Drops the entries that translate any byte of a range, in one address space and among the globals.</summary>
    /// <param name="va">First virtual byte address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="space">The address space.</param>
    public void InvalidateRange(ulong va, ulong length, uint space) => DropRange(va, length, space, false);

    /// <summary>Drops the entries that translate any byte of a range, in every address space and among the globals.</summary>
    /// <param name="va">First virtual byte address.</param>
    /// <param name="length">Bytes.</param>
    public void InvalidateRangeAllSpaces(ulong va, ulong length) => DropRange(va, length, 0, true);

    /// <summary>Drops the non-global entries of one address space.</summary>
    /// <param name="space">The address space.</param>
    public void InvalidateSpace(uint space)
    {
        SpaceSlot* s = SlotOf(space);
        if (s->Space == space)
            Volatile.Write(ref s->Tag, 0);
        Retag();
        AfterDrop();
    }

    /// <summary>Drops the entries of all address spaces of one group (of one virtual machine, in a guest TLB).</summary>
    /// <param name="group">The group: an address space divided by 65536.</param>
    public void InvalidateGroup(uint group)
    {
        if (_groupFloor == null)
            throw new MachineException("this TLB has no groups of address spaces");
        Volatile.Write(ref _groupFloor[group & 0xffff], _nextTag);
        Retag();
        AfterDrop();
    }

    /// <summary>Drops everything but global entries.</summary>
    public void InvalidateNonGlobal()
    {
        Volatile.Write(ref _floor, _nextTag);
        Retag();
        AfterDrop();
    }

    /// <summary>Drops everything.</summary>
    public void InvalidateAll()
    {
        Volatile.Write(ref _globalTag, _nextTag++);
        Volatile.Write(ref _floor, _nextTag);
        _sizesInUse = 0;
        Retag();
        AfterDrop();
    }

    /// <summary>Looks, for an auditor, for an entry of any address space that translates an address. Callable from any thread.</summary>
    /// <param name="va">Virtual byte address.</param>
    /// <param name="entry">The first such entry, smallest page first.</param>
    /// <returns>Whether there is one.</returns>
    public bool Holds(ulong va, out TlbEntry entry)
    {
        for (int size = 0; size < Sizes; size++)
        {
            ulong page = Page(va, 12 + (9 * size));
            Slot* set = SetOf(page, size);
            for (int w = 0; w < _ways; w++)
            {
                if (set[w].Page == page && Alive(&set[w]))
                {
                    entry = Show(&set[w], size);
                    return true;
                }
            }
        }

        entry = default;
        return false;
    }

    /// <summary>Looks, for an auditor, for an entry that reaches any byte of a physical range. Looks at every entry; callable from any thread.</summary>
    /// <param name="pa">First physical byte address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="entry">The first such entry.</param>
    /// <returns>Whether there is one.</returns>
    public bool HoldsPhysical(ulong pa, ulong length, out TlbEntry entry)
    {
        for (int size = 0; size < Sizes; size++)
        {
            ulong bytes = 1ul << (12 + (9 * size));
            for (int i = 0; i < _sizeStride; i++)
            {
                Slot* s = &_slots[(size * _sizeStride) + i];
                if (s->Physical < pa + length && pa < s->Physical + bytes && Alive(s))
                {
                    entry = Show(s, size);
                    return true;
                }
            }
        }

        entry = default;
        return false;
    }

    /// <summary>Lists the live entries, for an auditor. Callable from any thread.</summary>
    /// <returns>The entries, smallest pages first.</returns>
    public IReadOnlyList<TlbEntry> Entries()
    {
        List<TlbEntry> list = [];
        for (int size = 0; size < Sizes; size++)
        {
            for (int i = 0; i < _sizeStride; i++)
            {
                Slot* s = &_slots[(size * _sizeStride) + i];
                if (Alive(s))
                    list.Add(Show(s, size));
            }
        }

        return list;
    }

    internal static void Geometry(int entries, out int sets, out int ways)
    {
        sets = 1;
        while (sets * 2 * 4 <= entries)
            sets *= 2;
        ways = entries / sets;
    }

    internal static ulong StorageBytes(int entries, int spaceSlots, bool groups)
    {
        Geometry(entries, out int sets, out int ways);
        ulong bytes = (ulong)(FrontEntries * sizeof(Front)) + (ulong)(Sizes * sets * ways * sizeof(Slot)) + (ulong)(spaceSlots * sizeof(SpaceSlot));
        if (groups)
            bytes += 65536 * sizeof(ulong);
        return (bytes + 4095) & ~4095ul;
    }

    // Whether any address space's entry maps the address to the frame: for the ledger, from any thread.
    internal bool HoldsFrame(ulong va, ulong pa)
    {
        uint sizes = Volatile.Read(ref _sizesInUse);
        for (int size = 0; size < Sizes; size++)
        {
            if ((sizes >> size & 1) == 0)
                continue;
            int shift = 12 + (9 * size);
            ulong page = Page(va, shift);
            ulong frame = pa & ~((1ul << shift) - 1);
            Slot* set = SetOf(page, size);
            for (int w = 0; w < _ways; w++)
            {
                if (set[w].Page == page && set[w].Physical == frame && Alive(&set[w]))
                    return true;
            }
        }

        return false;
    }

    private static int SizeOf(int shift) => shift switch
    {
        12 => 0,
        21 => 1,
        30 => 2,
        _ => throw new MachineException($"a TLB holds pages of 4 KiB, 2 MiB and 1 GiB, not of 2^{shift} bytes"),
    };

    // The upper 16 bits of a virtual address are copies or are compared by the walker; they stay in the page number.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Page(ulong va, int shift) => va >> shift;

    private static TlbEntry Show(Slot* s, int size)
    {
        int shift = 12 + (9 * size);
        return new TlbEntry(s->Page << shift, s->Physical, shift, (TlbPermissions)s->Flags, s->Space);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool LookupSlow(ulong va, uint need, out ulong pa)
    {
        bool wantsRam = (need & RamBit) != 0;
        need &= ~RamBit;
        uint sizes = _sizesInUse;
        for (int size = 0; size < Sizes; size++)
        {
            if ((sizes >> size & 1) == 0)
                continue;
            int shift = 12 + (9 * size);
            ulong page = Page(va, shift);
            Slot* set = SetOf(page, size);
            for (int w = 0; w < _ways; w++)
            {
                Slot* s = &set[w];
                if (s->Page != page || (s->Tag != _currentTag && s->Tag != _globalTag))
                    continue;
                if ((s->Flags & need) != need)
                {
                    pa = 0;
                    return false;
                }

                ulong offset = va & ((1ul << shift) - 1);
                pa = s->Physical | offset;
                Front* f = &_front[(va >> 12) & (FrontEntries - 1)];
                f->Page = va >> 12;
                f->Tag = _frontTag;
                f->Physical = pa & ~0xffful;
                f->Flags = s->Flags | (_memory.IsRam(f->Physical, 4096) ? RamBit : 0);
                return !wantsRam || (f->Flags & RamBit) != 0;
            }
        }

        pa = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Slot* SetOf(ulong page, int size)
    {
        uint hash = (uint)(page ^ (page >> 11));
        return &_slots[(size * _sizeStride) + ((int)(hash & _setMask) * _ways)];
    }

    private SpaceSlot* SlotOf(uint space) => &_spaces[(space ^ ((space >> SpaceBits) * 37)) & _spaceMask];

    private bool SpaceAlive(SpaceSlot* s, uint space, ulong tag) =>
        tag >= Volatile.Read(ref _floor) && (_groupFloor == null || tag >= Volatile.Read(ref _groupFloor[space >> SpaceBits]));

    private bool Alive(Slot* s)
    {
        ulong tag = Volatile.Read(ref s->Tag);
        if (tag == 0)
            return false;
        if ((s->Flags & (uint)TlbPermissions.Global) != 0)
            return tag == Volatile.Read(ref _globalTag);
        SpaceSlot* space = SlotOf(s->Space);
        return Volatile.Read(ref space->Tag) == tag && space->Space == s->Space && SpaceAlive(space, s->Space, tag);
    }

    private ulong TagOf(uint space)
    {
        SpaceSlot* s = SlotOf(space);
        ulong tag = s->Tag;
        if (tag != 0 && s->Space == space && SpaceAlive(s, space, tag))
            return tag;

        // Another address space may have used the slot: its entries die here, which hardware may do at any time.
        Volatile.Write(ref s->Tag, 0);
        s->Space = space;
        tag = _nextTag++;
        Volatile.Write(ref s->Tag, tag);
        return tag;
    }

    private void Retag()
    {
        _currentTag = TagOf(_currentSpace);
        _frontTag++;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Switch(uint space)
    {
        _currentSpace = space;
        Retag();
        if (Watched != 0)
            AfterDrop();
    }

    // A translation of another size that did not serve the access must not hide the new one.
    private bool DropOtherSizes(ulong va, int size)
    {
        bool dropped = false;
        for (int other = 0; other < Sizes; other++)
        {
            if (other == size || (_sizesInUse >> other & 1) == 0)
                continue;
            ulong page = Page(va, 12 + (9 * other));
            Slot* set = SetOf(page, other);
            for (int w = 0; w < _ways; w++)
            {
                if (set[w].Page == page && (set[w].Tag == _currentTag || set[w].Tag == _globalTag))
                {
                    Kill(&set[w], other);
                    dropped = true;
                }
            }
        }

        return dropped;
    }

    private void Kill(Slot* s, int size)
    {
        ulong page = s->Page;
        Volatile.Write(ref s->Tag, 0);
        if (size != 0)
        {
            _frontTag++;
            return;
        }

        Front* f = &_front[page & (FrontEntries - 1)];
        if (f->Page == page)
            f->Tag = 0;
    }

    private void DropPage(ulong va, uint space, bool all)
    {
        for (int size = 0; size < Sizes; size++)
        {
            if ((_sizesInUse >> size & 1) == 0)
                continue;
            ulong page = Page(va, 12 + (9 * size));
            Slot* set = SetOf(page, size);
            for (int w = 0; w < _ways; w++)
            {
                Slot* s = &set[w];
                if (s->Page == page && s->Tag != 0 && (all || s->Space == space || (s->Flags & (uint)TlbPermissions.Global) != 0))
                    Kill(s, size);
            }
        }
    }

    private void DropRange(ulong va, ulong length, uint space, bool all)
    {
        if (length == 0)
            return;
        ulong last = va + length - 1;
        if (last < va)
            last = ulong.MaxValue;
        if ((last >> 12) - (va >> 12) < 128)
        {
            for (ulong page = va >> 12; page <= last >> 12; page++)
                DropPage(page << 12, space, all);
        }
        else
        {
            for (int size = 0; size < Sizes; size++)
            {
                int shift = 12 + (9 * size);
                ulong from = va >> shift, to = last >> shift;
                for (int i = 0; i < _sizeStride; i++)
                {
                    Slot* s = &_slots[(size * _sizeStride) + i];
                    if (s->Tag != 0 && s->Page >= from && s->Page <= to
                        && (all || s->Space == space || (s->Flags & (uint)TlbPermissions.Global) != 0))
                        Kill(s, size);
                }
            }
        }

        AfterDrop();
    }

    // The fence pairs with the one in the ledger between its note and its second look: one side sees the other.
    private void AfterDrop()
    {
        Generation++;
        Interlocked.MemoryBarrier();
        if (Watched != 0)
            Dropped?.Invoke();
    }

    private struct Front
    {
        public ulong Page;
        public ulong Tag;
        public ulong Physical;
        public uint Flags;
    }

    private struct Slot
    {
        public ulong Page;
        public ulong Tag;
        public ulong Physical;
        public uint Flags;
        public uint Space;
    }

    private struct SpaceSlot
    {
        public ulong Tag;
        public uint Space;
    }
}
