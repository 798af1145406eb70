// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace KvmSharp.Arch.X86.Tests.Guest;

/// <summary>The smallest machine a guest can run on: RAM from address zero, a serial port at 0x3f8, and a device that answers above the RAM.</summary>
internal sealed unsafe class FlatVm : IDisposable
{
    private readonly StringBuilder _serial = new();

    public FlatVm(ulong ramSize)
    {
        RamSize = ramSize;
        Ram = (byte*)NativeMemory.AlignedAlloc((nuint)ramSize, 4096);
        NativeMemory.Clear(Ram, (nuint)ramSize);
    }

    public byte* Ram { get; }

    public ulong RamSize { get; }

    public Lock WideLock { get; } = new();

    public string Serial
    {
        get
        {
            lock (_serial)
                return _serial.ToString();
        }
    }

    /// <summary>Every device access: address or port, width, value, write.</summary>
    public ConcurrentQueue<(ulong Address, int Size, ulong Value, bool Write)> DeviceLog { get; } = new();

    /// <summary>What the device reads as.</summary>
    public Func<ulong, int, ulong> OnDeviceRead { get; set; } = (address, _) => ~address;

    public void PutChar(byte value)
    {
        lock (_serial)
            _serial.Append((char)value);
    }

    public void Load(ulong gpa, ReadOnlySpan<byte> bytes) => bytes.CopyTo(new Span<byte>(Ram + gpa, bytes.Length));

    public ref ulong Word(ulong gpa) => ref *(ulong*)(Ram + gpa);

    /// <summary>Tables that map the first gigabyte to itself: PML4 at <paramref name="at"/>, then one PDPT and one PD of 2 MiB leaves.</summary>
    public ulong IdentityMap(ulong at, ulong leafFlags = 0x83)
    {
        Word(at) = (at + 0x1000) | 7;
        Word(at + 0x1000) = (at + 0x2000) | 7;
        for (ulong i = 0; i < 512; i++)
            Word(at + 0x2000 + (i * 8)) = (i << 21) | leafFlags;
        return at;
    }

    public void Dispose() => NativeMemory.AlignedFree(Ram);
}

/// <summary>One vCPU's bus on a <see cref="FlatVm"/>.</summary>
internal sealed unsafe class FlatBus(X86VcpuState state, FlatVm vm) : X86PagedBus(state)
{
    private readonly List<(ulong Address, ulong Value)> _answers = [];
    private int _next;

    /// <summary>Device accesses leave the guest and are answered by <see cref="CompletePending"/>, as with KVM_RUN.</summary>
    public bool ExitOnDevice { get; init; }

    public uint ApicId { get; init; }

    public (ulong Address, int Size, ulong Value, bool Write)? Pending { get; private set; }

    public Dictionary<uint, ulong> Msrs { get; } = [];

    public Func<X86BusResult>? Poll { get; set; }

    public ulong Tsc { get; set; }

    /// <summary>Makes this page's accesses leave the guest until it is cleared: a memory fault exit.</summary>
    public ulong? FaultPage { get; set; }

    public override Lock WideAtomicLock => vm.WideLock;

    /// <summary>The host half of a device exit: a read is answered with <paramref name="value"/>, which the instruction finds when it is executed again.</summary>
    public void CompletePending(ulong value)
    {
        (ulong Address, int Size, ulong Value, bool Write) pending = Pending!.Value;
        Pending = null;
        if (pending.Write)
            return;
        _answers.Add((pending.Address, value));
        _next = 0;
        Raise(X86Attention.Completion);
    }

    public override void OnRetired()
    {
        _answers.Clear();
        _next = 0;
    }

    public override X86BusResult OnPoll(X86VcpuState state) => Poll?.Invoke() ?? X86BusResult.Done;

    public override X86BusResult In(ushort port, int size, out uint value)
    {
        X86BusResult result = Read(port, size, out ulong wide, port == 0x3fd ? 0x60UL : null);
        value = (uint)wide;
        return result;
    }

    public override X86BusResult Out(ushort port, int size, uint value)
    {
        if (port == 0x3f8)
        {
            vm.PutChar((byte)value);
            return X86BusResult.Done;
        }
        return Write(port, size, value);
    }

    public override X86BusResult ReadMsr(uint index, out ulong value) =>
        Msrs.TryGetValue(index, out value) ? X86BusResult.Done : X86BusResult.GeneralProtection;

    public override X86BusResult WriteMsr(uint index, ulong value)
    {
        if (!Msrs.ContainsKey(index))
            return X86BusResult.GeneralProtection;
        Msrs[index] = value;
        return X86BusResult.Done;
    }

    public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx)
    {
        eax = leaf == 0 ? 1u : leaf;
        ebx = leaf == 1 ? ApicId << 24 : subleaf;
        ecx = edx = 0;
    }

    public override ulong ReadTsc() => Tsc++;

    protected override X86PhysicalKind TranslatePage(ulong gpa, bool write, bool fetch, out byte* page)
    {
        page = vm.Ram + gpa;
        if (gpa == FaultPage)
            return X86PhysicalKind.Exit;
        return gpa < vm.RamSize ? X86PhysicalKind.Memory : X86PhysicalKind.Device;
    }

    protected override X86BusResult DeviceRead(ulong gpa, byte* destination, int size)
    {
        X86BusResult result = Read(gpa, size, out ulong value, null);
        if (result == X86BusResult.Done)
            new ReadOnlySpan<byte>(&value, size).CopyTo(new Span<byte>(destination, size));
        return result;
    }

    protected override X86BusResult DeviceWrite(ulong gpa, byte* source, int size)
    {
        ulong value = 0;
        new ReadOnlySpan<byte>(source, size).CopyTo(new Span<byte>(&value, size));
        return Write(gpa, size, value);
    }

    private X86BusResult Read(ulong address, int size, out ulong value, ulong? known)
    {
        value = known ?? vm.OnDeviceRead(address, size);
        if (known is not null)
            return X86BusResult.Done;
        if (ExitOnDevice)
        {
            if (_next < _answers.Count && _answers[_next].Address == address)
            {
                value = _answers[_next++].Value;
                return X86BusResult.Done;
            }
            Pending = (address, size, 0, false);
            return X86BusResult.Exit;
        }
        vm.DeviceLog.Enqueue((address, size, value, false));
        return X86BusResult.Done;
    }

    private X86BusResult Write(ulong address, int size, ulong value)
    {
        vm.DeviceLog.Enqueue((address, size, value, true));
        if (ExitOnDevice)
        {
            Pending = (address, size, value, true);
            Raise(X86Attention.ExitRequested);
        }
        return X86BusResult.Done;
    }
}
