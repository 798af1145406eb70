// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Machine;
using KvmSharp.Vmm;

namespace KvmSharp.Init.Tests;

[TestFixture]
internal sealed class BootTests
{
    private const ulong MiB = 1UL << 20;

    [Test]
    public void AHostThatDidNothingLeavesNothing([Values] Isa isa, [Values("none", "v12", "filemap")] string strategy, [Values(1, 4)] int cpus)
    {
        using Host host = Host.Boot(new HostOptions { Isa = isa, Cpus = cpus, Strategy = strategy, MemoryBytes = 64 * MiB });
        host.CheckInvariants();
        Assert.That(host.PowerDown(), Is.Empty);
    }

    [Test]
    public void AGuestBootsVerifiesItsMemoryAndLeavesNothing(
        [Values] Isa isa, [Values("none", "v12", "filemap")] string strategy, [Values(1, 2, 4)] int vcpus, [Values(2UL, 5UL, 16UL)] ulong megabytes) =>
        BootGuest(isa, strategy, vcpus, megabytes * MiB);

    [Test]
    public void HostsSideBySideShareNothing()
    {
        var failures = new List<Exception>();
        Thread[] threads = [.. Enumerable.Range(0, 6).Select(i => new Thread(
            () =>
            {
                try
                {
                    BootGuest(i % 3 == 2 ? Isa.Arm64 : Isa.X86_64, HostOptions.Strategies[i % 3], 1 + (i % 2), 4 * MiB);
                }
                catch (Exception e)
                {
                    lock (failures)
                        failures.Add(e);
                }
            },
            16 << 20))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.That(failures, Is.Empty);
    }

    /// <summary>All that a terabyte costs the host's memory: simulated RAM with its page tables, the native page array, ledgers, TLBs, managed objects.</summary>
    [Test]
    [Platform("Linux")]
    public void ATerabyteCostsOnlyWhatIsTouched([Values] Isa isa)
    {
        const long Limit = 200L << 20;

        // Code that is compiled at the first boot is the process's, not the machine's.
        using (Host small = Host.Boot(new HostOptions { Isa = isa, Cpus = 2, MemoryBytes = 64 * MiB }))
            Assert.That(small.PowerDown(), Is.Empty);
        long before = Resident();
        using Host host = Host.Boot(new HostOptions { Isa = isa, Cpus = 2, MemoryBytes = 1UL << 40 });
        Assert.That(Resident() - before, Is.InRange(1, Limit), "booted");
        Assert.That(host.Machine.Memory.ResidentBytes, Is.InRange(1, Limit));
        Assert.That(host.PowerDown(), Is.Empty);
        Assert.That(Resident() - before, Is.InRange(1, Limit), "checked and powered down");
    }

    /// <summary>What a terabyte is touched for at boot does not grow with it: RAM, page array and ledger stay reservations.</summary>
    [Test]
    [Platform("Linux")]
    public void EightTimesTheMemoryIsNotEightTimesTheCost([Values] Isa isa)
    {
        using (Host small = Host.Boot(new HostOptions { Isa = isa, MemoryBytes = 64 * MiB }))
            Assert.That(small.PowerDown(), Is.Empty);
        long before = Resident();
        using Host eighth = Host.Boot(new HostOptions { Isa = isa, MemoryBytes = 128UL << 30 });
        long between = Resident();
        using Host whole = Host.Boot(new HostOptions { Isa = isa, MemoryBytes = 1UL << 40 });
        long after = Resident();
        TestContext.Out.WriteLine($"128 GiB: {(between - before) >> 10} KiB, 1 TiB: {(after - between) >> 10} KiB");
        Assert.That(after - between, Is.LessThan((4 * (between - before)) + (64 << 20)));
        Assert.That(eighth.PowerDown(), Is.Empty);
        Assert.That(whole.PowerDown(), Is.Empty);
    }

    [TestCase(0UL, 1, "filemap")]
    [TestCase(15UL << 20, 1, "filemap")]
    [TestCase((64UL << 20) + 1, 1, "filemap")]
    [TestCase(8UL << 40, 1, "filemap")]
    [TestCase(64UL << 20, 0, "filemap")]
    [TestCase(64UL << 20, 1025, "filemap")]
    [TestCase(64UL << 20, 1, "vax")]
    public void AHostThatCannotBeIsRefused(ulong memory, int cpus, string strategy) =>
        Assert.That(
            () => Host.Boot(new HostOptions { MemoryBytes = memory, Cpus = cpus, Strategy = strategy }),
            Throws.InstanceOf<ArgumentException>().Or.InstanceOf<MachineException>());

    /// <summary>Bytes of host memory that the process holds, with no garbage in them.</summary>
    private static long Resident()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        string rss = File.ReadLines("/proc/self/smaps_rollup").First(l => l.StartsWith("Rss:", StringComparison.Ordinal));
        return 1024 * long.Parse(rss.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    private static void BootGuest(Isa isa, string strategy, int vcpus, ulong memory)
    {
        using Host host = Host.Boot(new HostOptions { Isa = isa, Cpus = vcpus + 1, Strategy = strategy, MemoryBytes = 256 * MiB });
        var boot = new GuestBoot { Vcpus = vcpus, MemoryBytes = memory };
        GuestProgram program = isa == Isa.Arm64 ? GuestProgram.Scripted(boot) : GuestProgram.Bundled(boot);
        string serial = string.Empty;
        RunResult? result = null;
        UserProcess.Run(host.Kernel, "vmm", process =>
        {
            VirtualMachine machine = VirtualMachine.Create(process, memory, Guest.Flags(strategy));
            machine.Load(program, vcpus, boot.DeviceAddress);
            result = machine.Run();
            serial = machine.Serial;
            machine.Close();
        });
        IReadOnlyList<string> problems = host.PowerDown();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result!.Failure, Is.Null);
            Assert.That(result.Halted, Is.True);
            Assert.That(result.Verdict, Is.EqualTo(1));
            Assert.That(result.PagesVerified, Is.InRange(memory / 4096 / 2, memory / 4096));
            Assert.That(serial, Is.Not.Empty);
            Assert.That(problems, Is.Empty);
            Assert.That(host.Machine.Exposure.Verdict().Clean, Is.EqualTo(strategy != "none"));
        }
    }
}
