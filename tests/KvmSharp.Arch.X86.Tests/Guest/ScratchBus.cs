// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Arch.X86.Tests.Guest;

/// <summary>
/// Unpaged windows of memory at chosen addresses, so that the interpreter can work on a copy of what the host CPU works on, at the same addresses.
/// </summary>
internal sealed unsafe class ScratchBus : X86Bus
{
    private readonly ulong _codeAddress;
    private readonly byte* _code;
    private readonly int _codeSize;
    private readonly ulong _dataAddress;
    private readonly byte* _data;
    private readonly int _dataSize;

    public ScratchBus(ulong codeAddress, byte* code, int codeSize, ulong dataAddress, byte* data, int dataSize)
    {
        _codeAddress = codeAddress;
        _code = code;
        _codeSize = codeSize;
        _dataAddress = dataAddress;
        _data = data;
        _dataSize = dataSize;
    }

    /// <summary>Data accesses one by one go the slow way, as to a device or across a page.</summary>
    public bool Slow { get; set; }

    public override byte* TryAccess(ulong gva, int size, X86Access access)
    {
        if ((access & X86Access.Fetch) != 0)
            return gva - _codeAddress < (ulong)_codeSize ? _code + (gva - _codeAddress) : null;
        return Slow ? null : Find(gva, size);
    }

    public override X86BusResult ReadMemory(ulong gva, byte* destination, int size, X86Access access)
    {
        byte* p = (access & X86Access.Fetch) != 0 ? null : Find(gva, size);
        return Copy(destination, p, size, gva, access);
    }

    public override X86BusResult WriteMemory(ulong gva, byte* source, int size, X86Access access) => Copy(Find(gva, size), source, size, gva, access);

    public override X86BusResult In(ushort port, int size, out uint value)
    {
        value = 0;
        return X86BusResult.Exit;
    }

    public override X86BusResult Out(ushort port, int size, uint value) => X86BusResult.Exit;

    public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) => eax = ebx = ecx = edx = 0;

    public override ulong ReadTsc() => 0;

    public override void InvalidatePage(ulong gva)
    {
    }

    public override void OnPagingChanged(X86VcpuState state, bool keepTlb)
    {
    }

    private byte* Find(ulong gva, int size) => gva - _dataAddress <= (ulong)(_dataSize - size) ? _data + (gva - _dataAddress) : null;

    private X86BusResult Copy(byte* to, byte* from, int size, ulong gva, X86Access access)
    {
        if (to == null || from == null)
        {
            FaultAddress = gva;
            FaultErrorCode = (uint)access;
            return X86BusResult.PageFault;
        }
        new ReadOnlySpan<byte>(from, size).CopyTo(new Span<byte>(to, size));
        return X86BusResult.Done;
    }
}
