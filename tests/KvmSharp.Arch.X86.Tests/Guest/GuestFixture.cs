// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using Iced.Intel;

namespace KvmSharp.Arch.X86.Tests.Guest;

/// <summary>One vCPU on a flat machine. Code is at 0x10000, tables at 0x1000, GDT at 0x5000, TSS at 0x5100, IDT at 0x6000, stack below 0x80000.</summary>
internal sealed unsafe class GuestFixture : IDisposable
{
    public const ulong CodeAddress = 0x10000;
    public const ulong Tables = 0x1000;
    public const ulong Gdt = 0x5000;
    public const ulong Tss = 0x5100;
    public const ulong Idt = 0x6000;
    public const ulong Stack = 0x80000;
    public const ulong Data = 0x100000;

    public GuestFixture(bool paging = true, bool exitOnDevice = false, ulong ram = 4 << 20)
    {
        Vm = new FlatVm(ram);
        State = new X86VcpuState();
        Bus = new FlatBus(State, Vm) { ExitOnDevice = exitOnDevice };
        if (paging)
            Vm.IdentityMap(Tables);
        State.ResetToLongMode(CodeAddress, paging ? Tables : null);
        State.Rsp = Stack;
        State.Gdtr = new X86TableRegister { Base = Gdt, Limit = 0x4f };
        Vm.Word(Gdt + 0x08) = 0x00af9b000000ffff;
        Vm.Word(Gdt + 0x10) = 0x00cf93000000ffff;
        Vm.Word(Gdt + 0x18) = 0x00cff3000000ffff;
        Vm.Word(Gdt + 0x20) = 0x00affb000000ffff;
        State.Tr = new X86Segment { Selector = 0x40, Base = Tss, Limit = 0x67, Attributes = 0xb | X86Segment.Present };
        Vm.Word(Tss + 0x60) = 0xffff_0000_0000_0000;
        State.Idtr = new X86TableRegister { Base = Idt, Limit = 0xfff };
    }

    public FlatVm Vm { get; }

    public X86VcpuState State { get; }

    public FlatBus Bus { get; }

    public X86Interpreter Interpreter { get; } = new();

    public X86ExitKind Run(long instructions = 100_000) => Interpreter.Run(State, Bus, instructions);

    public X86ExitKind Run(Action<Assembler> program, long instructions = 100_000)
    {
        LoadCode(program, CodeAddress);
        return Run(instructions);
    }

    public byte[] LoadCode(Action<Assembler> program, ulong at)
    {
        var a = new Assembler(64);
        program(a);
        byte[] bytes = HostCpu.Assemble(a, at);
        Vm.Load(at, bytes);
        return bytes;
    }

    public void SetGate(int vector, ulong handler, int ist = 0, int dpl = 0, int type = 0xe, ushort selector = 8, bool present = true)
    {
        Vm.Word(Idt + ((ulong)vector * 16)) = (handler & 0xffff) | ((ulong)selector << 16) | ((ulong)ist << 32) | ((ulong)type << 40) | ((ulong)dpl << 45) |
            (present ? 1UL << 47 : 0) | ((handler & 0xffff0000) << 32);
        Vm.Word(Idt + ((ulong)vector * 16) + 8) = handler >> 32;
    }

    public void Dispose() => Vm.Dispose();
}
