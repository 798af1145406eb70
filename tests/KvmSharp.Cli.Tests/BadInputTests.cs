// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using KvmSharp.Tools;

namespace KvmSharp.Cli.Tests;

[TestFixture]
internal sealed class BadInputTests
{
    private const int ElfEntry = 24;
    private const int ElfProgramHeaders = 32;
    private const int ElfProgramHeaderCount = 56;

    private string folder = string.Empty;

    [SetUp]
    public void MakeFolder() => this.folder = Directory.CreateTempSubdirectory("kvmsharp").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(this.folder, true);

    [TestCase("bot")]
    [TestCase("boot", "--nonsense")]
    [TestCase("boot", "extra")]
    [TestCase("boot", "--memory")]
    [TestCase("boot", "--vcpus", "many")]
    [TestCase("boot", "--vcpus", "99999999999999999999")]
    [TestCase("replay", "--nonsense", "x")]
    public void WhatTheCommandLineDoesNotKnow(params string[] args) => Cli.Refused(args);

    [TestCase("")]
    [TestCase("0")]
    [TestCase("1")]
    [TestCase("M")]
    [TestCase("-4M")]
    [TestCase("4.5M")]
    [TestCase("4MM")]
    [TestCase("4097K")]
    [TestCase("1M")]
    [TestCase("4G")]
    [TestCase("99999999T")]
    [TestCase("18446744073709551616")]
    public void AnAbsurdGuestMemory(string size) => Assert.That(Cli.Refused("boot", $"--memory={size}"), Does.Contain("--memory"));

    [TestCase("0")]
    [TestCase("17M")]
    [TestCase("1x")]
    [TestCase("99999999T")]
    public void AnAbsurdHostMemory(string size) => Assert.That(Cli.Refused("boot", "--host-memory", size), Does.Contain("--host-memory"));

    [Test]
    public void MoreHostMemoryThanAMachineHas() => Cli.Refused("boot", "--host-memory", "8T");

    [Test]
    public void HostMemoryThatIsNoWholeNumberOfPages() => Cli.Refused("boot", "--host-memory", "1073741825");

    [Test]
    [Platform("Linux")]
    public void ATraceThatTheDiskCannotHold() => Assert.That(Cli.Refused("boot", "--memory", "2M", "--trace", "/dev/full"), Does.Contain("/dev/full"));

    [TestCase("x86", "rodata=on")]
    [TestCase("arm64", "nopcid")]
    [TestCase("x86", "nopcid quiet")]
    public void ABootParameterThatIsNone(string arch, string words) =>
        Assert.That(Cli.Refused("boot", "--arch", arch, "--cmdline", words), Does.Contain(words.Split(' ')[^1]));

    [Test]
    public void AStandardOutputThatCannotBeWritten()
    {
        using var error = new StringWriter();
        using var full = new StreamWriter(new FullDisk());
        int status = CommandLine.Run(["boot", "--memory", "2M", "--json"], Spectre.Console.AnsiConsole.Create(new Spectre.Console.AnsiConsoleSettings()), full, error);
        Assert.That((status, error.ToString().TrimEnd()), Is.EqualTo((ExitCodes.BadInput, "kvmsharp: standard output: No space left on device")));
    }

    [TestCase("0")]
    [TestCase("-1")]
    [TestCase("33")]
    [TestCase("2147483647")]
    public void AnAbsurdNumberOfVcpus(string vcpus) => Assert.That(Cli.Refused("boot", $"--vcpus={vcpus}"), Does.Contain("--vcpus"));

    [TestCase("--strategy")]
    [TestCase("--arch")]
    public void ANameThatIsNone(string option) => Assert.That(Cli.Refused("boot", option, "vax"), Does.Contain(option).And.Contain("vax"));

    [Test]
    public void AGuestThatIsNotThere() => Assert.That(Cli.Refused("boot", "--guest", Path.Combine(this.folder, "no.elf")), Does.Contain("no.elf"));

    [Test]
    public void AGuestThatIsAFolder() => Cli.Refused("boot", "--guest", this.folder);

    [Test]
    public void AFileForAnArmGuest() => Cli.Refused("boot", "--arch", "arm64", "--guest", Path.Combine(Cli.Guests, "sieve.elf"));

    [TestCase("empty")]
    [TestCase("text")]
    [TestCase("header cut off")]
    [TestCase("half the file")]
    [TestCase("32 bit")]
    [TestCase("big endian")]
    [TestCase("other machine")]
    [TestCase("entry outside")]
    [TestCase("program headers outside")]
    [TestCase("too many program headers")]
    [TestCase("segment beyond guest memory")]
    [TestCase("segment wraps")]
    public void AGuestThatIsCorrupt(string how)
    {
        byte[] elf = File.ReadAllBytes(Path.Combine(Cli.Guests, "sieve.elf"));
        int header = (int)BinaryPrimitives.ReadUInt64LittleEndian(elf.AsSpan(ElfProgramHeaders));
        while (BinaryPrimitives.ReadUInt32LittleEndian(elf.AsSpan(header)) != 1)
            header += 56;
        switch (how)
        {
            case "empty":
                elf = [];
                break;
            case "text":
                elf = [.. "#!/bin/sh\nexit 0\n"u8];
                break;
            case "header cut off":
                elf = elf[..63];
                break;
            case "half the file":
                elf = elf[..(elf.Length / 8)];
                BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(header + 32), (ulong)elf.Length * 4);
                BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(header + 40), (ulong)elf.Length * 4);
                break;
            case "32 bit":
                elf[4] = 1;
                break;
            case "big endian":
                elf[5] = 2;
                break;
            case "other machine":
                elf[18] = 243;
                break;
            case "entry outside":
                BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(ElfEntry), 0x7fff_0000);
                break;
            case "program headers outside":
                BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(ElfProgramHeaders), ulong.MaxValue - 8);
                break;
            case "too many program headers":
                BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(ElfProgramHeaderCount), ushort.MaxValue);
                break;
            case "segment beyond guest memory":
                BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(header + 40), 1UL << 33);
                break;
            default:
                BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(header + 40), ulong.MaxValue - 4096);
                break;
        }

        string path = Path.Combine(this.folder, "bad.elf");
        File.WriteAllBytes(path, elf);
        Cli.Refused("boot", "--guest", path);
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("[]")]
    [TestCase("null")]
    [TestCase("{\"prices\": 5}")]
    [TestCase("{\"noSuchEvent\": {\"ps\": 1, \"source\": \"x\"}}")]
    public void PricesThatAreNone(string json)
    {
        string path = Path.Combine(this.folder, "costs.json");
        File.WriteAllText(path, json);
        Assert.That(Cli.Refused("boot", "--costs", path), Does.Contain("--costs"));
    }

    [Test]
    public void PricesThatAreNotThere() => Cli.Refused("boot", "--costs", Path.Combine(this.folder, "none.json"));

    [Test]
    public void ATraceThatCannotBeWritten()
    {
        Assert.That(Cli.Refused("boot", "--trace", Path.Combine(this.folder, "no", "trace.json")), Does.Contain("--trace"));
        Assert.That(Cli.Refused("boot", "--trace", this.folder), Does.Contain("--trace"));
    }

    private sealed class FullDisk : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        private bool Failed { get; set; }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        // Once: whoever disposes of the writer tries again.
        public override void Write(byte[] buffer, int offset, int count)
        {
            if (Failed)
                return;
            Failed = true;
            throw new IOException("No space left on device");
        }
    }
}
