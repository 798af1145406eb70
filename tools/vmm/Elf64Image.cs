// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Buffers.Binary;
using System.Numerics;

namespace KvmSharp.Vmm;

/// <summary>The instruction sets that a guest image may be for; the values are ELF's <c>e_machine</c>.</summary>
public enum ElfMachine
{
    /// <summary>x86-64.</summary>
    X64 = 62,

    /// <summary>AArch64.</summary>
    Arm64 = 183,
}

/// <summary>One PT_LOAD segment.</summary>
/// <param name="PhysicalAddress">Guest physical address of the first byte.</param>
/// <param name="VirtualAddress">Address that the image was linked for.</param>
/// <param name="FileOffset">Offset in bytes of its contents in the file.</param>
/// <param name="FileSize">Bytes that come from the file; the rest of the memory is zero.</param>
/// <param name="MemorySize">Bytes in memory, at least <paramref name="FileSize"/>, above zero.</param>
/// <param name="IsWritable">PF_W.</param>
/// <param name="IsExecutable">PF_X.</param>
public readonly record struct Elf64Segment(
    ulong PhysicalAddress, ulong VirtualAddress, ulong FileOffset, ulong FileSize, ulong MemorySize, bool IsWritable, bool IsExecutable)
{
    /// <summary>Gets the guest physical address behind the last byte.</summary>
    public ulong PhysicalEnd => PhysicalAddress + MemorySize;
}

/// <summary>
/// A static, little-endian ELF64 executable. Everything a file says is checked before it is used: a value of this type has segments that lie in the file,
/// do not overlap, do not wrap, and one of which holds the entry point.
/// </summary>
public sealed class Elf64Image
{
    /// <summary>Files above this many bytes are refused.</summary>
    public const long MaxFileSize = 1L << 30;

    /// <summary>Addresses from here on are refused: 1 TiB, the largest machine.</summary>
    public const ulong MaxAddress = 1UL << 40;

    private const int HeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const int MaxProgramHeaders = 1024;

    private readonly ReadOnlyMemory<byte> _file;

    private Elf64Image(string name, ReadOnlyMemory<byte> file, ElfMachine machine, ulong entry, Elf64Segment[] segments)
    {
        Name = name;
        _file = file;
        Machine = machine;
        Entry = entry;
        Segments = segments;
    }

    /// <summary>Gets the name of the file, for messages.</summary>
    public string Name { get; }

    /// <summary>Gets the instruction set.</summary>
    public ElfMachine Machine { get; }

    /// <summary>Gets the entry point as a guest physical address.</summary>
    public ulong Entry { get; }

    /// <summary>Gets the PT_LOAD segments that are not empty, in the order of their physical addresses.</summary>
    public IReadOnlyList<Elf64Segment> Segments { get; }

    /// <summary>Reads and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The image.</returns>
    /// <exception cref="ElfFormatException">The file is not an image that can be booted, or cannot be read.</exception>
    public static Elf64Image Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using FileStream stream = File.OpenRead(path);
            if (stream.Length > MaxFileSize)
                throw new ElfFormatException(path, 0, "file", $"is {stream.Length} bytes long, more than {MaxFileSize}");
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return Parse(bytes, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ElfFormatException(path, 0, "file", "cannot be read: " + e.Message);
        }
    }

    /// <summary>Checks an image in memory.</summary>
    /// <param name="file">The bytes of the file, which must not change later.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <returns>The image.</returns>
    /// <exception cref="ElfFormatException">The bytes are not an image that can be booted.</exception>
    public static Elf64Image Parse(ReadOnlyMemory<byte> file, string name)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        if (bytes.Length < HeaderSize)
            throw new ElfFormatException(name, 0, "e_ident", $"the file has {bytes.Length} bytes, an ELF64 header has {HeaderSize}");
        if (bytes[0] != 0x7f || bytes[1] != 'E' || bytes[2] != 'L' || bytes[3] != 'F')
            throw new ElfFormatException(name, 0, "e_ident", "the magic number is not 7f 45 4c 46");
        if (bytes[4] != 2)
            throw new ElfFormatException(name, 4, "EI_CLASS", $"is {bytes[4]}, only ELFCLASS64 (2) is supported");
        if (bytes[5] != 1)
            throw new ElfFormatException(name, 5, "EI_DATA", $"is {bytes[5]}, only ELFDATA2LSB (1) is supported");
        if (bytes[6] != 1)
            throw new ElfFormatException(name, 6, "EI_VERSION", $"is {bytes[6]}, only version 1 exists");

        ushort type = U16(bytes, 16);
        if (type != 2)
            throw new ElfFormatException(name, 16, "e_type", type == 3 ? "is ET_DYN (3); link the guest with -static -no-pie" : $"is {type}, only ET_EXEC (2) is supported");
        ushort machine = U16(bytes, 18);
        if (machine is not ((ushort)ElfMachine.X64) and not ((ushort)ElfMachine.Arm64))
            throw new ElfFormatException(name, 18, "e_machine", $"is {machine}, only x86-64 (62) and AArch64 (183) are supported");
        if (U32(bytes, 20) != 1)
            throw new ElfFormatException(name, 20, "e_version", $"is {U32(bytes, 20)}, only version 1 exists");
        ulong entry = U64(bytes, 24);
        ulong tableOffset = U64(bytes, 32);
        if (U16(bytes, 52) != HeaderSize)
            throw new ElfFormatException(name, 52, "e_ehsize", $"is {U16(bytes, 52)}, an ELF64 header has {HeaderSize} bytes");
        if (U16(bytes, 54) != ProgramHeaderSize)
            throw new ElfFormatException(name, 54, "e_phentsize", $"is {U16(bytes, 54)}, an ELF64 program header has {ProgramHeaderSize} bytes");
        ushort count = U16(bytes, 56);
        if (count is 0 or > MaxProgramHeaders)
            throw new ElfFormatException(name, 56, "e_phnum", $"is {count}, not in 1..{MaxProgramHeaders}");
        ulong tableSize = (ulong)count * ProgramHeaderSize;
        if (tableOffset < HeaderSize || tableOffset > (ulong)bytes.Length || tableSize > (ulong)bytes.Length - tableOffset)
            throw new ElfFormatException(name, 32, "e_phoff", $"{count} program headers at 0x{tableOffset:x} do not lie behind the header in a file of 0x{bytes.Length:x} bytes");

        var segments = new List<(Elf64Segment Segment, ulong Header)>();
        for (int i = 0; i < count; i++)
        {
            ulong header = tableOffset + ((ulong)i * ProgramHeaderSize);
            if (ReadSegment(bytes, (int)header, name) is { } segment)
                segments.Add((segment, header));
        }
        if (segments.Count == 0)
            throw new ElfFormatException(name, tableOffset, "p_type", "no PT_LOAD segment with a size");

        RefuseOverlap(segments, name, static s => s.VirtualAddress, "p_vaddr", 16);
        RefuseOverlap(segments, name, static s => s.PhysicalAddress, "p_paddr", 24);

        foreach ((Elf64Segment segment, _) in segments)
        {
            if (entry < segment.VirtualAddress || entry - segment.VirtualAddress >= segment.MemorySize)
                continue;
            if (!segment.IsExecutable)
                throw new ElfFormatException(name, 24, "e_entry", $"0x{entry:x} lies in a segment without PF_X");
            if (entry - segment.VirtualAddress >= segment.FileSize)
                throw new ElfFormatException(name, 24, "e_entry", $"0x{entry:x} lies in the zero-filled end of a segment");
            if (machine == (ushort)ElfMachine.Arm64 && (entry & 3) != 0)
                throw new ElfFormatException(name, 24, "e_entry", $"0x{entry:x} is not aligned to 4");
            ulong physicalEntry = entry - segment.VirtualAddress + segment.PhysicalAddress;
            return new Elf64Image(name, file, (ElfMachine)machine, physicalEntry, [.. segments.Select(static s => s.Segment)]);
        }
        throw new ElfFormatException(name, 24, "e_entry", $"0x{entry:x} lies in no PT_LOAD segment");
    }

    /// <summary>The contents of a segment that come from the file.</summary>
    /// <param name="segment">One of <see cref="Segments"/>.</param>
    /// <returns>Its first <see cref="Elf64Segment.FileSize"/> bytes.</returns>
    public ReadOnlyMemory<byte> Contents(Elf64Segment segment) => _file.Slice((int)segment.FileOffset, (int)segment.FileSize);

    /// <summary>Checks that the segments fit between two guest physical addresses.</summary>
    /// <param name="start">First address that the image may use.</param>
    /// <param name="end">First address behind the guest's memory.</param>
    /// <exception cref="ElfFormatException">A segment lies outside.</exception>
    public void RequireWithin(ulong start, ulong end)
    {
        foreach (Elf64Segment segment in Segments)
        {
            if (segment.PhysicalAddress < start)
                throw new ElfFormatException(Name, segment.FileOffset, "p_paddr", $"0x{segment.PhysicalAddress:x} lies below 0x{start:x}, which the monitor keeps for boot tables");
            if (segment.PhysicalEnd > end)
                throw new ElfFormatException(Name, segment.FileOffset, "p_paddr", $"the segment ends at 0x{segment.PhysicalEnd:x}, the guest's memory at 0x{end:x}");
        }
    }

    private static Elf64Segment? ReadSegment(ReadOnlySpan<byte> bytes, int header, string name)
    {
        uint type = U32(bytes, header);
        if (type is 2 or 3)
            throw new ElfFormatException(name, (ulong)header, "p_type", (type == 2 ? "PT_DYNAMIC" : "PT_INTERP") + ": the image is not static");
        if (type != 1)
            return null;
        uint flags = U32(bytes, header + 4);
        ulong offset = U64(bytes, header + 8);
        ulong virtualAddress = U64(bytes, header + 16);
        ulong physicalAddress = U64(bytes, header + 24);
        ulong fileSize = U64(bytes, header + 32);
        ulong memorySize = U64(bytes, header + 40);
        ulong alignment = U64(bytes, header + 48);
        if (offset > (ulong)bytes.Length || fileSize > (ulong)bytes.Length - offset)
            throw new ElfFormatException(name, (ulong)header + 8, "p_offset", $"0x{fileSize:x} bytes at 0x{offset:x} do not lie in a file of 0x{bytes.Length:x} bytes");
        if (memorySize < fileSize)
            throw new ElfFormatException(name, (ulong)header + 40, "p_memsz", $"0x{memorySize:x} is less than p_filesz 0x{fileSize:x}");
        if (memorySize > MaxAddress)
            throw new ElfFormatException(name, (ulong)header + 40, "p_memsz", $"0x{memorySize:x} bytes are more than a machine has");
        if (physicalAddress > MaxAddress - memorySize)
            throw new ElfFormatException(name, (ulong)header + 24, "p_paddr", $"0x{memorySize:x} bytes at 0x{physicalAddress:x} reach beyond 0x{MaxAddress:x}");
        if (virtualAddress > ulong.MaxValue - memorySize)
            throw new ElfFormatException(name, (ulong)header + 16, "p_vaddr", $"0x{memorySize:x} bytes at 0x{virtualAddress:x} wrap around");
        if (alignment > 1)
        {
            if (!BitOperations.IsPow2(alignment))
                throw new ElfFormatException(name, (ulong)header + 48, "p_align", $"0x{alignment:x} is not a power of two");
            if (((virtualAddress ^ offset) & (alignment - 1)) != 0)
                throw new ElfFormatException(name, (ulong)header + 16, "p_vaddr", $"0x{virtualAddress:x} and p_offset 0x{offset:x} differ modulo p_align 0x{alignment:x}");
        }
        return memorySize == 0 ? null : new Elf64Segment(physicalAddress, virtualAddress, offset, fileSize, memorySize, (flags & 2) != 0, (flags & 1) != 0);
    }

    private static void RefuseOverlap(
        List<(Elf64Segment Segment, ulong Header)> segments, string name, Func<Elf64Segment, ulong> start, string field, ulong fieldOffset)
    {
        segments.Sort((a, b) => start(a.Segment).CompareTo(start(b.Segment)));
        for (int i = 1; i < segments.Count; i++)
        {
            Elf64Segment previous = segments[i - 1].Segment;
            ulong at = start(segments[i].Segment);
            if (at < start(previous) + previous.MemorySize)
                throw new ElfFormatException(name, segments[i].Header + fieldOffset, field, $"0x{at:x} lies in the segment at 0x{start(previous):x} of 0x{previous.MemorySize:x} bytes");
        }
    }

    private static ushort U16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
}
