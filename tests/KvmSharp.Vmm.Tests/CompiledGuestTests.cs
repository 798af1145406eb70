// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.ComponentModel;
using System.Diagnostics;
using KvmSharp.Arch.X86;
using KvmSharp.Arch.X86.Tests.Guest;

namespace KvmSharp.Vmm.Tests;

/// <summary>The guest in tests/guests that is compiled C: the ELF that is checked in, and one built now where gcc is at hand.</summary>
[TestFixture]
internal sealed class CompiledGuestTests
{
    private static string Folder => Path.Combine(TestContext.CurrentContext.TestDirectory, "guests");

    [Test]
    public void CheckedInGuestRuns([Values(1, 3)] int vcpus) => RunSieve(Path.Combine(Folder, "sieve.elf"), vcpus);

    [Test]
    public void GuestBuiltFromItsSourceRunsAndHasTheLayoutThatIsCheckedIn()
    {
        string folder = Directory.CreateTempSubdirectory("kvmsharp-guest").FullName;
        try
        {
            foreach (string name in new[] { "sieve.c", "guest.ld", "Makefile" })
                File.Copy(Path.Combine(Folder, name), Path.Combine(folder, name));
            if (!TryMake(folder, out string output))
                Assert.Ignore("the guest cannot be built here: " + output);
            string built = Path.Combine(folder, "sieve.elf");
            RunSieve(built, 2);
            Elf64Image fresh = Elf64Image.Load(built);
            Elf64Image kept = Elf64Image.Load(Path.Combine(Folder, "sieve.elf"));
            Assert.That(fresh.Entry, Is.EqualTo(kept.Entry));
            Assert.That(fresh.Segments.Select(s => (s.PhysicalAddress, s.IsExecutable, s.IsWritable)), Is.EqualTo(kept.Segments.Select(s => (s.PhysicalAddress, s.IsExecutable, s.IsWritable))));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool TryMake(string folder, out string output)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("make", "sieve.elf") { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            output = errors.GetAwaiter().GetResult() + output;
            return process.ExitCode == 0;
        }
        catch (Win32Exception e)
        {
            output = e.Message;
            return false;
        }
    }

    private static void RunSieve(string path, int vcpus)
    {
        var boot = new GuestBoot { Vcpus = vcpus, MemoryBytes = 16 << 20, TouchBytes = 3 << 20 };
        using FlatVm vm = GuestRunner.Boot(GuestProgram.FromElf(Elf64Image.Load(path), boot), boot, out X86ExitKind[] exits);
        int pages = 768 / vcpus * vcpus;
        Assert.That(exits, Is.All.EqualTo(X86ExitKind.Halt), vm.Serial);
        Assert.That(vm.Serial.Split('\n'), Is.EqualTo(new[]
        {
            $"C guest: {vcpus} vCPUs, 16 MiB",
            "sieve: 17984 primes below 200000, crc32 " + SieveChecksum(),
            "check: crc32 cbf43926, minus -42",
            "breakpoints: 1, on their own stack: 1",
            "user: fibonacci and ring 2880067194370816123",
            $"window: {pages} pages, {pages} demand faults, 0 errors",
            "done",
            string.Empty,
        }));
        Assert.That(GuestRunner.Info(vm, GuestProgram.InfoVerdict), Is.EqualTo(1UL));
        Assert.That(GuestRunner.Info(vm, GuestProgram.InfoExceptions), Is.GreaterThanOrEqualTo((ulong)pages + 1));
        Assert.That(vm.DeviceLog.Count(d => d.Write && d.Size == 1), Is.EqualTo(vcpus));
    }

    // What the guest must have computed, computed here.
    private static string SieveChecksum()
    {
        byte[] composite = new byte[200000];
        for (long i = 2; i < composite.Length; i++)
        {
            for (long j = i * i; composite[i] == 0 && j < composite.Length; j += i)
                composite[j] = 1;
        }
        uint crc = uint.MaxValue;
        foreach (byte b in composite)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
        }
        return (~crc).ToString("x8", System.Globalization.CultureInfo.InvariantCulture);
    }
}
