// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;

namespace KvmSharp.Vmm.Tests;

[TestFixture]
internal sealed class Elf64ImageTests
{
    private const int Ph = 64;

    [Test]
    public void AValidImageIsParsed()
    {
        Elf64Image image = Elf64Image.Parse(Valid(), "a.elf");
        Assert.That(image.Machine, Is.EqualTo(ElfMachine.X64));
        Assert.That(image.Entry, Is.EqualTo(0x100010UL));
        Assert.That(image.Segments, Has.Count.EqualTo(2));
        Assert.That(image.Segments[0], Is.EqualTo(new Elf64Segment(0x100000, 0x100000, 0x1000, 0x20, 0x20, false, true)));
        Assert.That(image.Segments[1].MemorySize, Is.EqualTo(0x2000UL));
        Assert.That(image.Contents(image.Segments[0]).Length, Is.EqualTo(0x20));
        Assert.That(image.Contents(image.Segments[0]).Span[0x10], Is.EqualTo(0xf4));
    }

    [Test]
    public void TheEntryIsTranslatedToAPhysicalAddress()
    {
        byte[] file = Valid();
        W64(file, Ph + 24, 0x100000);
        W64(file, Ph + 16, 0xffffffff80100000);
        W64(file, 24, 0xffffffff80100010);
        W64(file, Ph + 56 + 16, 0xffffffff80200000);
        Assert.That(Elf64Image.Parse(file, "a.elf").Entry, Is.EqualTo(0x100010UL));
    }

    [TestCase(0, 1, 0x7eUL, "e_ident")]
    [TestCase(4, 1, 1UL, "EI_CLASS")]
    [TestCase(5, 1, 2UL, "EI_DATA")]
    [TestCase(6, 1, 0UL, "EI_VERSION")]
    [TestCase(16, 2, 3UL, "e_type")]
    [TestCase(16, 2, 1UL, "e_type")]
    [TestCase(18, 2, 40UL, "e_machine")]
    [TestCase(20, 4, 2UL, "e_version")]
    [TestCase(24, 8, 0UL, "e_entry")]
    [TestCase(24, 8, 0x100020UL, "e_entry")]
    [TestCase(24, 8, 0x200000UL, "e_entry")]
    [TestCase(32, 8, 0UL, "e_phoff")]
    [TestCase(32, 8, ulong.MaxValue, "e_phoff")]
    [TestCase(32, 8, 0x1fffUL, "e_phoff")]
    [TestCase(52, 2, 52UL, "e_ehsize")]
    [TestCase(54, 2, 32UL, "e_phentsize")]
    [TestCase(56, 2, 0UL, "e_phnum")]
    [TestCase(56, 2, 0xffffUL, "e_phnum")]
    [TestCase(56, 2, 1000UL, "e_phoff")]
    [TestCase(Ph, 4, 2UL, "p_type")]
    [TestCase(Ph, 4, 3UL, "p_type")]
    [TestCase(Ph + 8, 8, ulong.MaxValue, "p_offset")]
    [TestCase(Ph + 8, 8, 0x1ff0UL, "p_offset")]
    [TestCase(Ph + 16, 8, 0x100001UL, "p_vaddr")]
    [TestCase(Ph + 24, 8, ulong.MaxValue - 7, "p_paddr")]
    [TestCase(Ph + 24, 8, 1UL << 40, "p_paddr")]
    [TestCase(Ph + 24, 8, 0x200800UL, "p_paddr")]
    [TestCase(Ph + 32, 8, 0x2001UL, "p_offset")]
    [TestCase(Ph + 32, 8, 0x21UL, "p_memsz")]
    [TestCase(Ph + 40, 8, 0x1fUL, "p_memsz")]
    [TestCase(Ph + 40, 8, ulong.MaxValue, "p_memsz")]
    [TestCase(Ph + 40, 8, 0x200000UL, "p_vaddr")]
    [TestCase(Ph + 48, 8, 3UL, "p_align")]
    public void EachBadFieldIsNamedWithItsOffset(int offset, int size, ulong value, string field)
    {
        byte[] file = Valid();
        for (int i = 0; i < size; i++)
            file[offset + i] = (byte)(value >> (8 * i));
        ElfFormatException e = Assert.Throws<ElfFormatException>(() => Elf64Image.Parse(file, "bad.elf"))!;
        Assert.That(e.Field, Is.EqualTo(field), e.Message);
        Assert.That(e.Message, Does.StartWith("bad.elf: offset 0x").And.Not.Contains("\n"));
    }

    [Test]
    public void AnEntryInASegmentThatIsNotExecutableIsRefused()
    {
        byte[] file = Valid();
        W32(file, Ph + 4, 4);
        Assert.That(() => Elf64Image.Parse(file, "a"), Throws.TypeOf<ElfFormatException>().With.Message.Contains("PF_X"));
    }

    [Test]
    public void EveryTruncationThatCutsASegmentIsRefused()
    {
        const int EndOfData = 0x1100;
        byte[] file = Valid();
        for (int length = 0; length < EndOfData; length++)
        {
            ReadOnlyMemory<byte> cut = file.AsMemory(0, length);
            Assert.That(() => Elf64Image.Parse(cut, "cut"), Throws.TypeOf<ElfFormatException>());
        }
    }

    [Test]
    public void AMutatedImageParsesToSomethingSoundOrIsRefused()
    {
        // Up to four bytes of the headers become anything.
        Gen<(int Offset, byte Value)[]> mutations =
            Gen.ArrayOf(from offset in Gen.Choose(0, Ph + 111) from value in Gen.Choose(0, 255) select (offset, (byte)value)).Where(static a => a.Length <= 4);
        Prop.ForAll(mutations.ToArbitrary(), changes =>
        {
            byte[] file = Valid();
            foreach ((int offset, byte value) in changes)
                file[offset] = value;
            return IsSoundOrRefused(file);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));
    }

    [Test]
    public void ARandomFileIsRefused() =>
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), static bytes => IsSoundOrRefused(bytes)).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Test]
    public void AMissingFileIsOneError() =>
        Assert.That(() => Elf64Image.Load("/nonexistent/guest.elf"), Throws.TypeOf<ElfFormatException>().With.Message.StartsWith("/nonexistent/guest.elf: "));

    [Test]
    public void ImagesForAnotherMachineOrPlaceAreNotBooted()
    {
        byte[] file = Valid();
        file[18] = 183;
        Assert.That(() => GuestProgram.FromElf(Elf64Image.Parse(file, "arm"), new GuestBoot()), Throws.TypeOf<ElfFormatException>().With.Message.Contains("e_machine"));
        file = Valid();
        W64(file, Ph + 24, 0x1000);
        Assert.That(() => GuestProgram.FromElf(Elf64Image.Parse(file, "low"), new GuestBoot()), Throws.TypeOf<ElfFormatException>().With.Message.Contains("boot tables"));
        Assert.That(
            () => GuestProgram.FromElf(Elf64Image.Parse(Valid(), "high"), new GuestBoot { MemoryBytes = 0x201000 }),
            Throws.TypeOf<ElfFormatException>().With.Message.Contains("0x202000"));
    }

    private static bool IsSoundOrRefused(byte[] file)
    {
        Elf64Image image;
        try
        {
            image = Elf64Image.Parse(file, "mutant");
        }
        catch (ElfFormatException e)
        {
            return e.Message.Length > 10 && !e.Message.Contains('\n', StringComparison.Ordinal);
        }
        ulong last = 0;
        foreach (Elf64Segment segment in image.Segments)
        {
            if (segment.MemorySize == 0 || segment.PhysicalAddress < last || segment.PhysicalEnd > Elf64Image.MaxAddress ||
                (ulong)image.Contents(segment).Length != segment.FileSize)
                return false;
            last = segment.PhysicalEnd;
        }
        return image.Segments.Any(s => image.Entry >= s.PhysicalAddress && image.Entry < s.PhysicalEnd);
    }

    /// <summary>Two segments: code at 1 MiB (0x20 bytes), data at 2 MiB (0x100 bytes of 0x2000).</summary>
    private static byte[] Valid()
    {
        byte[] file = new byte[0x2000];
        "\x7f"u8.CopyTo(file);
        "ELF"u8.CopyTo(file.AsSpan(1));
        file[4] = 2;
        file[5] = 1;
        file[6] = 1;
        W16(file, 16, 2);
        W16(file, 18, 62);
        W32(file, 20, 1);
        W64(file, 24, 0x100010);
        W64(file, 32, Ph);
        W16(file, 52, 64);
        W16(file, 54, 56);
        W16(file, 56, 2);
        Segment(file, Ph, 5, 0x1000, 0x100000, 0x20, 0x20);
        Segment(file, Ph + 56, 6, 0x1000, 0x200000, 0x100, 0x2000);
        file[0x1010] = 0xf4;
        return file;
    }

    private static void Segment(byte[] file, int at, uint flags, ulong offset, ulong address, ulong fileSize, ulong memorySize)
    {
        W32(file, at, 1);
        W32(file, at + 4, flags);
        W64(file, at + 8, offset);
        W64(file, at + 16, address);
        W64(file, at + 24, address);
        W64(file, at + 32, fileSize);
        W64(file, at + 40, memorySize);
        W64(file, at + 48, 0x1000);
    }

    private static void W16(byte[] file, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);

    private static void W32(byte[] file, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);

    private static void W64(byte[] file, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at), value);
}
