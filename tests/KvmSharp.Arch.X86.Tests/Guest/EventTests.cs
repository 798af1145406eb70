// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSharp.Arch.X86.Tests.Guest;

/// <summary>Exceptions and interrupts through the guest's IDT.</summary>
[TestFixture]
internal sealed unsafe class EventTests
{
    private const ulong Handler = GuestFixture.CodeAddress + 0x800;

    [Test]
    public void FaultPushesTheFrameOfTheInstructionThatFaulted()
    {
        using GuestFixture g = WithHandler(0);
        g.State.Rflags |= X86Flags.If | X86Flags.Cf;
        X86ExitKind exit = g.Run(a => { a.nop(); a.xor(ecx, ecx); a.div(ecx); });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        ulong frame = GuestFixture.Stack - 40;
        Assert.That(g.State.Rsp, Is.EqualTo(frame));
        Assert.That(g.Vm.Word(frame), Is.EqualTo(GuestFixture.CodeAddress + 3));
        Assert.That(g.Vm.Word(frame + 8), Is.EqualTo(8UL));
        Assert.That(g.Vm.Word(frame + 16) & (X86Flags.Rf | X86Flags.If | X86Flags.Fixed), Is.EqualTo(X86Flags.Rf | X86Flags.If | X86Flags.Fixed));
        Assert.That(g.Vm.Word(frame + 24), Is.EqualTo(GuestFixture.Stack));
        Assert.That(g.Vm.Word(frame + 32), Is.EqualTo(0x10UL));
        Assert.That(g.State.Rflags & X86Flags.If, Is.Zero);
    }

    [Test]
    public void StackIsAlignedBeforeTheFrameAndTheErrorCodeComesLast()
    {
        using GuestFixture g = WithHandler(13);
        g.State.Rsp = GuestFixture.Stack - 4;
        X86ExitKind exit = g.Run(a => { a.mov(eax, 0x50); a.mov(ds, ax); });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rsp, Is.EqualTo(GuestFixture.Stack - 16 - 48));
        Assert.That(g.Vm.Word(g.State.Rsp), Is.EqualTo(0x50UL));
        Assert.That(g.Vm.Word(g.State.Rsp + 32), Is.EqualTo(GuestFixture.Stack - 4));
    }

    [TestCase(0x0b, 0)]
    [TestCase(0x0f, 1)]
    public void TrapGateKeepsInterruptsOnAndInterruptGateDoesNot(int low, int keeps)
    {
        using GuestFixture g = WithHandler(3, type: low == 0x0f ? 0xf : 0xe);
        g.State.Rflags |= X86Flags.If;
        g.Run(a => { a.int3(); });
        Assert.That((g.State.Rflags & X86Flags.If) != 0, Is.EqualTo(keeps == 1));
        Assert.That(g.Vm.Word(GuestFixture.Stack - 40), Is.EqualTo(GuestFixture.CodeAddress + 1), "INT3 is a trap");
    }

    [Test]
    public void IretqReturnsToWhereTheHandlerWasEntered()
    {
        using var g = new GuestFixture();
        g.SetGate(6, Handler);
        g.LoadCode(a => { a.add(__qword_ptr[rsp], 2); a.iretq(); }, Handler);
        g.State.Rflags |= X86Flags.Zf | X86Flags.If;
        Assert.That(g.Run(a => { a.ud2(); a.hlt(); }), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rsp, Is.EqualTo(GuestFixture.Stack));
        Assert.That(g.State.Rflags, Is.EqualTo(X86Flags.Zf | X86Flags.If | X86Flags.Fixed));
    }

    [Test]
    public void InterruptStackTableSwitchesTheStack()
    {
        using GuestFixture g = WithHandler(3, ist: 2);
        g.Vm.Word(GuestFixture.Tss + 0x24 + 8) = 0x90000;
        g.Run(a => a.int3());
        Assert.That(g.State.Rsp, Is.EqualTo(0x90000UL - 40));
        Assert.That(g.Vm.Word(0x90000 - 16), Is.EqualTo(GuestFixture.Stack));
    }

    [Test]
    public void UserCodeEntersRingZeroThroughTheTssAndMayNotUseItsGates()
    {
        using var g = new GuestFixture();
        OpenToUser(g);
        g.SetGate(0x80, Handler, dpl: 3);
        g.SetGate(13, Handler + 0x100);
        g.SetGate(0x40, Handler, dpl: 0);
        g.LoadCode(a => a.iretq(), Handler);
        g.LoadCode(a => a.hlt(), Handler + 0x100);
        g.Vm.Word(GuestFixture.Tss + 4) = 0x90000;
        ulong user = GuestFixture.CodeAddress + 0x400;
        g.LoadCode(a => { a.mov(eax, cs); a.@int(0x80); a.mov(ebx, 7); a.@int(0x40); }, user);
        X86ExitKind exit = g.Run(a => { a.push(0x1b); a.push(0x70000); a.push(2); a.push(0x23); a.push((int)user); a.iretq(); });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rax & 0xffff, Is.EqualTo(0x23UL));
        Assert.That(g.State.Rbx, Is.EqualTo(7UL));
        Assert.That(g.State.Cpl, Is.Zero);
        Assert.That(g.State.Ss.Selector, Is.Zero, "SS is null after a change of level");
        Assert.That(g.Vm.Word(g.State.Rsp), Is.EqualTo((0x40UL * 8) | 2), "gate error without EXT");
        Assert.That(g.Vm.Word(g.State.Rsp + 32), Is.EqualTo(0x70000UL));
    }

    [Test]
    public void PrivilegedInstructionsOfUserCodeFault(
        [Values("hlt", "cli", "cr3", "lidt", "wrmsr", "invlpg", "out", "swapgs")] string what)
    {
        using var g = new GuestFixture();
        OpenToUser(g);
        g.SetGate(13, Handler);
        g.LoadCode(a => a.hlt(), Handler);
        g.Vm.Word(GuestFixture.Tss + 4) = 0x90000;
        EnterUser(g, 0x70000);
        g.Run(a =>
        {
            switch (what)
            {
                case "hlt":
                    a.hlt();
                    break;
                case "cli":
                    a.cli();
                    break;
                case "cr3":
                    a.mov(rax, cr3);
                    break;
                case "lidt":
                    a.lidt(__[rsp]);
                    break;
                case "wrmsr":
                    a.wrmsr();
                    break;
                case "invlpg":
                    a.invlpg(__[rsp]);
                    break;
                case "out":
                    a.@out(0x80, al);
                    break;
                default:
                    a.swapgs();
                    break;
            }
        });
        Assert.That(g.State.Halted);
        Assert.That(g.Vm.Word(g.State.Rsp + 8), Is.EqualTo(GuestFixture.CodeAddress));
    }

    [TestCase(0x80, true)]
    [TestCase(0x88, false)]
    [TestCase(0x87, false, Description = "two bytes reach into the bit that is set")]
    public void IoMapOpensPortsToUserCode(int port, bool open)
    {
        using var g = new GuestFixture();
        OpenToUser(g);
        g.SetGate(13, Handler);
        g.SetGate(6, Handler + 0x100);
        g.LoadCode(a => a.hlt(), Handler);
        g.LoadCode(a => a.hlt(), Handler + 0x100);
        g.Vm.Word(GuestFixture.Tss + 4) = 0x90000;
        g.Vm.Word(GuestFixture.Tss + 0x60) = 0x68UL << 48;
        g.Vm.Word(GuestFixture.Tss + 0x68 + 16) = 0xff00;
        g.State.Tr.Limit = 0x68 + 0x40;
        EnterUser(g, 0x70000);
        g.Run(a => { a.@out((byte)port, ax); a.ud2(); });
        Assert.That(g.State.Rip, Is.EqualTo(open ? Handler + 0x101 : Handler + 1));
        Assert.That(g.Vm.DeviceLog, Has.Count.EqualTo(open ? 1 : 0));
    }

    [Test]
    public void SyscallAndSysretChangeTheLevel()
    {
        using var g = new GuestFixture();
        OpenToUser(g);
        ulong user = GuestFixture.CodeAddress + 0x400;
        g.State.Star = (0x10UL << 48) | (0x08UL << 32);
        g.State.Lstar = Handler;
        g.State.Fmask = X86Flags.If | X86Flags.Cf;
        g.LoadCode(a =>
        {
            Label done = a.CreateLabel();
            a.inc(ebx);
            a.cmp(ebx, 2);
            a.jz(done);
            a.AddInstruction(Instruction.Create(Code.Sysretq));
            a.Label(ref done);
            a.hlt();
        }, Handler);
        g.LoadCode(a => { a.stc(); a.syscall(); a.syscall(); }, user);
        EnterUser(g, 0x70000);
        g.State.Rip = user;
        g.State.Rflags |= X86Flags.If;
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rcx, Is.EqualTo(user + 5));
        Assert.That(g.State[11] & X86Flags.If, Is.Not.Zero);
        Assert.That(g.State.Cpl, Is.Zero);
    }

    [Test]
    public void MissingGateIsAGeneralProtectionFaultAndTwoOfThemADoubleFault()
    {
        using var g = new GuestFixture();
        g.SetGate(8, Handler);
        g.LoadCode(a => a.hlt(), Handler);

        // #DE finds no gate, the #NP or #GP of that finds none either.
        Assert.That(g.Run(a => { a.xor(ecx, ecx); a.div(ecx); }), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rip, Is.EqualTo(Handler + 1));
        Assert.That(g.Vm.Word(g.State.Rsp), Is.Zero, "the error code of a double fault");
        Assert.That(g.Vm.Word(g.State.Rsp + 8), Is.EqualTo(GuestFixture.CodeAddress + 2));
    }

    [Test]
    public void FaultInTheDoubleFaultShutsDown()
    {
        using var g = new GuestFixture();
        Assert.That(g.Run(a => a.ud2()), Is.EqualTo(X86ExitKind.Shutdown));
        Assert.That(g.State.Rip, Is.EqualTo(GuestFixture.CodeAddress));
    }

    [Test]
    public void NotPresentGateSaysWhichVector()
    {
        using GuestFixture g = WithHandler(11);
        g.SetGate(0x30, Handler, present: false);
        g.Run(a => a.@int(0x30));
        Assert.That(g.Vm.Word(g.State.Rsp), Is.EqualTo((0x30UL * 8) | 2));
    }

    [Test]
    public void StackFaultComesFromANonCanonicalStackAndNotFromData()
    {
        using GuestFixture g = WithHandler(12, ist: 1);
        g.SetGate(13, Handler + 0x100, ist: 1);
        g.LoadCode(a => a.hlt(), Handler + 0x100);
        g.Vm.Word(GuestFixture.Tss + 0x24) = 0x90000;
        g.Run(a => { a.mov(rsp, 0x8000_0000_0000_0000); a.push(rax); });
        Assert.That(g.State.Rip, Is.EqualTo(Handler + 1));
        g.State.Rip = GuestFixture.CodeAddress;
        g.Run(a => { a.mov(rbx, 0x8000_0000_0000_0000); a.mov(rax, __[rbx]); });
        Assert.That(g.State.Rip, Is.EqualTo(Handler + 0x101));
        g.State.Rip = GuestFixture.CodeAddress;
        g.Run(a => { a.mov(rbp, 0x8000_0000_0000_0000); a.mov(rax, __[rbp]); });
        Assert.That(g.State.Rip, Is.EqualTo(Handler + 1));
    }

    [Test]
    public void ExternalInterruptWaitsForTheFlagAndTheShadow()
    {
        using GuestFixture g = WithHandler(0x31);
        g.LoadCode(a => { a.nop(); a.sti(); a.nop(); a.nop(); a.hlt(); }, GuestFixture.CodeAddress);
        Assert.That(g.Interpreter.TryInjectInterrupt(g.State, g.Bus, 0x31), Is.EqualTo(X86InjectResult.Blocked));
        g.Bus.Raise(X86Attention.InterruptWindow);
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.InterruptWindow));
        Assert.That(g.State.Rip, Is.EqualTo(GuestFixture.CodeAddress + 3), "one instruction behind STI");
        Assert.That(g.Interpreter.TryInjectInterrupt(g.State, g.Bus, 0x31), Is.EqualTo(X86InjectResult.Injected));
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rip, Is.EqualTo(Handler + 1));
        Assert.That(g.Vm.Word(g.State.Rsp), Is.EqualTo(GuestFixture.CodeAddress + 3));
    }

    [Test]
    public void InterruptWakesAHaltedVcpu()
    {
        using var g = new GuestFixture();
        g.SetGate(0x31, Handler);
        g.LoadCode(a => { a.inc(ebx); a.iretq(); }, Handler);
        Assert.That(g.Run(a => { a.sti(); a.hlt(); a.hlt(); }), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.Interpreter.TryInjectInterrupt(g.State, g.Bus, 0x31), Is.EqualTo(X86InjectResult.Injected));
        Assert.That(g.State.Halted, Is.False);
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rbx, Is.EqualTo(1UL));
        Assert.That(g.State.Rip, Is.EqualTo(GuestFixture.CodeAddress + 3));
    }

    [Test]
    public void InterruptOfARepeatedInstructionFindsItBetweenElementsAndItGoesOn()
    {
        using var g = new GuestFixture(exitOnDevice: true);
        g.SetGate(0x31, Handler);
        g.LoadCode(a => a.iretq(), Handler);
        g.State.Rflags |= X86Flags.If;
        g.LoadCode(a => { a.mov(edi, 0x20000000); a.mov(ecx, 2); a.rep.stosd(); a.hlt(); }, GuestFixture.CodeAddress);
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Bus));
        g.Bus.CompletePending(0);
        Assert.That(g.Interpreter.TryInjectInterrupt(g.State, g.Bus, 0x31), Is.EqualTo(X86InjectResult.Injected));
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Bus));
        g.Bus.CompletePending(0);
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.Vm.DeviceLog.Select(d => d.Address), Is.EqualTo(new ulong[] { 0x20000000, 0x20000004 }));
    }

    [Test]
    public void TrapFlagStepsEachInstruction()
    {
        using var g = new GuestFixture();
        g.SetGate(1, Handler);
        g.LoadCode(a => { a.inc(r9); a.mov(r10, dr6); a.iretq(); }, Handler);
        X86ExitKind exit = g.Run(a =>
        {
            a.pushfq();
            a.or(__dword_ptr[rsp], (int)X86Flags.Tf);
            a.popfq();
            a.nop();
            a.nop();
            a.pushfq();
            a.and(__dword_ptr[rsp], ~(int)X86Flags.Tf);
            a.popfq();
            a.nop();
            a.hlt();
        });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State[9], Is.EqualTo(5UL), "NOP, NOP, PUSHF, AND, and the POPF that ends it");
        Assert.That(g.State[10] & (1 << 14), Is.Not.Zero);
    }

    [Test]
    public void ExitInTheMiddleOfADeliveryLeavesEverythingToBeTriedAgain()
    {
        using GuestFixture g = WithHandler(6);
        g.Bus.FaultPage = GuestFixture.Stack - 0x1000;
        Assert.That(g.Run(a => a.ud2()), Is.EqualTo(X86ExitKind.Bus));
        Assert.That(g.State.Rip, Is.EqualTo(GuestFixture.CodeAddress));
        Assert.That(g.State.Rsp, Is.EqualTo(GuestFixture.Stack));
        g.Bus.FaultPage = null;
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rip, Is.EqualTo(Handler + 1));
    }

    [Test]
    public void InjectedPageFaultCarriesItsCode()
    {
        using GuestFixture g = WithHandler(14);
        g.State.Cr2 = 0x1234;
        Assert.That(g.Interpreter.InjectException(g.State, g.Bus, 14, 2), Is.EqualTo(X86InjectResult.Injected));
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Cr2, Is.EqualTo(0x1234UL));
        Assert.That(g.Vm.Word(g.State.Rsp), Is.EqualTo(2UL));
    }

    [Test]
    public void InstructionLongerThanFifteenBytesIsAGeneralProtectionFault()
    {
        using GuestFixture g = WithHandler(13);
        new Span<byte>(g.Vm.Ram + GuestFixture.CodeAddress, 15).Fill(0x66);
        g.Vm.Ram[GuestFixture.CodeAddress + 15] = 0x90;
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rip, Is.EqualTo(Handler + 1));
        g.Vm.Ram[GuestFixture.CodeAddress + 14] = 0x90;
        g.Vm.Ram[GuestFixture.CodeAddress + 15] = 0xf4;
        g.State.Rip = GuestFixture.CodeAddress;
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rip, Is.EqualTo(GuestFixture.CodeAddress + 16));
    }

    [Test]
    public void RandomBytesNeverBreakTheInterpreter([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        using var g = new GuestFixture();
        var kinds = new HashSet<X86ExitKind>();
        for (int n = 0; n < 3000; n++)
        {
            random.NextBytes(new Span<byte>(g.Vm.Ram + GuestFixture.CodeAddress, 64));
            g.State.ResetToLongMode(GuestFixture.CodeAddress, GuestFixture.Tables);
            g.Vm.IdentityMap(GuestFixture.Tables);
            g.State.Idtr = new X86TableRegister { Base = GuestFixture.Idt, Limit = (ushort)random.Next(4096) };
            g.State.Gdtr = new X86TableRegister { Base = GuestFixture.Gdt, Limit = 0x4f };
            g.State.Cr4 |= random.Next(2) == 0 ? 0 : X86Control.Cr4Smap | X86Control.Cr4Smep | X86Control.Cr4Fsgsbase;
            if (random.Next(3) == 0)
                EnterUser(g, 0x70000);
            for (int i = 0; i < 16; i++)
                g.State[i] = random.Next(2) == 0 ? (ulong)random.NextInt64(long.MinValue, long.MaxValue) : GuestFixture.Data + (ulong)random.Next(0x10000);
            g.State.Rflags = ((ulong)random.Next() & 0xdd5) | X86Flags.Fixed;
            g.Bus.FlushTlb();
            kinds.Add(g.Run(200));
        }
        Assert.That(kinds, Does.Contain(X86ExitKind.Shutdown).And.Contain(X86ExitKind.InternalError));
    }

    private static GuestFixture WithHandler(int vector, int ist = 0, int type = 0xe)
    {
        var g = new GuestFixture();
        g.SetGate(vector, Handler, ist, type: type);
        g.LoadCode(a => a.hlt(), Handler);
        return g;
    }

    private static void OpenToUser(GuestFixture g)
    {
        for (ulong i = 0; i < 512; i++)
            g.Vm.Word(GuestFixture.Tables + 0x2000 + (i * 8)) |= X86GuestWalker.User;
        g.Bus.FlushTlb();
    }

    private static void EnterUser(GuestFixture g, ulong stack)
    {
        g.State.Cs = X86Segment.FlatCode64(0x23);
        g.State.Ss = X86Segment.FlatData(0x1b);
        g.State.Rsp = stack;
    }
}
