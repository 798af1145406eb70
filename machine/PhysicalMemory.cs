// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace KvmSharp.Machine;

/// <summary>A range of RAM in the physical address space.</summary>
/// <param name="Start">First byte.</param>
/// <param name="End">One past the last byte.</param>
public readonly record struct PhysicalRange(ulong Start, ulong End)
{
    /// <summary>Gets the number of bytes.</summary>
    public ulong Bytes => End - Start;
}

/// <summary>
/// RAM: one native, lazily committed, zero-initialised region that spans the physical address space from 0, with holes. A host pointer is
/// an addition away. Safe from any thread; what is stored there is shared as real memory is.
/// </summary>
public sealed unsafe class PhysicalMemory : IDisposable
{
    private const ulong LegacyHoleStart = 0xA0000;
    private const ulong LegacyHoleEnd = 0x100000;
    private const ulong PciHoleStart = 3ul << 30;
    private const ulong PciHoleEnd = 4ul << 30;
    private const ulong ArmRamStart = 1ul << 30;

    private readonly NativeRegion _region;
    private readonly byte* _base;
    private readonly PhysicalRange[] _ranges;

    /// <summary>Reserves memory; nothing is committed until touched.</summary>
    /// <param name="isa">Chooses the layout: x86 has holes at 0xA0000-0xFFFFF and at 3-4 GiB, arm64 RAM starts at 1 GiB.</param>
    /// <param name="bytes">Bytes of RAM (on x86 384 KiB of it are lost in the legacy hole).</param>
    /// <param name="hostHugePages">Whether the host may commit memory in blocks of 2 MiB.</param>
    /// <exception cref="MachineOutOfMemoryException">The host refuses the address space.</exception>
    public PhysicalMemory(Isa isa, ulong bytes, bool hostHugePages = false)
    {
        if (isa == Isa.X86_64)
        {
            ulong low = Math.Min(bytes, PciHoleStart);
            _ranges = bytes > low
                ? [new(0, LegacyHoleStart), new(LegacyHoleEnd, low), new(PciHoleEnd, PciHoleEnd + bytes - low)]
                : [new(0, LegacyHoleStart), new(LegacyHoleEnd, low)];
        }
        else
        {
            _ranges = [new(ArmRamStart, ArmRamStart + bytes)];
        }

        Limit = _ranges[^1].End;
        foreach (PhysicalRange r in _ranges)
            TotalBytes += r.Bytes;
        _region = new NativeRegion(Limit, "simulated RAM", hostHugePages);
        _base = _region.Base;
    }

    /// <summary>Gets the ranges of RAM, ascending, disjoint, page aligned.</summary>
    public IReadOnlyList<PhysicalRange> Ranges => _ranges;

    /// <summary>Gets one past the highest RAM address.</summary>
    public ulong Limit { get; }

    /// <summary>Gets the bytes of RAM, holes left out.</summary>
    public ulong TotalBytes { get; }

    /// <summary>Gets the bytes of host memory in use for RAM, as the host accounts them; -1 where it does not tell. Slow: for tests and reports.</summary>
    public long ResidentBytes => _region.ResidentBytes();

    /// <summary>Says whether a whole range is RAM.</summary>
    /// <param name="pa">First physical byte address.</param>
    /// <param name="length">Bytes; 0 counts as 1.</param>
    /// <returns>Whether it is, in one piece.</returns>
    public bool IsRam(ulong pa, ulong length)
    {
        foreach (PhysicalRange r in _ranges)
        {
            if (pa < r.End)
                return pa >= r.Start && (length == 0 ? 1 : length) <= r.End - pa;
        }

        return false;
    }

    /// <summary>The host address of a physical address. Not checked in release builds: the caller knows that it is RAM.</summary>
    /// <param name="pa">Physical byte address.</param>
    /// <returns>The pointer, good for all of the RAM range around it.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Host(ulong pa)
    {
        Debug.Assert(IsRam(pa, 1), "physical access outside RAM");
        return _base + pa;
    }

    /// <summary>The host address of a physical range, checked.</summary>
    /// <param name="pa">First physical byte address.</param>
    /// <param name="length">Bytes.</param>
    /// <returns>The pointer.</returns>
    /// <exception cref="BusErrorException">The range is not RAM.</exception>
    public byte* HostChecked(ulong pa, ulong length)
    {
        if (!IsRam(pa, length))
            throw new BusErrorException(pa, length);
        return _base + pa;
    }

    /// <summary>The physical address behind a host pointer that came from <see cref="Host"/>.</summary>
    /// <param name="host">The pointer.</param>
    /// <returns>The physical byte address.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Physical(void* host) => (ulong)((byte*)host - _base);

    /// <summary>Gives pages back to the host; they read as zero afterwards. For a simulated page that nobody owns.</summary>
    /// <param name="pa">First physical byte address, page aligned.</param>
    /// <param name="length">Bytes, a multiple of 4096.</param>
    public void Discard(ulong pa, ulong length)
    {
        _ = HostChecked(pa, length);
        _region.Discard(pa, length);
    }

    /// <summary>Gives all memory back. No thread may touch it any more.</summary>
    public void Dispose() => _region.Dispose();
}
