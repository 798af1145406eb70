// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>A piece of host address space that is committed as it is touched, reads as zero, and starts at a multiple of a given power of two.</summary>
internal sealed unsafe partial class NativeReservation : IDisposable
{
    private const int PROT_NONE = 0;
    private const int PROT_READ = 1;
    private const int PROT_WRITE = 2;
    private const int MAP_PRIVATE = 0x02;
    private const int MAP_ANONYMOUS = 0x20;
    private const int MAP_NORESERVE = 0x4000;

    private readonly byte* _start;
    private readonly nuint _length;
    private bool _freed;

    /// <summary>Reserves memory.</summary>
    /// <param name="bytes">Usable bytes from <see cref="Base"/> on.</param>
    /// <param name="alignment">Power of two, at least a page.</param>
    /// <param name="headroom">Usable bytes right before <see cref="Base"/>; whole pages.</param>
    /// <param name="what">Named in the message when the host refuses.</param>
    internal NativeReservation(ulong bytes, ulong alignment, ulong headroom, string what)
    {
        bytes = (bytes + 4095) & ~4095UL;
        nuint whole = (nuint)(bytes + alignment + headroom);
        byte* start = (byte*)Map(null, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (start == (byte*)-1)
            throw Refused(whole, what);
        Base = (byte*)(((ulong)start + headroom + alignment - 1) & ~(alignment - 1));
        _start = Base - headroom;
        _length = (nuint)(bytes + headroom);
        if (_start > start)
            _ = Unmap(start, (nuint)(_start - start));
        byte* end = _start + _length;
        if (end < start + whole)
            _ = Unmap(end, (nuint)(start + whole - end));
        if (Protect(_start, _length, PROT_READ | PROT_WRITE) == 0)
            return;
        MachineOutOfMemoryException refused = Refused(_length, what);
        Dispose();
        throw refused;
    }

    internal byte* Base { get; }

    public void Dispose()
    {
        if (_freed)
            return;
        _freed = true;
        _ = Unmap(_start, _length);
    }

    private static MachineOutOfMemoryException Refused(nuint bytes, string what) => new(
        $"the host refused {bytes} bytes of address space for {what}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(void* address, nuint length, int protection);
}
