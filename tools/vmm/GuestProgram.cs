// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Buffers.Binary;

namespace KvmSharp.Vmm;

/// <summary>Bytes that the monitor puts into guest memory before the first vCPU runs.</summary>
/// <param name="Address">Guest physical address.</param>
/// <param name="Bytes">What is copied there; memory behind it stays zero.</param>
public readonly record struct GuestChunk(ulong Address, ReadOnlyMemory<byte> Bytes);

/// <summary>What a guest is told about its machine.</summary>
public sealed record GuestBoot
{
    /// <summary>Gets the number of vCPUs, 1..<see cref="GuestProgram.MaxVcpus"/>.</summary>
    public int Vcpus { get; init; } = 1;

    /// <summary>Gets the size of guest memory in bytes; it starts at guest physical address zero.</summary>
    public ulong MemoryBytes { get; init; } = 16 << 20;

    /// <summary>Gets how many bytes the guest shall touch; cut to what lies behind its image.</summary>
    public ulong TouchBytes { get; init; } = ulong.MaxValue;

    /// <summary>Gets the distance in bytes between touched words: a multiple of 8 that divides 4096.</summary>
    public uint Stride { get; init; } = 64;

    /// <summary>Gets the address of a device without memory that the guest reads and writes, below 4 GiB and outside of memory; zero for none.</summary>
    public ulong DeviceAddress { get; init; } = 0xfee0_0000;
}

/// <summary>
/// A guest ready to be put into memory. The boot protocol, for bundled and compiled x86-64 guests alike:
/// <list type="bullet">
/// <item>Memory starts at guest physical address zero. The monitor keeps 0x1000..0x7fff: an identity map of the first 4 GiB in 2 MiB leaves at 0x1000
/// (PML4, PDPT, four PDs) and the boot information page at 0x7000.</item>
/// <item>Every vCPU starts at the entry point in 64-bit mode at ring 0, interrupts off, CR3 0x1000, CR0.PG and EFER.NXE on, flat segments with empty
/// GDT and IDT, RDI the address of the boot information, RSI the number of the vCPU (from zero), RSP zero.</item>
/// <item>The guest builds its own tables and descriptor tables, prints to port 0x3f8 (always ready), stores its verdict in the boot information and halts
/// with interrupts off.</item>
/// </list>
/// Boot information, little-endian: see the constants named <c>Info...</c>; the guest writes the fields from <see cref="InfoArrived"/> on.
/// </summary>
public sealed class GuestProgram
{
    /// <summary>Where the first page table is, also the first address that a guest image must not use.</summary>
    public const ulong BootTables = 0x1000;

    /// <summary>Where the boot information page is.</summary>
    public const ulong BootInfo = 0x7000;

    /// <summary>First address that an image may use.</summary>
    public const ulong FirstFree = 0x8000;

    /// <summary>Most vCPUs a guest may have.</summary>
    public const int MaxVcpus = 32;

    /// <summary>The eight characters "KVMSHARP".</summary>
    public const ulong Magic = 0x50524148534d564b;

    /// <summary>Offset of the magic number, 8 bytes.</summary>
    public const int InfoMagic = 0x00;

    /// <summary>Offset of the version of this layout, 4 bytes, now 1.</summary>
    public const int InfoVersion = 0x08;

    /// <summary>Offset of the number of vCPUs, 4 bytes.</summary>
    public const int InfoVcpus = 0x0c;

    /// <summary>Offset of the size of memory in bytes, 8 bytes.</summary>
    public const int InfoMemory = 0x10;

    /// <summary>Offset of the address of the range to touch, 8 bytes.</summary>
    public const int InfoTouchBase = 0x18;

    /// <summary>Offset of the size of that range in bytes, 8 bytes, a multiple of 4096.</summary>
    public const int InfoTouchBytes = 0x20;

    /// <summary>Offset of the distance between touched words in bytes, 8 bytes.</summary>
    public const int InfoStride = 0x28;

    /// <summary>Offset of the device's address, 8 bytes, zero for none.</summary>
    public const int InfoDevice = 0x30;

    /// <summary>Offset of the number of vCPUs that have started, 8 bytes.</summary>
    public const int InfoArrived = 0x40;

    /// <summary>Offset of the number of vCPUs that are done, 8 bytes.</summary>
    public const int InfoDone = 0x48;

    /// <summary>Offset of the number of pages that were written and verified, 8 bytes.</summary>
    public const int InfoPages = 0x50;

    /// <summary>Offset of the number of words that did not read back, 8 bytes.</summary>
    public const int InfoErrors = 0x58;

    /// <summary>Offset of the number of exceptions that were taken and handled, 8 bytes.</summary>
    public const int InfoExceptions = 0x60;

    /// <summary>Offset of the verdict, 8 bytes: 0 running, 1 good, 2 failed.</summary>
    public const int InfoVerdict = 0x68;

    /// <summary>Offset of the guest's own locks and flags, up to the end of the page.</summary>
    public const int InfoScratch = 0x80;

    private GuestProgram(string name, ulong entry, List<GuestChunk> chunks, ulong entryStride = 0)
    {
        Name = name;
        Entry = entry;
        Chunks = chunks;
        EntryStride = entryStride;
    }

    /// <summary>Gets what the guest is called in reports.</summary>
    public string Name { get; }

    /// <summary>Gets the guest physical address, equal to the virtual one, where each vCPU starts.</summary>
    public ulong Entry { get; }

    /// <summary>Gets the distance in bytes between the entry points of one vCPU and the next; zero where all start at the same place.</summary>
    public ulong EntryStride { get; }

    /// <summary>Gets everything that has to be in guest memory, boot tables and boot information included.</summary>
    public IReadOnlyList<GuestChunk> Chunks { get; }

    /// <summary>The guest that comes with the tool, assembled for this boot.</summary>
    /// <param name="boot">Its machine.</param>
    /// <returns>The program.</returns>
    /// <exception cref="ArgumentException">The machine is too small or a parameter is out of range.</exception>
    public static GuestProgram Bundled(GuestBoot boot)
    {
        ArgumentNullException.ThrowIfNull(boot);
        byte[] image = BundledGuest.Assemble();
        return Create("bundled", BundledGuest.LoadAddress, [new GuestChunk(BundledGuest.LoadAddress, image)], BundledGuest.FirstFree, boot);
    }

    /// <summary>The scripted arm64 guest that comes with the tool: no tables, no boot protocol but the information page, a script for each vCPU.</summary>
    /// <param name="boot">Its machine.</param>
    /// <returns>The program.</returns>
    /// <exception cref="ArgumentException">The machine is too small or a parameter is out of range.</exception>
    public static GuestProgram Scripted(GuestBoot boot)
    {
        ArgumentNullException.ThrowIfNull(boot);
        byte[] info = Information(boot, ScriptedGuest.FirstFree, out ulong touch, out ulong bytes);
        List<GuestChunk> chunks = [new GuestChunk(BootInfo, info), .. ScriptedGuest.Write(boot, touch, bytes)];
        return new GuestProgram("scripted", ScriptedGuest.Entry, chunks, ScriptedGuest.ScriptBytes);
    }

    /// <summary>A guest from an x86-64 ELF file.</summary>
    /// <param name="image">The checked file.</param>
    /// <param name="boot">Its machine.</param>
    /// <returns>The program.</returns>
    /// <exception cref="ElfFormatException">The image is for another machine or does not fit into memory.</exception>
    /// <exception cref="ArgumentException">A parameter of <paramref name="boot"/> is out of range.</exception>
    public static GuestProgram FromElf(Elf64Image image, GuestBoot boot)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(boot);
        if (image.Machine != ElfMachine.X64)
            throw new ElfFormatException(image.Name, 18, "e_machine", $"is {(int)image.Machine}; this machine runs x86-64 (62)");
        image.RequireWithin(FirstFree, boot.MemoryBytes);
        return Create(
            image.Name, image.Entry, image.Segments.Select(s => new GuestChunk(s.PhysicalAddress, image.Contents(s))), image.Segments.Max(static s => s.PhysicalEnd), boot);
    }

    /// <summary>The identity map that vCPUs start with.</summary>
    /// <returns>The six pages at <see cref="BootTables"/>.</returns>
    public static byte[] IdentityTables()
    {
        const int Page = 4096;
        const ulong Table = 0x3;
        const ulong Leaf = 0x83;
        byte[] bytes = new byte[6 * Page];
        Write(0, (BootTables + Page) | Table);
        for (int i = 0; i < 4; i++)
            Write(Page + (i * 8), (BootTables + (ulong)((2 + i) * Page)) | Table);
        for (int i = 0; i < 4 * 512; i++)
            Write((2 * Page) + (i * 8), ((ulong)i << 21) | Leaf);
        return bytes;

        void Write(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), value);
    }

    private static GuestProgram Create(string name, ulong entry, IEnumerable<GuestChunk> image, ulong imageEnd, GuestBoot boot)
    {
        byte[] info = Information(boot, imageEnd, out _, out _);
        List<GuestChunk> chunks = [new GuestChunk(BootTables, IdentityTables()), new GuestChunk(BootInfo, info), .. image];
        return new GuestProgram(name, entry, chunks);
    }

    private static byte[] Information(GuestBoot boot, ulong imageEnd, out ulong touch, out ulong bytes)
    {
        const ulong PageMask = 0xfff;
        if (boot.Vcpus is < 1 or > MaxVcpus)
            throw new ArgumentException($"vCPUs: {boot.Vcpus} is not in 1..{MaxVcpus}", nameof(boot));
        if (boot.Stride is < 8 or > 4096 || 4096 % boot.Stride != 0)
            throw new ArgumentException($"stride: {boot.Stride} is not a multiple of 8 that divides 4096", nameof(boot));
        touch = Math.Max((imageEnd + PageMask) & ~PageMask, 1 << 20);
        ulong end = Math.Min(boot.MemoryBytes & ~PageMask, 3UL << 30);
        if (end < touch)
            throw new ArgumentException($"memory: {boot.MemoryBytes} bytes are less than the {touch} that the guest's image needs", nameof(boot));
        if (boot.DeviceAddress != 0 && (boot.DeviceAddress < boot.MemoryBytes || boot.DeviceAddress > (1UL << 32) - 4096))
            throw new ArgumentException($"device: 0x{boot.DeviceAddress:x} lies in memory or above 4 GiB", nameof(boot));
        bytes = Math.Min(boot.TouchBytes & ~PageMask, end - touch);

        byte[] info = new byte[4096];
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(InfoMagic), Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(info.AsSpan(InfoVersion), 1);
        BinaryPrimitives.WriteInt32LittleEndian(info.AsSpan(InfoVcpus), boot.Vcpus);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(InfoMemory), boot.MemoryBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(InfoTouchBase), touch);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(InfoTouchBytes), bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(InfoStride), boot.Stride);
        BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(InfoDevice), boot.DeviceAddress);
        return info;
    }
}
