// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Runtime.CompilerServices;
using KvmSharp.Arch.X86;

namespace Linux;

/// <summary>
/// What one emulated instruction sees: guest memory by way of the user mapping, and devices where there is none. A read from a device leaves with
/// kvm_run filled; the instruction is executed again with user space's answer at hand. A write to a device retires first.
/// </summary>
internal sealed unsafe class EmulatorBus : X86Bus
{
    private const int MaxPiece = 8;
    private readonly kvm_vcpu vcpu;
    private readonly X86VcpuState state;
    private readonly VcpuBus bus;

    // Answers of devices for the instruction at hand, in the order it asked.
    private readonly List<(ulong Gpa, int Size, ulong Data)> answers = [];
    private readonly Queue<(ulong Gpa, int Size, ulong Data)> writes = new();
    private int asked;
    private ulong readGpa;
    private int readSize;

    internal EmulatorBus(kvm_vcpu vcpu, X86VcpuState state, VcpuBus bus)
    {
        this.vcpu = vcpu;
        this.state = state;
        this.bus = bus;
    }

    internal VcpuExit Exit { get; private set; }

    /// <summary>Before each execution of the instruction.</summary>
    internal void Begin()
    {
        Exit = VcpuExit.None;
        asked = 0;
        if (answers.Count != 0)
            Raise(X86Attention.Completion);
    }

    /// <summary>User space answered the read that the last exit was about.</summary>
    internal void CompleteRead(ulong data) => answers.Add((readGpa, readSize, data));

    /// <summary>Puts the next write to a device into kvm_run. False when none is left.</summary>
    internal bool NextWrite()
    {
        if (!writes.TryDequeue(out (ulong Gpa, int Size, ulong Data) write))
            return false;
        X86.PrepareMmioExit(vcpu, write.Gpa, write.Size, true, write.Data);
        return true;
    }

    public override byte* TryAccess(ulong gva, int size, X86Access access) => null;

    public override X86BusResult ReadMemory(ulong gva, byte* destination, int size, X86Access access)
    {
        for (int done = 0; done < size;)
        {
            int piece = Piece(gva + (ulong)done, size - done);
            X86BusResult result = ReadPiece(gva + (ulong)done, destination + done, piece, access);
            if (result != X86BusResult.Done)
                return result;
            done += piece;
        }

        return X86BusResult.Done;
    }

    public override X86BusResult WriteMemory(ulong gva, byte* source, int size, X86Access access)
    {
        // Every page before the first byte.
        int first = (int)Math.Min((ulong)size, PAGE_SIZE - (gva & ~PAGE_MASK));
        X86BusResult result = kvm_mmu_gva_to_gpa(gva, access, out ulong gpa);
        if (result != X86BusResult.Done)
            return result;
        ulong gpa2 = 0;
        if (first < size)
        {
            result = kvm_mmu_gva_to_gpa(gva + (ulong)first, access, out gpa2);
            if (result != X86BusResult.Done)
                return result;
        }

        WritePieces(gpa, source, first);
        if (first < size)
            WritePieces(gpa2, source + first, size - first);
        if (writes.Count != 0 && Exit == VcpuExit.None)
        {
            Exit = VcpuExit.Mmio;
            Raise(X86Attention.ExitRequested);
        }

        return X86BusResult.Done;
    }

    public override X86BusResult In(ushort port, int size, out uint value) => bus.In(port, size, out value);

    public override X86BusResult Out(ushort port, int size, uint value) => bus.Out(port, size, value);

    public override X86BusResult ReadMsr(uint index, out ulong value) => bus.ReadMsr(index, out value);

    public override X86BusResult WriteMsr(uint index, ulong value) =>
        X86.kvm_set_msr(vcpu, index, value) == 0 ? X86BusResult.Done : X86BusResult.GeneralProtection;

    public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) =>
        bus.Cpuid(leaf, subleaf, out eax, out ebx, out ecx, out edx);

    public override ulong ReadTsc() => bus.ReadTsc();

    public override void InvalidatePage(ulong gva) => KvmMain.kvm_make_request(KVM_REQ_TLB_FLUSH, vcpu);

    public override void OnPagingChanged(X86VcpuState state, bool keepTlb) => KvmMain.kvm_make_request(KVM_REQ_TLB_FLUSH, vcpu);

    public override void OnRetired() => answers.Clear();

    private static int Piece(ulong address, int size) =>
        (int)Math.Min((ulong)Math.Min(size, MaxPiece), PAGE_SIZE - (address & ~PAGE_MASK));

    private X86BusResult kvm_mmu_gva_to_gpa(ulong gva, X86Access access, out ulong gpa)
    {
        X86PagingContext context = X86PagingContext.Of(state);
        X86BusResult result = X86GuestWalker.Walk(in context, gva, access, new guest_walker(vcpu), out X86Translation t, out uint error);
        gpa = t.Gpa;
        if (result == X86BusResult.PageFault)
        {
            FaultAddress = gva;
            FaultErrorCode = error;
        }

        return result;
    }

    private X86BusResult ReadPiece(ulong gva, byte* destination, int size, X86Access access)
    {
        X86BusResult result = kvm_mmu_gva_to_gpa(gva, access, out ulong gpa);
        if (result != X86BusResult.Done)
            return result;
        if (KvmMain.kvm_vcpu_read_guest_page(vcpu, new gfn_t(gpa >> PAGE_SHIFT), destination, (int)(gpa & ~PAGE_MASK), size) == 0)
            return X86BusResult.Done;
        if ((access & X86Access.Fetch) != 0)
            return X86BusResult.NotCode;

        // No memory, or memory that its owner does not map: to user space both are a device.
        if (asked < answers.Count && answers[asked].Gpa == gpa && answers[asked].Size == size)
        {
            ulong data = answers[asked++].Data;
            Unsafe.CopyBlockUnaligned(destination, &data, (uint)size);
            return X86BusResult.Done;
        }

        readGpa = gpa;
        readSize = size;
        X86.PrepareMmioExit(vcpu, gpa, size, false, 0);
        Exit = VcpuExit.Mmio;
        return X86BusResult.Exit;
    }

    private void WritePieces(ulong gpa, byte* source, int size)
    {
        if (KvmMain.kvm_vcpu_write_guest_page(vcpu, new gfn_t(gpa >> PAGE_SHIFT), source, (int)(gpa & ~PAGE_MASK), size) == 0)
            return;
        for (int done = 0; done < size;)
        {
            int piece = Math.Min(size - done, MaxPiece);
            ulong data = 0;
            Unsafe.CopyBlockUnaligned(&data, source + done, (uint)piece);
            writes.Enqueue((gpa + (ulong)done, piece, data));
            done += piece;
        }
    }
}
