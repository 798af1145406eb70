// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvmSharp.Arch.X86;

/// <summary>How guest physical memory answers for one page.</summary>
internal enum X86PhysicalKind
{
    /// <summary>Plain memory; the host address is given.</summary>
    Memory,

    /// <summary>No memory: accesses go to <see cref="X86PagedBus.DeviceRead"/> and <see cref="X86PagedBus.DeviceWrite"/> with their width.</summary>
    Device,

    /// <summary>Leave the guest.</summary>
    Exit,
}

/// <summary>
/// A bus that does the guest's own paging: it walks the guest's tables through <see cref="X86GuestWalker"/>, caches guest virtual to host translations and
/// splits accesses that cross pages. What is left for the heir is guest physical memory, devices and ports.
/// <para>
/// Not thread safe, except for <see cref="X86Bus.Raise"/>: another thread that takes host memory away raises <see cref="X86Attention.Poll"/> and waits until
/// <see cref="X86Bus.OnPoll"/> of this bus has called <see cref="FlushTlb"/>.
/// </para>
/// </summary>
internal abstract unsafe class X86PagedBus : X86Bus, IGuestPhysicalMemory
{
    private const int TlbBits = 10;
    private const ulong Invalid = 1;
    private const int PageSize = 4096;

    private readonly TlbEntry[] _tlbMemory = GC.AllocateArray<TlbEntry>(1 << TlbBits, pinned: true);
    private readonly TlbEntry* _tlb;

    protected X86PagedBus(X86VcpuState state)
    {
        State = state;
        _tlb = (TlbEntry*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_tlbMemory));
        FlushTlb();
    }

    public X86VcpuState State { get; }

    /// <summary>Guest page walks since construction.</summary>
    public long Walks { get; private set; }

    /// <summary>Host address of the page of <paramref name="gpa"/> (the address of its first byte), good until <see cref="FlushTlb"/>. May block and fault.</summary>
    protected abstract X86PhysicalKind TranslatePage(ulong gpa, bool write, bool fetch, out byte* page);

    /// <summary>Reads 1, 2, 4 or 8 bytes from a device; wider operands come in pieces. Done or Exit.</summary>
    protected abstract X86BusResult DeviceRead(ulong gpa, byte* destination, int size);

    /// <summary>Writes to a device. A write that needs the host is posted: Done, with <see cref="X86Attention.ExitRequested"/> raised.</summary>
    protected abstract X86BusResult DeviceWrite(ulong gpa, byte* source, int size);

    public override byte* TryAccess(ulong gva, int size, X86Access access)
    {
        TlbEntry* e = _tlb + ((gva >> 12) & ((1 << TlbBits) - 1));
        uint offset = (uint)gva & (PageSize - 1);
        if (e->Page == gva - offset && (e->Allowed & AccessBit(access)) != 0 && offset + (uint)size <= PageSize)
            return e->Host + offset;
        return offset + (uint)size > PageSize ? null : Fill(gva, access);
    }

    public override X86BusResult ReadMemory(ulong gva, byte* destination, int size, X86Access access)
    {
        int first = Math.Min(size, PageSize - (int)(gva & (PageSize - 1)));
        X86BusResult result = ReadWithinPage(gva, destination, first, access);
        return result != X86BusResult.Done || first == size ? result : ReadWithinPage(gva + (uint)first, destination + first, size - first, access);
    }

    public override X86BusResult WriteMemory(ulong gva, byte* source, int size, X86Access access)
    {
        int first = Math.Min(size, PageSize - (int)(gva & (PageSize - 1)));
        if (first < size)
        {
            // Translate the second page before the first is written.
            X86BusResult second = Translate(gva + (uint)first, access, out _, out _);
            if (second != X86BusResult.Done)
                return second;
        }
        X86BusResult result = WriteWithinPage(gva, source, first, access);
        return result != X86BusResult.Done || first == size ? result : WriteWithinPage(gva + (uint)first, source + first, size - first, access);
    }

    public override void InvalidatePage(ulong gva)
    {
        TlbEntry* e = _tlb + ((gva >> 12) & ((1 << TlbBits) - 1));

        // One INVLPG drops a large page as a whole, which may fill many entries.
        if (e->Large || e->Page != (gva & ~0xfffUL))
            FlushTlb();
        else
            e->Page = Invalid;
        Raise(X86Attention.StaleFetch);
    }

    public override void OnPagingChanged(X86VcpuState state, bool keepTlb) => FlushTlb();

    public override void OnPrivilegeChanged(X86VcpuState state)
    {
        // Entries hold one bit for each kind of access; what depends on AC is never cached.
    }

    /// <summary>Forgets every translation and the page that instructions are fetched from. On the vCPU's thread.</summary>
    public void FlushTlb()
    {
        for (int i = 0; i < 1 << TlbBits; i++)
        {
            _tlb[i].Page = Invalid;
            _tlb[i].Allowed = 0;
        }
        Raise(X86Attention.StaleFetch);
    }

    /// <summary>Translates for a debugger or an emulator, with the vCPU's current registers; sets accessed and dirty bits like an access.</summary>
    public X86BusResult TranslateGva(ulong gva, X86Access access, out ulong gpa)
    {
        X86BusResult result = Walk(gva, access, out X86Translation translation);
        gpa = translation.Gpa;
        return result;
    }

    public virtual X86BusResult ReadEntry(ulong gpa, out ulong entry)
    {
        entry = 0;
        switch (TranslatePage(gpa & ~0xfffUL, false, false, out byte* page))
        {
            case X86PhysicalKind.Memory:
                entry = Volatile.Read(ref *(ulong*)(page + (gpa & 0xfff)));
                return X86BusResult.Done;
            case X86PhysicalKind.Device:
                return X86BusResult.Done;
            default:
                return X86BusResult.Exit;
        }
    }

    public virtual X86BusResult CompareExchangeEntry(ulong gpa, ulong expected, ulong value, out bool exchanged)
    {
        exchanged = true;
        switch (TranslatePage(gpa & ~0xfffUL, true, false, out byte* page))
        {
            case X86PhysicalKind.Memory:
                exchanged = Interlocked.CompareExchange(ref *(ulong*)(page + (gpa & 0xfff)), value, expected) == expected;
                return X86BusResult.Done;
            case X86PhysicalKind.Device:
                return X86BusResult.Done;
            default:
                return X86BusResult.Exit;
        }
    }

    // Read, write, fetch times supervisor, user, implicit: one bit each.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint AccessBit(X86Access access) => 1u << (int)(((uint)access | ((uint)access >> 5)) & 31);

    private byte* Fill(ulong gva, X86Access access)
    {
        if (Translate(gva, access, out byte* host, out _) != X86BusResult.Done)
            return null;
        return host;
    }

    private X86BusResult Walk(ulong gva, X86Access access, out X86Translation translation)
    {
        Walks++;
        X86PagingContext context = X86PagingContext.Of(State);
        X86BusResult result = X86GuestWalker.Walk(in context, gva, access, this, out translation, out uint error);
        if (result == X86BusResult.PageFault)
        {
            FaultAddress = gva;
            FaultErrorCode = error;
        }
        return result;
    }

    /// <summary>Done with a null <paramref name="host"/> is a device at <paramref name="gpa"/>.</summary>
    private X86BusResult Translate(ulong gva, X86Access access, out byte* host, out ulong gpa)
    {
        host = null;
        X86BusResult result = Walk(gva, access, out X86Translation translation);
        gpa = translation.Gpa;
        if (result != X86BusResult.Done)
            return result;
        bool write = (access & X86Access.Write) != 0;
        switch (TranslatePage(gpa & ~0xfffUL, write, (access & X86Access.Fetch) != 0, out byte* page))
        {
            case X86PhysicalKind.Device:
                return X86BusResult.Done;
            case X86PhysicalKind.Exit:
                return X86BusResult.Exit;
        }
        host = page + (gpa & 0xfff);

        // A supervisor access to a user page that AC excused must be asked again when AC is gone.
        bool excused = (State.Cr4 & X86Control.Cr4Smap) != 0 && !translation.Supervisor && (access & (X86Access.User | X86Access.Fetch)) == 0;
        if (!excused)
        {
            TlbEntry* e = _tlb + ((gva >> 12) & ((1 << TlbBits) - 1));
            if (e->Page != (gva & ~0xfffUL) || e->Host != page)
            {
                e->Page = gva & ~0xfffUL;
                e->Host = page;
                e->Allowed = 0;
                e->Large = translation.PageShift != 12;
            }
            e->Allowed |= AccessBit(access);
            if (write)
                e->Allowed |= AccessBit(access & ~X86Access.Write);
        }
        return X86BusResult.Done;
    }

    private X86BusResult ReadWithinPage(ulong gva, byte* destination, int size, X86Access access)
    {
        X86BusResult result = Translate(gva, access, out byte* host, out ulong gpa);
        if (result != X86BusResult.Done)
            return result;
        if (host != null)
        {
            Unsafe.CopyBlockUnaligned(destination, host, (uint)size);
            return X86BusResult.Done;
        }
        if ((access & X86Access.Fetch) != 0)
            return X86BusResult.NotCode;
        for (int done = 0; done < size;)
        {
            int piece = Piece(size - done);
            result = DeviceRead(gpa + (uint)done, destination + done, piece);
            if (result != X86BusResult.Done)
                return result;
            done += piece;
        }
        return X86BusResult.Done;
    }

    private X86BusResult WriteWithinPage(ulong gva, byte* source, int size, X86Access access)
    {
        X86BusResult result = Translate(gva, access, out byte* host, out ulong gpa);
        if (result != X86BusResult.Done)
            return result;
        if (host != null)
        {
            Unsafe.CopyBlockUnaligned(host, source, (uint)size);
            return X86BusResult.Done;
        }
        for (int done = 0; done < size;)
        {
            int piece = Piece(size - done);
            result = DeviceWrite(gpa + (uint)done, source + done, piece);
            if (result != X86BusResult.Done)
                return result;
            done += piece;
        }
        return X86BusResult.Done;
    }

    private static int Piece(int size) => size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;

    private struct TlbEntry
    {
        public ulong Page;
        public byte* Host;
        public uint Allowed;
        public bool Large;
    }
}
