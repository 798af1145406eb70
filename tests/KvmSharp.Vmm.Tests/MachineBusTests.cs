// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using KvmSharp.Arch.X86;
using KvmSharp.Machine;

namespace KvmSharp.Vmm.Tests;

/// <summary>
/// The bundled guest on simulated CPUs behind a second stage that is filled on demand, its device accesses emulated by the same core on another bus,
/// while another CPU takes pages away.
/// </summary>
[TestFixture]
internal sealed unsafe class MachineBusTests
{
    private const ulong GuestBase = 32 << 20;
    private const ulong GuestSize = 8 << 20;

    [Test]
    public void GuestRunsOnSimulatedCpusWhilePagesAreTakenAway([Values(1, 2)] int vcpus, [Values] bool zap)
    {
        using var host = new Host(vcpus + 1);
        var boot = new GuestBoot { Vcpus = vcpus, MemoryBytes = GuestSize };
        GuestProgram program = GuestProgram.Bundled(boot);
        foreach (GuestChunk chunk in program.Chunks)
            chunk.Bytes.Span.CopyTo(new Span<byte>(host.Guest(chunk.Address), chunk.Bytes.Length));

        int running = vcpus;
        var exits = new X86ExitKind[vcpus];
        Thread[] threads = [.. Enumerable.Range(0, vcpus).Select(i => new Thread(() =>
        {
            exits[i] = host.RunVcpu(i, program.Entry);
            Interlocked.Decrement(ref running);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        Cpu zapper = host.Machine.CpuAt(vcpus);
        Assert.That(zapper.TryAcquire());
        var random = new Random(5);
        int zapped = 0;
        while (zap && Volatile.Read(ref running) != 0)
        {
            zapped += host.Zap(zapper, (ulong)random.Next((int)(GuestSize >> 12)) << 12) ? 1 : 0;
            zapper.Poll();
        }
        zapper.Release();
        foreach (Thread thread in threads)
            thread.Join();

        Assert.That(exits, Is.All.EqualTo(X86ExitKind.Halt), host.Serial.ToString());
        Assert.That(host.Serial.ToString(), Does.EndWith("done: 1792 pages, 0 errors, 4 exceptions\n"));
        Assert.That(host.DeviceWrites, Is.EqualTo(vcpus));
        Assert.That(host.Machine.Totals()[HwEvent.TdpFault], Is.GreaterThanOrEqualTo(1792L));
        if (zap)
            Assert.That(zapped, Is.Positive);
    }

    private sealed class Host : IDisposable
    {
        private readonly Lock _lock = new();
        private ulong _nextTable = 16 << 20;

        public Host(int cpus)
        {
            Machine = new KvmSharp.Machine.Machine(new MachineConfig { Cpus = cpus, MemoryBytes = 64 << 20 });
            Ept = new X86Ept(Machine.Memory, CpuFeatures.None);
            Root = NewTable();
        }

        public KvmSharp.Machine.Machine Machine { get; }

        public X86Ept Ept { get; }

        public ulong Root { get; }

        public System.Text.StringBuilder Serial { get; } = new();

        public int DeviceWrites;

        public byte* Guest(ulong gpa) => Machine.Memory.Host(GuestBase + gpa);

        public X86ExitKind RunVcpu(int index, ulong entry)
        {
            var state = new X86VcpuState();
            state.ResetToLongMode(entry, GuestProgram.BootTables);
            state.Rdi = GuestProgram.BootInfo;
            state.Rsi = (ulong)index;
            var space = new GuestAddressSpace(1, Ept) { Stage2Root = Root, Asid = (uint)index };
            var bus = new Bus(state, space, this);
            var emulator = new Emulator(state, this);
            var core = new X86Interpreter();
            Cpu cpu = Machine.CpuAt(index);
            if (!cpu.TryAcquire())
                return X86ExitKind.None;
            X86ExitKind exit;
            while (true)
            {
                bus.EnterGuest(cpu);
                exit = core.Run(state, bus, 1_000_000);
                bus.LeaveGuest();
                if (exit == X86ExitKind.Budget)
                    continue;
                if (exit != X86ExitKind.Bus || !bus.HasViolation)
                    break;
                if (bus.Violation.Gpa < GuestSize)
                {
                    MapPage(bus.Violation.Gpa & ~0xfffUL, cpu);
                    continue;
                }
                emulator.FlushTlb();
                exit = core.ExecuteOne(state, emulator);
                if (exit is not (X86ExitKind.Budget or X86ExitKind.None))
                    break;
            }
            cpu.Release();
            return exit;
        }

        public bool Zap(Cpu self, ulong gpa)
        {
            ulong* entry = Leaf(gpa, false);
            if (entry == null || Interlocked.Exchange(ref *entry, 0) == 0)
                return false;
            CpuSet others = Machine.AllCpus;
            others.Remove(self.Id);
            Machine.ShootDown(self, others, ShootdownKind.Guest, asid: 1);
            return true;
        }

        public void Dispose() => Machine.Dispose();

        private void MapPage(ulong gpa, Cpu cpu)
        {
            // Others may hold the lock only for a moment and never poll in it.
            lock (_lock)
                Volatile.Write(ref *Leaf(gpa, true), (GuestBase + gpa) | X86Ept.Readable | X86Ept.Writable | X86Ept.Executable);
            cpu.Poll();
        }

        private ulong* Leaf(ulong gpa, bool make)
        {
            ulong table = Root;
            for (int level = 4; ; level--)
            {
                ulong* entry = (ulong*)Machine.Memory.Host(table + (((gpa >> (12 + (9 * (level - 1)))) & 511) * 8));
                if (level == 1)
                    return entry;
                if (Volatile.Read(ref *entry) == 0)
                {
                    if (!make)
                        return null;
                    Volatile.Write(ref *entry, NewTable() | X86Ept.Readable | X86Ept.Writable | X86Ept.Executable);
                }
                table = *entry & 0xfffffffff000;
            }
        }

        private ulong NewTable()
        {
            ulong table = _nextTable;
            _nextTable += 4096;
            return table;
        }
    }

    /// <summary>The processor: what the second stage refuses leaves the guest.</summary>
    private sealed class Bus(X86VcpuState state, GuestAddressSpace space, Host host) : X86MachineBus(state, space)
    {
        public override X86BusResult In(ushort port, int size, out uint value)
        {
            value = uint.MaxValue;
            return X86BusResult.Done;
        }

        public override X86BusResult Out(ushort port, int size, uint value)
        {
            lock (host.Serial)
                host.Serial.Append((char)value);
            return X86BusResult.Done;
        }

        public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) => eax = ebx = ecx = edx = 0;

        public override ulong ReadTsc() => (ulong)Cpu.Clock;
    }

    /// <summary>The emulator of the hypervisor: guest memory by physical address, and the device.</summary>
    private sealed class Emulator(X86VcpuState state, Host host) : X86PagedBus(state)
    {
        public override X86BusResult In(ushort port, int size, out uint value)
        {
            value = 0;
            return X86BusResult.Exit;
        }

        public override X86BusResult Out(ushort port, int size, uint value) => X86BusResult.Exit;

        public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) => eax = ebx = ecx = edx = 0;

        public override ulong ReadTsc() => 0;

        protected override X86PhysicalKind TranslatePage(ulong gpa, bool write, bool fetch, out byte* page)
        {
            page = gpa < GuestSize ? host.Guest(gpa) : null;
            return page == null ? X86PhysicalKind.Device : X86PhysicalKind.Memory;
        }

        protected override X86BusResult DeviceRead(ulong gpa, byte* destination, int size)
        {
            new Span<byte>(destination, size).Fill(0x11);
            return X86BusResult.Done;
        }

        protected override X86BusResult DeviceWrite(ulong gpa, byte* source, int size)
        {
            Interlocked.Increment(ref host.DeviceWrites);
            return X86BusResult.Done;
        }
    }
}
