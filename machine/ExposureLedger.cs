// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using KvmSharp.Annotations;

namespace KvmSharp.Machine;

/// <summary>Through what a protected page was reachable.</summary>
public enum ExposureCause : byte
{
    /// <summary>The linear map had a present entry.</summary>
    LiveEntry,

    /// <summary>A TLB held a translation whose entry was already gone.</summary>
    StaleTlb,

    /// <summary>A temporary mapping was present.</summary>
    TemporaryMapping,
}

/// <summary>A span of time in which a protected page was reachable.</summary>
public struct ExposureWindow
{
    /// <summary>The page frame number.</summary>
    public ulong Pfn;

    /// <summary>The owner given when the page was protected.</summary>
    public uint Owner;

    /// <summary>Through what.</summary>
    public ExposureCause Via;

    /// <summary>The CPUs that could reach it. All of them for a live entry.</summary>
    public CpuSet Cpus;

    /// <summary>When it began, in picoseconds.</summary>
    public long FromPs;

    /// <summary>When it ended; of an open window the time it was asked for.</summary>
    public long ToPs;

    /// <summary>Why it was allowed, or null.</summary>
    public string? Allowed;

    /// <summary>Gets its length in picoseconds.</summary>
    public readonly long DurationPs => ToPs - FromPs;
}

/// <summary>A page that was freed while somebody could still reach it.</summary>
public struct ExposureViolation
{
    /// <summary>The page frame number.</summary>
    public ulong Pfn;

    /// <summary>The owner whose page it was.</summary>
    public uint Owner;

    /// <summary>Through what it was reachable: a stale translation or a temporary mapping.</summary>
    public ExposureCause Via;

    /// <summary>The CPUs that could reach it.</summary>
    public CpuSet Cpus;

    /// <summary>When it was freed, in picoseconds.</summary>
    public long AtPs;
}

/// <summary>Sums over windows.</summary>
/// <param name="Count">How many.</param>
/// <param name="TotalPs">Their lengths together.</param>
/// <param name="MaxPs">The longest.</param>
public readonly record struct ExposureSum(long Count, long TotalPs, long MaxPs);

/// <summary>What the ledger has to say, at one moment.</summary>
public sealed record ExposureVerdict
{
    /// <summary>Gets how many times a page was put under protection.</summary>
    public long PagesProtected { get; init; }

    /// <summary>Gets how many pages are protected now.</summary>
    public long PagesProtectedNow { get; init; }

    /// <summary>Gets the number of windows that are open now.</summary>
    public long OpenWindows { get; init; }

    /// <summary>Gets the number of open windows that nobody allowed.</summary>
    public long OpenUnallowed { get; init; }

    /// <summary>Gets the closed windows that were allowed, by cause.</summary>
    public required IReadOnlyDictionary<ExposureCause, ExposureSum> Allowed { get; init; }

    /// <summary>Gets the closed windows that nobody allowed, by cause.</summary>
    public required IReadOnlyDictionary<ExposureCause, ExposureSum> Unallowed { get; init; }

    /// <summary>Gets the number of pages freed while reachable.</summary>
    public long Violations { get; init; }

    /// <summary>Gets a value indicating whether no protected page was ever reachable without leave, and none was freed while reachable.</summary>
    public bool Clean => Violations == 0 && OpenUnallowed == 0 && Unallowed.Values.All(s => s.Count == 0);
}

/// <summary>What the ledger knows of one page, at one moment.</summary>
public struct ExposurePage
{
    /// <summary>Whether the page must not be reachable through the linear map.</summary>
    public bool Protected;

    /// <summary>Whether the linear map has a present entry for it.</summary>
    public bool LinearMapped;

    /// <summary>The owner given when the page was protected.</summary>
    public uint Owner;

    /// <summary>The CPUs that still hold a translation whose entry is gone.</summary>
    public CpuSet Stale;

    /// <summary>The number of temporary mappings.</summary>
    public int TemporaryMappings;

    /// <summary>Why reachability is allowed right now, or null.</summary>
    public string? Allowed;
}

/// <summary>
/// Knows, for each page that must be out of the linear map, which CPU could reach it through what, and for how long in simulated time. It
/// is told of protection and of changes of entries; what TLBs hold it looks up itself when an entry goes away, and hears from them when
/// translations die. All methods may be called from any thread; times are those of the CPU that is passed.
/// </summary>
/// <remarks>
/// Call order of a clean removal: write the entry, <see cref="LinearMapRemoved"/>, flush, <see cref="Protect"/>. With Protect first, the
/// time until the removal and the flush are windows, to be covered by <see cref="AllowWindow"/> where the design allows them. A window of
/// no simulated length still counts: another CPU could have been there.
/// </remarks>
public sealed unsafe class ExposureLedger : IDisposable
{
    private const int KeepLatest = 256;
    private const int KeepLongest = 32;
    private const int Causes = 3;

    private readonly Machine _machine;
    private readonly NativeRegion _region;
    private readonly PageRecord* _pages;
    private readonly ulong _pfns;

    [GuardedBy("_gate")]
    private readonly StaleList[] _stale;

    [GuardedBy("_gate")]
    private readonly ExposureWindow[] _latest = new ExposureWindow[KeepLatest];

    [GuardedBy("_gate")]
    private readonly ExposureWindow[] _longest = new ExposureWindow[KeepLongest];

    [GuardedBy("_gate")]
    private readonly ExposureViolation[] _violations = new ExposureViolation[KeepLatest];

    [GuardedBy("_gate")]
    private readonly long[] _count = new long[2 * Causes];

    [GuardedBy("_gate")]
    private readonly long[] _total = new long[2 * Causes];

    [GuardedBy("_gate")]
    private readonly long[] _max = new long[2 * Causes];

    [GuardedBy("_gate")]
    private readonly string?[] _reasons = new string?[256];

    [GuardedBy("_gate")]
    private OpenSlot[] _slots = new OpenSlot[16];

    [GuardedBy("_gate")]
    private int _freeSlot;

    [GuardedBy("_gate")]
    private int _slotsUsed = 1;

    [GuardedBy("_gate")]
    private long _windows;

    [GuardedBy("_gate")]
    private int _longestCount;

    [GuardedBy("_gate")]
    private long _violationCount;

    [GuardedBy("_gate")]
    private long _protectedEver;

    [GuardedBy("_gate")]
    private long _protectedNow;

    [GuardedBy("_gate")]
    private long _open;

    [GuardedBy("_gate")]
    private long _openUnallowed;

    private SpinGate _gate;

    internal ExposureLedger(Machine machine)
    {
        _machine = machine;
        _pfns = machine.Memory.Limit >> 12;
        _region = new NativeRegion(_pfns * (ulong)sizeof(PageRecord), "the exposure ledger");
        _pages = (PageRecord*)_region.Base;
        _stale = new StaleList[machine.CpuCount];
        for (int i = 0; i < _stale.Length; i++)
        {
            Cpu cpu = machine.CpuAt(i);
            cpu.Tlb.Dropped = () => Recheck(cpu);
        }
    }

    [Flags]
    private enum PageFlags : byte
    {
        None = 0,
        Protected = 1,
        Removed = 2,
        LiveOpen = 4,
        StaleOpen = 8,
        TempOpen = 16,
    }

    /// <summary>From now on the page must not be reachable through the linear map. A page that is protected already gets a new owner.</summary>
    /// <param name="pfn">The page frame number.</param>
    /// <param name="owner">Any number that means something to the caller.</param>
    /// <param name="cpu">The CPU that says so; its clock is the time.</param>
    public void Protect(ulong pfn, uint owner, Cpu cpu)
    {
        PageRecord* r = Record(pfn);
        long now = cpu.Clock;
        _gate.Enter();
        if ((r->Flags & PageFlags.Protected) != 0)
            CloseAll(pfn, r, now);
        else
            _protectedNow++;
        _protectedEver++;
        r->Flags |= PageFlags.Protected;
        r->Owner = owner;
        OpenAll(r, now);
        _gate.Exit();
    }

    /// <summary>The page may be reachable again. Open windows end.</summary>
    /// <param name="pfn">The page frame number.</param>
    /// <param name="cpu">The CPU that says so.</param>
    public void Unprotect(ulong pfn, Cpu cpu)
    {
        PageRecord* r = Record(pfn);
        long now = cpu.Clock;
        _gate.Enter();
        if ((r->Flags & PageFlags.Protected) != 0)
        {
            CloseAll(pfn, r, now);
            r->Flags &= ~PageFlags.Protected;
            r->Reason = 0;
            _protectedNow--;
        }

        _gate.Exit();
    }

    /// <summary>The linear map's entries of a range are gone (written already). CPUs that hold a translation are stale from now on.</summary>
    /// <param name="pfn">The first page frame number.</param>
    /// <param name="count">How many pages.</param>
    /// <param name="va">The linear-map address of the first page.</param>
    /// <param name="cpu">The CPU that wrote the entries.</param>
    public void LinearMapRemoved(ulong pfn, ulong count, ulong va, Cpu cpu)
    {
        _ = Record(pfn + count - 1);
        long now = cpu.Clock;
        Interlocked.MemoryBarrier();
        _gate.Enter();
        for (ulong i = 0; i < count; i++)
        {
            PageRecord* r = Record(pfn + i);
            r->Flags |= PageFlags.Removed;
            if ((r->Flags & PageFlags.LiveOpen) != 0)
                CloseLive(pfn + i, r, now);
            NoteStale(pfn + i, r, va + (i << 12), now);
        }

        _gate.Exit();
    }

    /// <summary>The linear map's entries of a range are present again. Translations of that range are not stale any more.</summary>
    /// <param name="pfn">The first page frame number.</param>
    /// <param name="count">How many pages.</param>
    /// <param name="va">The linear-map address of the first page.</param>
    /// <param name="cpu">The CPU that wrote the entries.</param>
    public void LinearMapRestored(ulong pfn, ulong count, ulong va, Cpu cpu)
    {
        _ = Record(pfn + count - 1);
        long now = cpu.Clock;
        _gate.Enter();
        for (ulong i = 0; i < count; i++)
        {
            PageRecord* r = Record(pfn + i);
            r->Flags &= ~PageFlags.Removed;
            if (r->Slot != 0)
            {
                foreach (int id in _slots[r->Slot].Stale)
                    DropStale(id, pfn + i, va + (i << 12), now);
            }

            if ((r->Flags & (PageFlags.Protected | PageFlags.LiveOpen)) == PageFlags.Protected)
                OpenLive(r, now);
        }

        _gate.Exit();
    }

    /// <summary>A temporary kernel mapping of a page is present.</summary>
    /// <param name="pfn">The page frame number.</param>
    /// <param name="va">Where it is mapped.</param>
    /// <param name="cpu">The CPU that uses it.</param>
    /// <param name="asid">The address space it is in.</param>
    public void TemporaryMapped(ulong pfn, ulong va, Cpu cpu, uint asid)
    {
        PageRecord* r = Record(pfn);
        long now = cpu.Clock;
        _gate.Enter();
        int slot = SlotFor(pfn, r);
        ref OpenSlot s = ref _slots[slot];
        if (s.TempCount++ == 0)
            s.Temp = default;
        s.Temp.Add(cpu.Id);
        if ((r->Flags & (PageFlags.Protected | PageFlags.TempOpen)) == PageFlags.Protected)
            OpenTemp(r, now);
        _gate.Exit();
    }

    /// <summary>A temporary mapping's entry is gone (written already). CPUs that hold a translation are stale from now on.</summary>
    /// <param name="pfn">The page frame number.</param>
    /// <param name="va">Where it was mapped.</param>
    /// <param name="cpu">The CPU that used it.</param>
    /// <param name="asid">The address space it was in.</param>
    /// <exception cref="MachineException">The page has no temporary mapping.</exception>
    public void TemporaryUnmapped(ulong pfn, ulong va, Cpu cpu, uint asid)
    {
        PageRecord* r = Record(pfn);
        long now = cpu.Clock;
        Interlocked.MemoryBarrier();
        _gate.Enter();
        if (r->Slot == 0 || _slots[r->Slot].TempCount == 0)
        {
            _gate.Exit();
            throw new MachineException($"page frame 0x{pfn:x} has no temporary mapping to end");
        }

        NoteStale(pfn, r, va, now);
        if (--_slots[r->Slot].TempCount == 0)
        {
            if ((r->Flags & PageFlags.TempOpen) != 0)
                CloseTemp(pfn, r, now);
            FreeSlotIfIdle(r);
        }

        _gate.Exit();
    }

    /// <summary>Reachability of the page is allowed from now on. A window that is open ends unallowed, and another begins.</summary>
    /// <param name="pfn">The page frame number.</param>
    /// <param name="reason">Why; at most 255 different ones.</param>
    /// <param name="cpu">The CPU that says so.</param>
    public void AllowWindow(ulong pfn, string reason, Cpu cpu)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        SetReason(pfn, reason, cpu.Clock);
    }

    /// <summary>Reachability of the page is not allowed any more. A window that is open ends allowed, and an unallowed one begins.</summary>
    /// <param name="pfn">The page frame number.</param>
    /// <param name="cpu">The CPU that says so.</param>
    public void DisallowWindow(ulong pfn, Cpu cpu) => SetReason(pfn, null, cpu.Clock);

    /// <summary>The page goes back to the allocator. If a stale translation or a temporary mapping still reaches it, that is a violation.</summary>
    /// <param name="pfn">The page frame number.</param>
    /// <param name="cpu">The CPU that frees it.</param>
    /// <returns>Whether it was clean.</returns>
    public bool Freed(ulong pfn, Cpu cpu)
    {
        PageRecord* r = Record(pfn);
        if (Volatile.Read(ref r->Slot) == 0)
            return true;
        long now = cpu.Clock;
        _gate.Enter();
        bool clean = true;
        if (r->Slot != 0)
        {
            ref OpenSlot s = ref _slots[r->Slot];
            if (s.StaleEntries != 0)
            {
                Violate(pfn, r, ExposureCause.StaleTlb, s.Stale, now);
                clean = false;
            }

            if (s.TempCount != 0)
            {
                Violate(pfn, r, ExposureCause.TemporaryMapping, s.Temp, now);
                clean = false;
            }
        }

        _gate.Exit();
        return clean;
    }

    /// <summary>What is known of a page now.</summary>
    /// <param name="pfn">The page frame number.</param>
    /// <returns>Its state.</returns>
    public ExposurePage Page(ulong pfn)
    {
        PageRecord* r = Record(pfn);
        ExposurePage p = default;
        _gate.Enter();
        p.Protected = (r->Flags & PageFlags.Protected) != 0;
        p.LinearMapped = (r->Flags & PageFlags.Removed) == 0;
        p.Owner = r->Owner;
        p.Allowed = _reasons[r->Reason];
        if (r->Slot != 0)
        {
            p.Stale = _slots[r->Slot].Stale;
            p.TemporaryMappings = _slots[r->Slot].TempCount;
        }

        _gate.Exit();
        return p;
    }

    /// <summary>The closed windows that ended last, oldest first, 256 at most.</summary>
    /// <returns>The windows.</returns>
    public IReadOnlyList<ExposureWindow> Latest()
    {
        List<ExposureWindow> list = new(KeepLatest);
        _gate.Enter();
        for (long i = Math.Max(0, _windows - KeepLatest); i < _windows; i++)
            list.Add(_latest[i % KeepLatest]);
        _gate.Exit();
        return list;
    }

    /// <summary>The longest closed windows, longest first, 32 at most.</summary>
    /// <returns>The windows.</returns>
    public IReadOnlyList<ExposureWindow> Longest()
    {
        List<ExposureWindow> list = new(KeepLongest);
        _gate.Enter();
        for (int i = 0; i < _longestCount; i++)
            list.Add(_longest[i]);
        _gate.Exit();
        list.Sort(static (a, b) => b.DurationPs.CompareTo(a.DurationPs));
        return list;
    }

    /// <summary>The violations that happened last, oldest first, 256 at most.</summary>
    /// <returns>The violations.</returns>
    public IReadOnlyList<ExposureViolation> Violations()
    {
        List<ExposureViolation> list = new(KeepLatest);
        _gate.Enter();
        for (long i = Math.Max(0, _violationCount - KeepLatest); i < _violationCount; i++)
            list.Add(_violations[i % KeepLatest]);
        _gate.Exit();
        return list;
    }

    /// <summary>Sums everything up.</summary>
    /// <returns>The verdict at this moment.</returns>
    public ExposureVerdict Verdict()
    {
        Dictionary<ExposureCause, ExposureSum> allowed = [], unallowed = [];
        _gate.Enter();
        long ever = _protectedEver, current = _protectedNow, open = _open, openUnallowed = _openUnallowed, violations = _violationCount;
        for (int i = 0; i < Causes; i++)
        {
            unallowed[(ExposureCause)i] = new ExposureSum(_count[i], _total[i], _max[i]);
            allowed[(ExposureCause)i] = new ExposureSum(_count[Causes + i], _total[Causes + i], _max[Causes + i]);
        }

        _gate.Exit();
        return new ExposureVerdict
        {
            PagesProtected = ever,
            PagesProtectedNow = current,
            OpenWindows = open,
            OpenUnallowed = openUnallowed,
            Allowed = allowed,
            Unallowed = unallowed,
            Violations = violations,
        };
    }

    /// <summary>Gives the table back to the host; called by the machine.</summary>
    public void Dispose() => _region.Dispose();

    private PageRecord* Record(ulong pfn)
    {
        if (pfn >= _pfns)
            Throw(pfn);
        return &_pages[pfn];
    }

    private static void Throw(ulong pfn) => throw new BusErrorException(pfn << 12, 4096);

    // A CPU dropped translations, on the thread that owns it.
    private void Recheck(Cpu cpu)
    {
        _gate.Enter();
        ref StaleList list = ref _stale[cpu.Id];
        for (int i = list.Count - 1; i >= 0; i--)
        {
            StaleItem item = list.Items[i];
            if (!cpu.Tlb.HoldsFrame(item.Va, item.Pfn << 12))
                RemoveStale(cpu, i, cpu.Clock);
        }

        _gate.Exit();
    }

    [MustHold("_gate")]
    private void NoteStale(ulong pfn, PageRecord* r, ulong va, long now)
    {
        for (int id = 0; id < _stale.Length; id++)
        {
            Cpu cpu = _machine.CpuAt(id);
            if (!cpu.Tlb.HoldsFrame(va, pfn << 12))
                continue;
            int slot = SlotFor(pfn, r);
            ref StaleList list = ref _stale[id];
            if (_slots[slot].Stale.Contains(id) && list.Find(pfn, va) >= 0)
                continue;
            list.Add(pfn, va);
            _slots[slot].Stale.Add(id);
            _slots[slot].StaleEver.Add(id);
            if (_slots[slot].StaleEntries++ == 0 && (r->Flags & PageFlags.Protected) != 0)
                OpenStale(r, now);
            cpu.Tlb.Watched = list.Count;

            // The CPU may have dropped it since the look above and have found nobody watching.
            Interlocked.MemoryBarrier();
            if (!cpu.Tlb.HoldsFrame(va, pfn << 12))
                RemoveStale(cpu, list.Find(pfn, va), now);
        }
    }

    [MustHold("_gate")]
    private void DropStale(int id, ulong pfn, ulong va, long now)
    {
        int i = _stale[id].Find(pfn, va);
        if (i >= 0)
            RemoveStale(_machine.CpuAt(id), i, now);
    }

    [MustHold("_gate")]
    private void RemoveStale(Cpu cpu, int index, long now)
    {
        ref StaleList list = ref _stale[cpu.Id];
        ulong pfn = list.Items[index].Pfn;
        list.RemoveAt(index);
        cpu.Tlb.Watched = list.Count;
        PageRecord* r = Record(pfn);
        ref OpenSlot s = ref _slots[r->Slot];

        // Each CPU of the set has an entry; fewer entries than CPUs means that this one has none left, without a search.
        if (--s.StaleEntries < s.Stale.Count || !list.HasPage(pfn))
            s.Stale.Remove(cpu.Id);
        if (s.StaleEntries != 0)
            return;
        if ((r->Flags & PageFlags.StaleOpen) != 0)
            CloseStale(pfn, r, now);
        s.StaleEver = default;
        FreeSlotIfIdle(r);
    }

    [MustHold("_gate")]
    private int SlotFor(ulong pfn, PageRecord* r)
    {
        if (r->Slot != 0)
            return r->Slot;
        int slot = _freeSlot;
        if (slot != 0)
        {
            _freeSlot = _slots[slot].NextFree;
        }
        else
        {
            if (_slotsUsed == _slots.Length)
                Array.Resize(ref _slots, _slots.Length * 2);
            slot = _slotsUsed++;
        }

        _slots[slot] = default;
        Volatile.Write(ref r->Slot, slot);
        return slot;
    }

    [MustHold("_gate")]
    private void FreeSlotIfIdle(PageRecord* r)
    {
        ref OpenSlot s = ref _slots[r->Slot];
        if (s.StaleEntries != 0 || s.TempCount != 0)
            return;
        s.NextFree = _freeSlot;
        _freeSlot = r->Slot;
        Volatile.Write(ref r->Slot, 0);
    }

    private void SetReason(ulong pfn, string? reason, long now)
    {
        PageRecord* r = Record(pfn);
        _gate.Enter();
        int id = 0;
        if (reason is not null)
        {
            id = 1;
            while (id < _reasons.Length && _reasons[id] is { } known && known != reason)
                id++;
            if (id == _reasons.Length)
            {
                int most = _reasons.Length - 1;
                _gate.Exit();
                throw new MachineException($"more than {most} different reasons for windows");
            }

            _reasons[id] = reason;
        }

        if (r->Reason != id)
        {
            bool split = (r->Flags & PageFlags.Protected) != 0;
            if (split)
                CloseAll(pfn, r, now);
            r->Reason = (byte)id;
            if (split)
                OpenAll(r, now);
        }

        _gate.Exit();
    }

    [MustHold("_gate")]
    private void OpenAll(PageRecord* r, long now)
    {
        if ((r->Flags & PageFlags.Removed) == 0)
            OpenLive(r, now);
        if (r->Slot == 0)
            return;
        if (_slots[r->Slot].StaleEntries != 0)
            OpenStale(r, now);
        if (_slots[r->Slot].TempCount != 0)
            OpenTemp(r, now);
    }

    [MustHold("_gate")]
    private void CloseAll(ulong pfn, PageRecord* r, long now)
    {
        if ((r->Flags & PageFlags.LiveOpen) != 0)
            CloseLive(pfn, r, now);
        if ((r->Flags & PageFlags.StaleOpen) != 0)
            CloseStale(pfn, r, now);
        if ((r->Flags & PageFlags.TempOpen) != 0)
            CloseTemp(pfn, r, now);
    }

    [MustHold("_gate")]
    private void OpenLive(PageRecord* r, long now)
    {
        r->LiveSince = now;
        Opened(r, PageFlags.LiveOpen);
    }

    [MustHold("_gate")]
    private void OpenStale(PageRecord* r, long now)
    {
        _slots[r->Slot].StaleSince = now;
        Opened(r, PageFlags.StaleOpen);
    }

    [MustHold("_gate")]
    private void OpenTemp(PageRecord* r, long now)
    {
        _slots[r->Slot].TempSince = now;
        Opened(r, PageFlags.TempOpen);
    }

    [MustHold("_gate")]
    private void CloseLive(ulong pfn, PageRecord* r, long now) =>
        Closed(pfn, r, PageFlags.LiveOpen, ExposureCause.LiveEntry, _machine.AllCpus, r->LiveSince, now);

    [MustHold("_gate")]
    private void CloseStale(ulong pfn, PageRecord* r, long now) =>
        Closed(pfn, r, PageFlags.StaleOpen, ExposureCause.StaleTlb, _slots[r->Slot].StaleEver, _slots[r->Slot].StaleSince, now);

    [MustHold("_gate")]
    private void CloseTemp(ulong pfn, PageRecord* r, long now) =>
        Closed(pfn, r, PageFlags.TempOpen, ExposureCause.TemporaryMapping, _slots[r->Slot].Temp, _slots[r->Slot].TempSince, now);

    [MustHold("_gate")]
    private void Opened(PageRecord* r, PageFlags flag)
    {
        r->Flags |= flag;
        _open++;
        if (r->Reason == 0)
            _openUnallowed++;
    }

    [MustHold("_gate")]
    private void Closed(ulong pfn, PageRecord* r, PageFlags flag, ExposureCause via, in CpuSet cpus, long from, long now)
    {
        r->Flags &= ~flag;
        _open--;
        if (r->Reason == 0)
            _openUnallowed--;

        // CPUs' clocks differ; a window that closes on one that is behind has no length.
        long to = Math.Max(from, now);
        int sum = (int)via + (r->Reason != 0 ? Causes : 0);
        _count[sum]++;
        _total[sum] += to - from;
        _max[sum] = Math.Max(_max[sum], to - from);
        ref ExposureWindow w = ref _latest[_windows++ % KeepLatest];
        w.Pfn = pfn;
        w.Owner = r->Owner;
        w.Via = via;
        w.Cpus = cpus;
        w.FromPs = from;
        w.ToPs = to;
        w.Allowed = _reasons[r->Reason];
        if (_longestCount < KeepLongest)
        {
            _longest[_longestCount++] = w;
            return;
        }

        int least = 0;
        for (int i = 1; i < KeepLongest; i++)
        {
            if (_longest[i].DurationPs < _longest[least].DurationPs)
                least = i;
        }

        if (w.DurationPs > _longest[least].DurationPs)
            _longest[least] = w;
    }

    [MustHold("_gate")]
    private void Violate(ulong pfn, PageRecord* r, ExposureCause via, in CpuSet cpus, long now)
    {
        ref ExposureViolation v = ref _violations[_violationCount++ % KeepLatest];
        v.Pfn = pfn;
        v.Owner = r->Owner;
        v.Via = via;
        v.Cpus = cpus;
        v.AtPs = now;
    }

    private struct PageRecord
    {
        public PageFlags Flags;
        public byte Reason;
        public uint Owner;
        public long LiveSince;
        public int Slot;
    }

    private struct OpenSlot
    {
        public long StaleSince;
        public long TempSince;
        public int StaleEntries;
        public int TempCount;
        public int NextFree;
        public CpuSet Stale;
        public CpuSet StaleEver;
        public CpuSet Temp;
    }

    private struct StaleItem
    {
        public ulong Pfn;
        public ulong Va;
    }

    // Grows and never shrinks: the steady state allocates nothing.
    private struct StaleList
    {
        public StaleItem[] Items;
        public int Count;

        public void Add(ulong pfn, ulong va)
        {
            if (Items is null)
                Items = new StaleItem[16];
            else if (Count == Items.Length)
                Array.Resize(ref Items, Count * 2);
            Items[Count++] = new StaleItem { Pfn = pfn, Va = va };
        }

        public readonly int Find(ulong pfn, ulong va)
        {
            for (int i = Count - 1; i >= 0; i--)
            {
                if (Items[i].Pfn == pfn && Items[i].Va == va)
                    return i;
            }

            return -1;
        }

        public readonly bool HasPage(ulong pfn)
        {
            for (int i = Count - 1; i >= 0; i--)
            {
                if (Items[i].Pfn == pfn)
                    return true;
            }

            return false;
        }

        public void RemoveAt(int index) => Items[index] = Items[--Count];
    }
}
