// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using KvmSharp.Init;

namespace KvmSharp.Vmm;

/// <summary>How often vCPUs came back to the monitor, by reason.</summary>
public sealed class ExitCounts
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);

    /// <summary>Gets a snapshot, by the reason's name.</summary>
    public IReadOnlyDictionary<string, long> ByReason
    {
        get
        {
            lock (_lock)
                return new SortedDictionary<string, long>(_counts, StringComparer.Ordinal);
        }
    }

    internal void Add(string reason)
    {
        lock (_lock)
            _counts[reason] = _counts.GetValueOrDefault(reason) + 1;
    }
}

/// <summary>What a run of a virtual machine came to.</summary>
/// <param name="Halted">Whether every vCPU halted of its own accord.</param>
/// <param name="Failure">Why not, else null.</param>
/// <param name="Verdict">The guest's own verdict from its boot information: 0 running, 1 good, 2 failed.</param>
/// <param name="PagesVerified">Pages that the guest wrote and read back.</param>
public sealed record RunResult(bool Halted, string? Failure, ulong Verdict, ulong PagesVerified);

/// <summary>
/// A small virtual machine monitor: a simulated user process that does with KVM's ioctls what a real one does. One guest_memfd is guest
/// memory from address 0, mapped shared into the process, which is KVM's own way in as well.
/// </summary>
internal sealed class VirtualMachine
{
    private const uint ProtReadWrite = 3;
    private const uint MapShared = 1;
    private const ulong RunSize = 4096;
    private const int EAGAIN = 11;
    private const int EINTR = 4;

    private readonly UserProcess _process;
    private readonly StringBuilder _serial = new();
    private readonly Lock _serialLock = new();
    private readonly int _kvm;
    private readonly List<Vcpu> _vcpus = [];
    private ulong _device;
    private string? _failure;

    private VirtualMachine(UserProcess process, int kvm, int vm, int memory, ulong memoryBytes, ulong userAddress)
    {
        _process = process;
        _kvm = kvm;
        Vm = vm;
        MemoryFd = memory;
        MemoryBytes = memoryBytes;
        UserAddress = userAddress;
    }

    /// <summary>Gets what the guest wrote to its serial port.</summary>
    internal string Serial
    {
        get
        {
            lock (_serialLock)
                return _serial.ToString();
        }
    }

    internal ExitCounts Exits { get; } = new();

    internal int Vm { get; }

    internal int MemoryFd { get; }

    internal ulong MemoryBytes { get; }

    /// <summary>Where guest memory is mapped in the process.</summary>
    internal ulong UserAddress { get; }

    /// <summary>Opens KVM, makes a VM and its memory, and maps it.</summary>
    /// <exception cref="InvalidOperationException">A system call failed; the message names it and the errno.</exception>
    internal static VirtualMachine Create(UserProcess process, ulong memoryBytes, ulong gmemFlags)
    {
        int kvm = (int)Check("open /dev/kvm", process.OpenKvm());
        int vm = (int)Check("KVM_CREATE_VM", process.Ioctl(kvm, Kvm.CreateVm, 0));
        ulong scratch = process.Scratch;
        Span<byte> create = stackalloc byte[64];
        create.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(create, memoryBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(create[8..], gmemFlags);
        process.Write(scratch, create);
        int memory = (int)Check("KVM_CREATE_GUEST_MEMFD", process.Ioctl(vm, Kvm.CreateGuestMemfd, scratch));
        ulong address = (ulong)Check("mmap of guest_memfd", process.Mmap(0, memoryBytes, ProtReadWrite, MapShared, memory, 0));

        Span<byte> region = stackalloc byte[160];
        region.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(region[4..], Kvm.MemGuestMemfd);
        BinaryPrimitives.WriteUInt64LittleEndian(region[16..], memoryBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(region[24..], address);
        BinaryPrimitives.WriteInt32LittleEndian(region[40..], memory);
        process.Write(scratch, region);
        Check("KVM_SET_USER_MEMORY_REGION2", process.Ioctl(vm, Kvm.SetUserMemoryRegion2, scratch));
        return new VirtualMachine(process, kvm, vm, memory, memoryBytes, address);
    }

    /// <summary>Copies a guest into memory and makes its vCPUs.</summary>
    internal void Load(GuestProgram program, int vcpus, ulong device)
    {
        _device = device;
        foreach (GuestChunk chunk in program.Chunks)
            _process.Write(UserAddress + chunk.Address, chunk.Bytes.Span);
        for (int i = 0; i < vcpus; i++)
            _vcpus.Add(_process.Kernel.arch is Linux.Arm64Arch ? MakeArmVcpu(i, program.Entry + ((ulong)i * program.EntryStride)) : MakeVcpu(i, program.Entry));
    }

    /// <summary>Runs all vCPUs, each on a thread of its own, until they halt or one fails.</summary>
    internal RunResult Run()
    {
        _process.RunThreads([.. _vcpus.Select(vcpu => ($"vcpu{vcpu.Id}", (Action)(() => RunVcpu(vcpu))))]);

        Span<byte> info = stackalloc byte[4096];
        _process.Read(UserAddress + GuestProgram.BootInfo, info);
        return new RunResult(
            _failure is null,
            _failure,
            BinaryPrimitives.ReadUInt64LittleEndian(info[GuestProgram.InfoVerdict..]),
            BinaryPrimitives.ReadUInt64LittleEndian(info[GuestProgram.InfoPages..]));
    }

    /// <summary>Closes everything in the order of a careful monitor.</summary>
    internal void Close()
    {
        foreach (Vcpu vcpu in _vcpus)
        {
            Check("munmap of kvm_run", _process.Munmap(vcpu.Run, RunSize));
            Check("close of a vCPU", _process.Close(vcpu.Fd));
        }

        Check("munmap of guest memory", _process.Munmap(UserAddress, MemoryBytes));
        Check("close of guest_memfd", _process.Close(MemoryFd));
        Check("close of the VM", _process.Close(Vm));
        Check("close of /dev/kvm", _process.Close(_kvm));
    }

    private static long Check(string what, long result) => result >= 0 ? result
        : throw new InvalidOperationException($"{what}: {Linux.Errno.Name((int)result)}");

    private Vcpu MakeVcpu(int id, ulong entry)
    {
        int fd = (int)Check("KVM_CREATE_VCPU", _process.Ioctl(Vm, Kvm.CreateVcpu, (ulong)id));
        ulong run = (ulong)Check("mmap of kvm_run", _process.Mmap(0, RunSize, ProtReadWrite, MapShared, fd, 0));
        ulong scratch = _process.Scratch;

        Span<byte> sregs = stackalloc byte[Kvm.SregsSize];
        Check("KVM_GET_SREGS", _process.Ioctl(fd, Kvm.GetSregs, scratch));
        _process.Read(scratch, sregs);
        Kvm.EnterLongMode(sregs, GuestProgram.BootTables);
        _process.Write(scratch, sregs);
        Check("KVM_SET_SREGS", _process.Ioctl(fd, Kvm.SetSregs, scratch));

        Span<byte> regs = stackalloc byte[Kvm.RegsSize];
        regs.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(regs[Kvm.RegsRsi..], (ulong)id);
        BinaryPrimitives.WriteUInt64LittleEndian(regs[Kvm.RegsRdi..], GuestProgram.BootInfo);
        BinaryPrimitives.WriteUInt64LittleEndian(regs[Kvm.RegsRip..], entry);
        BinaryPrimitives.WriteUInt64LittleEndian(regs[Kvm.RegsRflags..], 2);
        _process.Write(scratch, regs);
        Check("KVM_SET_REGS", _process.Ioctl(fd, Kvm.SetRegs, scratch));
        return new Vcpu(id, fd, run);
    }

    private Vcpu MakeArmVcpu(int id, ulong entry)
    {
        int fd = (int)Check("KVM_CREATE_VCPU", _process.Ioctl(Vm, Kvm.CreateVcpu, (ulong)id));
        ulong run = (ulong)Check("mmap of kvm_run", _process.Mmap(0, RunSize, ProtReadWrite, MapShared, fd, 0));
        ulong scratch = _process.Scratch;
        Span<byte> init = stackalloc byte[32];
        init.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(init, Kvm.ArmTargetGenericV8);
        _process.Write(scratch, init);
        Check("KVM_ARM_VCPU_INIT", _process.Ioctl(fd, Kvm.ArmVcpuInit, scratch));
        SetArmRegister(fd, Kvm.ArmRegX0, (ulong)id);
        SetArmRegister(fd, Kvm.ArmRegPc, entry);
        return new Vcpu(id, fd, run);
    }

    private void SetArmRegister(int fd, ulong register, ulong value)
    {
        ulong scratch = _process.Scratch;
        Span<byte> reg = stackalloc byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(reg, register);
        BinaryPrimitives.WriteUInt64LittleEndian(reg[8..], scratch + 16);
        BinaryPrimitives.WriteUInt64LittleEndian(reg[16..], value);
        _process.Write(scratch, reg);
        Check("KVM_SET_ONE_REG", _process.Ioctl(fd, Kvm.ArmSetOneReg, scratch));
    }

    private void RunVcpu(Vcpu vcpu)
    {
        try
        {
            while (_failure is null && Step(vcpu))
            {
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Fail($"vCPU {vcpu.Id}: {e.Message}");
        }
    }

    /// <summary>One KVM_RUN and what it asks for. False when the vCPU is done.</summary>
    private bool Step(Vcpu vcpu)
    {
        long ret = _process.Ioctl(vcpu.Fd, Kvm.Run, 0);
        Span<byte> run = stackalloc byte[256];
        _process.Read(vcpu.Run, run);
        uint reason = BinaryPrimitives.ReadUInt32LittleEndian(run[8..]);
        if (ret < 0 && reason != Kvm.ExitMemoryFault)
        {
            if (ret is -EINTR or -EAGAIN)
                return true;
            Fail($"vCPU {vcpu.Id}: KVM_RUN: {Linux.Errno.Name((int)ret)}");
            return false;
        }

        Exits.Add(Kvm.ExitName(reason));
        switch (reason)
        {
            case Kvm.ExitIo:
                HandlePort(vcpu, run);
                return true;
            case Kvm.ExitMmio:
                return HandleDevice(vcpu, run);
            case Kvm.ExitHlt:
                return false;
            case Kvm.ExitIntr:
                return true;
            case Kvm.ExitInternalError:
                Fail($"vCPU {vcpu.Id}: instruction outside the modelled subset: {Kvm.InstructionBytes(run)}");
                return false;
            case Kvm.ExitMemoryFault:
                Fail(string.Create(
                    CultureInfo.InvariantCulture,
                    $"vCPU {vcpu.Id}: memory fault at guest address 0x{BinaryPrimitives.ReadUInt64LittleEndian(run[40..]):x}: {Linux.Errno.Name((int)ret)}"));
                return false;
            default:
                Fail($"vCPU {vcpu.Id}: exit {Kvm.ExitName(reason)}");
                return false;
        }
    }

    private void HandlePort(Vcpu vcpu, ReadOnlySpan<byte> run)
    {
        bool output = run[32] == 1;
        int size = run[33];
        ushort port = BinaryPrimitives.ReadUInt16LittleEndian(run[34..]);
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(run[36..]);
        ulong data = BinaryPrimitives.ReadUInt64LittleEndian(run[40..]);
        Span<byte> bytes = stackalloc byte[(int)Math.Min(count * (uint)size, 1024)];
        if (!output)
        {
            // Ports nobody serves read as ones; the line status of the serial port says that it is ready.
            bytes.Fill(port == 0x3fd ? (byte)0x60 : (byte)0xff);
            _process.Write(vcpu.Run + data, bytes);
            return;
        }

        if (port != 0x3f8)
            return;
        _process.Read(vcpu.Run + data, bytes);
        lock (_serialLock)
            _serial.Append(Encoding.Latin1.GetString(bytes));
    }

    /// <summary>The device echoes what was written to it last, plus one, so that the guest can tell a real answer. False when the vCPU turns itself off.</summary>
    private bool HandleDevice(Vcpu vcpu, ReadOnlySpan<byte> run)
    {
        ulong address = BinaryPrimitives.ReadUInt64LittleEndian(run[32..]);
        bool write = run[52] != 0;
        bool ours = address >= _device && address < _device + 4096;
        if (write)
        {
            if (address == _device + ScriptedGuest.UartOffset)
            {
                lock (_serialLock)
                    _serial.Append((char)run[40]);
            }
            else if (ours)
                Volatile.Write(ref _deviceValue, BinaryPrimitives.ReadUInt64LittleEndian(run[40..]));
            return _process.Kernel.arch is not Linux.Arm64Arch || address != _device + ScriptedGuest.PowerOffset;
        }

        Span<byte> answer = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(answer, ours ? Volatile.Read(ref _deviceValue) + 1 : ulong.MaxValue);
        _process.Write(vcpu.Run + 40, answer);
        return true;
    }

    private ulong _deviceValue;

    private void Fail(string what) => Interlocked.CompareExchange(ref _failure, what, null);

    private sealed record Vcpu(int Id, int Fd, ulong Run);
}
