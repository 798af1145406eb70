// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.InteropServices;

namespace KvmSharp.Machine;

// One reservation of host address space that costs nothing until touched and reads as zero.
internal sealed unsafe partial class NativeRegion : IDisposable
{
    private const int ProtRead = 1;
    private const int ProtWrite = 2;
    private const int MapPrivate = 0x02;
    private const int MapAnonymous = 0x20;
    private const int MapNoReserve = 0x4000;
    private const int AdviseDontNeed = 4;
    private const int AdviseHugePage = 14;
    private const int AdviseNoHugePage = 15;
    private const ulong HugePage = 2ul << 20;

    private const int ProtNone = 0;
    private const ulong Guard = 4096;

    private readonly byte* _mapped;
    private readonly ulong _mappedBytes;
    private byte* _base;

    public NativeRegion(ulong bytes, string what, bool hugePages = false)
    {
        if (!OperatingSystem.IsLinux())
            throw new MachineException("simulated memory needs a Linux host (it relies on lazily committed anonymous mappings)");
        Bytes = (bytes + 4095) & ~4095ul;
        _mappedBytes = Bytes + (2 * Guard) + HugePage;
        void* p = Map(null, (nuint)_mappedBytes, ProtRead | ProtWrite, MapPrivate | MapAnonymous | MapNoReserve, -1, 0);
        if (p == (void*)-1)
        {
            int error = Marshal.GetLastPInvokeError();
            throw new MachineOutOfMemoryException(
                $"the host refused {Bytes} bytes of address space for {what}: {Marshal.GetPInvokeErrorMessage(error)} (error {error})");
        }

        // Guards stop an access that runs over either end, and keep the host from merging regions, which would mix their accounts.
        // Between them the region starts at a huge-page boundary, so that simulated 2 MiB blocks can be the host's.
        byte* start = (byte*)(((ulong)p + Guard + HugePage - 1) & ~(HugePage - 1));
        byte* end = (byte*)p + _mappedBytes;
        _mapped = (byte*)p;
        if (Protect(p, (nuint)(start - (byte*)p), ProtNone) != 0 || Protect(start + Bytes, (nuint)(end - start - (long)Bytes), ProtNone) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            _ = Unmap(p, (nuint)_mappedBytes);
            throw new MachineOutOfMemoryException($"the host refused guard pages for {what}: {Marshal.GetPInvokeErrorMessage(error)} (error {error})");
        }

        // A wish only: a host without huge pages ignores it. Without it a scattered touch commits one small page whatever the host's policy.
        _ = Advise(start, (nuint)Bytes, hugePages ? AdviseHugePage : AdviseNoHugePage);
        _base = start;
    }

    ~NativeRegion() => Free();

    public byte* Base => _base;

    public ulong Bytes { get; }

    public void Discard(ulong offset, ulong length)
    {
        if (Advise(_base + offset, (nuint)length, AdviseDontNeed) != 0)
            throw new MachineException($"the host refused to discard memory: error {Marshal.GetLastPInvokeError()}");
    }

    // Resident bytes as the host accounts them, or -1 where it does not tell.
    public long ResidentBytes()
    {
        if (_base == null)
            return 0;
        try
        {
            ulong start = (ulong)_base, end = start + Bytes, at = 0, to = 0;
            long total = 0;
            foreach (string line in File.ReadLines("/proc/self/smaps"))
            {
                int dash = line.IndexOf('-', StringComparison.Ordinal);
                int space = line.IndexOf(' ', StringComparison.Ordinal);
                if (dash > 0 && space > dash && ulong.TryParse(line.AsSpan(0, dash), System.Globalization.NumberStyles.HexNumber, null, out ulong from))
                {
                    at = from;
                    to = ulong.Parse(line.AsSpan(dash + 1, space - dash - 1), System.Globalization.NumberStyles.HexNumber, null);
                }
                else if (at < end && to > start && line.StartsWith("Rss:", StringComparison.Ordinal))
                {
                    total += 1024 * long.Parse(line.AsSpan(4, line.Length - 7), System.Globalization.NumberStyles.AllowLeadingWhite, null);
                }
            }

            return total;
        }
        catch (IOException)
        {
            return -1;
        }
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int Advise(void* address, nuint length, int advice);

    private void Free()
    {
        byte* p = _base;
        _base = null;
        if (p != null)
            _ = Unmap(_mapped, (nuint)_mappedBytes);
    }
}
