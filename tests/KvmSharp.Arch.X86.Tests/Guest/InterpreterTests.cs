// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSharp.Arch.X86.Tests.Guest;

[TestFixture]
internal sealed unsafe class InterpreterTests
{
    [Test]
    public void LoopCallsAndStackWork()
    {
        using var g = new GuestFixture();
        X86ExitKind exit = g.Run(a =>
        {
            Label function = a.CreateLabel();
            Label top = a.CreateLabel();
            a.mov(ecx, 10);
            a.xor(eax, eax);
            a.Label(ref top);
            a.call(function);
            a.dec(ecx);
            a.jnz(top);
            a.hlt();
            a.Label(ref function);
            a.push(rcx);
            a.add(rax, rcx);
            a.pop(rcx);
            a.ret();
        });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Halted);
        Assert.That(g.State.Rax, Is.EqualTo(55UL));
        Assert.That(g.State.Rsp, Is.EqualTo(GuestFixture.Stack));
    }

    [Test]
    public void CodeThatPatchesItselfRunsThePatchedBytes()
    {
        using var g = new GuestFixture();

        // The immediate of the MOV at the label is incremented on each turn, and the sum of what was loaded is kept.
        X86ExitKind exit = g.Run(a =>
        {
            Label patched = a.CreateLabel();
            Label top = a.CreateLabel();
            a.mov(ecx, 100);
            a.xor(ebx, ebx);
            a.Label(ref top);
            a.lea(rsi, __[patched]);
            a.inc(__dword_ptr[rsi + 1]);
            a.Label(ref patched);
            a.mov(eax, 0);
            a.add(rbx, rax);
            a.loop(top);
            a.hlt();
        });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rbx, Is.EqualTo(5050UL));
    }

    [Test]
    public void CodeWrittenByTheHostBetweenRunsIsSeen()
    {
        using var g = new GuestFixture();
        g.LoadCode(a => { a.mov(eax, 1); a.hlt(); }, GuestFixture.CodeAddress);
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        g.Vm.Ram[GuestFixture.CodeAddress + 1] = 7;
        g.State.Rip = GuestFixture.CodeAddress;
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rax, Is.EqualTo(7UL));
    }

    [Test]
    public void InstructionsThatCrossPagesExecuteAndAreCompared()
    {
        using var g = new GuestFixture();
        for (int start = 0x1000 - 14; start < 0x1000; start++)
        {
            g.LoadCode(a => { a.mov(rax, 0x1122334455667788); a.hlt(); }, GuestFixture.CodeAddress + (ulong)start);
            for (int turn = 0; turn < 2; turn++)
            {
                g.State.Rax = 0;
                g.State.Rip = GuestFixture.CodeAddress + (ulong)start;
                Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
                Assert.That(g.State.Rax, Is.EqualTo(0x1122334455667788UL));
            }

            // A change on the second page is a change of the instruction.
            ulong last = GuestFixture.CodeAddress + (ulong)start + 9;
            g.Vm.Ram[last] = 0x7f;
            g.State.Rip = GuestFixture.CodeAddress + (ulong)start;
            Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
            Assert.That(g.State.Rax, Is.EqualTo(0x7f22334455667788UL));
        }
    }

    [Test]
    public void AnInstructionUpToTheEndOfAPageDoesNotTouchTheNext()
    {
        using var g = new GuestFixture(ram: 1 << 20);
        ulong end = 1 << 20;
        g.Vm.Ram[end - 1] = 0xf4;
        g.State.Rip = end - 1;
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));

        // One more byte of it would come from a device.
        g.Vm.Ram[end - 1] = 0xb0;
        g.State.Rip = end - 1;
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.InternalError));
        Assert.That(g.Interpreter.Error, Is.EqualTo(X86InternalError.CodeNotInMemory));
    }

    [Test]
    public void UnsupportedInstructionExitsWithItsBytesAndTheStateUntouched()
    {
        using var g = new GuestFixture();
        X86ExitKind exit = g.Run(a => { a.mov(ecx, 5); a.addps(xmm0, xmm1); });
        Assert.That(exit, Is.EqualTo(X86ExitKind.InternalError));
        Assert.That(g.Interpreter.Error, Is.EqualTo(X86InternalError.UnsupportedInstruction));
        Assert.That(g.Interpreter.ErrorBytes.ToArray(), Is.EqualTo(new byte[] { 0x0f, 0x58, 0xc1 }));
        Assert.That(g.State.Rip, Is.EqualTo(GuestFixture.CodeAddress + 5));
        Assert.That(g.State.Rcx, Is.EqualTo(5UL));
    }

    [Test]
    public void BudgetEndsARunBetweenInstructions()
    {
        using var g = new GuestFixture();
        Assert.That(g.Run(a => { Label top = a.CreateLabel(); a.Label(ref top); a.inc(rax); a.jmp(top); }, 1001), Is.EqualTo(X86ExitKind.Budget));
        Assert.That(g.State.Rax, Is.EqualTo(501UL));
        Assert.That(g.Interpreter.ExecuteOne(g.State, g.Bus), Is.EqualTo(X86ExitKind.Budget));
        Assert.That(g.State.Rip, Is.EqualTo(GuestFixture.CodeAddress));
    }

    [Test]
    public void PortsAndSerialWork()
    {
        using var g = new GuestFixture();
        g.Vm.OnDeviceRead = (port, size) => port == 0x60 ? 0xaabbccddUL : 0;
        X86ExitKind exit = g.Run(a =>
        {
            a.mov(dx, 0x3f8);
            a.mov(al, (sbyte)'h');
            a.@out(dx, al);
            a.mov(al, (sbyte)'i');
            a.@out(dx, al);
            a.mov(rax, -1L);
            a.@in(al, 0x60);
            a.mov(rbx, rax);
            a.@in(eax, 0x60);
            a.hlt();
        });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.Vm.Serial, Is.EqualTo("hi"));
        Assert.That(g.State.Rbx, Is.EqualTo(0xffffffffffffffddUL));
        Assert.That(g.State.Rax, Is.EqualTo(0xaabbccddUL));
    }

    [Test]
    public void DeviceReadExitsAndTheInstructionFindsTheAnswerWhenItRunsAgain()
    {
        using var g = new GuestFixture(exitOnDevice: true);
        ulong device = 0x2000_0000;
        g.LoadCode(a => { a.mov(ebx, (int)device); a.mov(eax, __dword_ptr[rbx]); a.add(__dword_ptr[rbx + 8], eax); a.hlt(); }, GuestFixture.CodeAddress);
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Bus));
        Assert.That(g.Bus.Pending, Is.EqualTo((device, 4, 0UL, false)));
        ulong rip = g.State.Rip;
        g.Bus.CompletePending(0x1234);

        // The ADD reads, exits, then writes what it read plus EAX, posted: it has retired when the run ends.
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Bus));
        Assert.That(g.State.Rip, Is.GreaterThan(rip));
        Assert.That(g.State.Rax, Is.EqualTo(0x1234UL));
        Assert.That(g.Bus.Pending, Is.EqualTo((device + 8, 4, 0UL, false)));
        g.Bus.CompletePending(0x10);
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Bus));
        Assert.That(g.Bus.Pending, Is.EqualTo((device + 8, 4, 0x1244UL, true)));
        g.Bus.CompletePending(0);
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.Vm.DeviceLog, Has.Count.EqualTo(1));
    }

    [Test]
    public void RepeatedStringToADeviceExitsForEachElement()
    {
        using var g = new GuestFixture(exitOnDevice: true);
        g.LoadCode(a => { a.mov(edi, 0x20000000); a.mov(eax, 7); a.mov(ecx, 3); a.rep.stosd(); a.hlt(); }, GuestFixture.CodeAddress);
        for (int n = 0; n < 3; n++)
        {
            Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Bus));
            Assert.That(g.Bus.Pending, Is.EqualTo((0x20000000UL + ((ulong)n * 4), 4, 7UL, true)));
            g.Bus.CompletePending(0);
        }
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rcx, Is.Zero);
    }

    [Test]
    public void MemoryExitRestartsTheInstruction()
    {
        using var g = new GuestFixture();
        g.LoadCode(a => { a.mov(ebx, (int)GuestFixture.Data); a.mov(eax, 3); a.push(rax); a.add(__qword_ptr[rbx], rax); a.hlt(); }, GuestFixture.CodeAddress);
        g.Bus.FaultPage = GuestFixture.Data;
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Bus));
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Bus));
        g.Bus.FaultPage = null;
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.Vm.Word(GuestFixture.Data), Is.EqualTo(3UL));
        Assert.That(g.State.Rsp, Is.EqualTo(GuestFixture.Stack - 8));
    }

    [Test]
    public void PollStopsAnEndlessLoopFromAnotherThread()
    {
        using var g = new GuestFixture();
        g.LoadCode(a => { Label top = a.CreateLabel(); a.Label(ref top); a.jmp(top); }, GuestFixture.CodeAddress);
        g.Bus.Poll = () => X86BusResult.Exit;
        X86ExitKind exit = X86ExitKind.None;
        var thread = new Thread(() => exit = g.Run(long.MaxValue));
        thread.Start();
        g.Bus.Raise(X86Attention.Poll);
        thread.Join();
        Assert.That(exit, Is.EqualTo(X86ExitKind.Bus));
    }

    [Test]
    public void LongStringMovesCopyAcrossPagesAndOverlapsRipple()
    {
        using var g = new GuestFixture();
        for (int i = 0; i < 20000; i++)
            g.Vm.Ram[GuestFixture.Data + (ulong)i] = (byte)(i * 7);
        X86ExitKind exit = g.Run(a =>
        {
            a.mov(esi, (int)GuestFixture.Data);
            a.mov(edi, (int)GuestFixture.Data + 0x10123);
            a.mov(ecx, 20000);
            a.rep.movsb();

            // Each byte is copied from its left neighbour: the first one fills the range.
            a.mov(esi, (int)GuestFixture.Data + 0x20000);
            a.mov(__byte_ptr[rsi], 0x5a);
            a.lea(rdi, __[rsi + 1]);
            a.mov(ecx, 9000);
            a.rep.movsb();
            a.hlt();
        });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(new ReadOnlySpan<byte>(g.Vm.Ram + GuestFixture.Data, 20000).SequenceEqual(new ReadOnlySpan<byte>(g.Vm.Ram + GuestFixture.Data + 0x10123, 20000)));
        Assert.That(new ReadOnlySpan<byte>(g.Vm.Ram + GuestFixture.Data + 0x20000, 9001).IndexOfAnyExcept((byte)0x5a), Is.EqualTo(-1));
        Assert.That(g.Vm.Ram[GuestFixture.Data + 0x20000 + 9001], Is.Zero);
        Assert.That(g.State.Rcx, Is.Zero);
        Assert.That(g.State.Rdi, Is.EqualTo(GuestFixture.Data + 0x20000 + 9001));
    }

    [Test]
    public void RepeatedStoreFaultsAtTheElementThatIsNotMapped()
    {
        using var g = new GuestFixture();
        g.Vm.Word(GuestFixture.Tables + 0x2000 + 8) = 0;
        g.SetGate(14, GuestFixture.CodeAddress + 0x800);
        g.LoadCode(a => a.hlt(), GuestFixture.CodeAddress + 0x800);
        X86ExitKind exit = g.Run(a => { a.mov(edi, 0x1ff000); a.mov(ecx, 0x2000); a.mov(al, 1); a.rep.stosb(); });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Cr2, Is.EqualTo(0x200000UL));
        Assert.That(g.State.Rdi, Is.EqualTo(0x200000UL));
        Assert.That(g.State.Rcx, Is.EqualTo(0x1000UL));
    }

    [Test]
    public void LockedAdditionsOfManyVcpusAreNotLost([Values(1, 2, 4, 8)] int size)
    {
        using var vm = new FlatVm(4 << 20);
        vm.IdentityMap(GuestFixture.Tables);
        var a = new Assembler(64);
        Label top = a.CreateLabel();
        a.mov(ebx, (int)GuestFixture.Data);
        a.mov(ecx, 20000);
        a.Label(ref top);
        switch (size)
        {
            case 1:
                a.@lock.inc(__byte_ptr[rbx]);
                break;
            case 2:
                a.@lock.add(__word_ptr[rbx], 1);
                break;
            case 4:
                a.mov(eax, 1);
                a.@lock.xadd(__dword_ptr[rbx], eax);
                break;
            default:
            {
                Label again = a.CreateLabel();
                a.mov(rax, __[rbx]);
                a.Label(ref again);
                a.lea(rdx, __[rax + 1]);
                a.@lock.cmpxchg(__[rbx], rdx);
                a.jnz(again);
                break;
            }
        }
        a.dec(ecx);
        a.jnz(top);
        a.hlt();
        vm.Load(GuestFixture.CodeAddress, HostCpu.Assemble(a, GuestFixture.CodeAddress));
        const int Vcpus = 3;
        Thread[] threads = [.. Enumerable.Range(0, Vcpus).Select(_ => new Thread(() =>
        {
            var state = new X86VcpuState();
            state.ResetToLongMode(GuestFixture.CodeAddress, GuestFixture.Tables);
            new X86Interpreter().Run(state, new FlatBus(state, vm), long.MaxValue);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        ulong mask = ulong.MaxValue >> (64 - (size * 8));
        Assert.That(vm.Word(GuestFixture.Data), Is.EqualTo(Vcpus * 20000UL & mask));
    }

    [Test]
    public void WideCompareAndExchangeKeepsBothHalvesTogether()
    {
        using var vm = new FlatVm(4 << 20);
        vm.IdentityMap(GuestFixture.Tables);
        var a = new Assembler(64);
        Label top = a.CreateLabel();
        Label again = a.CreateLabel();
        a.mov(edi, (int)GuestFixture.Data);
        a.mov(esi, 5000);
        a.Label(ref top);
        a.mov(rax, __qword_ptr[rdi]);
        a.mov(rdx, __qword_ptr[rdi + 8]);
        a.Label(ref again);
        a.lea(rbx, __[rax + 1]);
        a.lea(rcx, __[rdx + 1]);
        a.@lock.cmpxchg16b(__[rdi]);
        a.jnz(again);
        a.dec(esi);
        a.jnz(top);
        a.hlt();
        vm.Load(GuestFixture.CodeAddress, HostCpu.Assemble(a, GuestFixture.CodeAddress));
        Thread[] threads = [.. Enumerable.Range(0, 3).Select(_ => new Thread(() =>
        {
            var state = new X86VcpuState();
            state.ResetToLongMode(GuestFixture.CodeAddress, GuestFixture.Tables);
            new X86Interpreter().Run(state, new FlatBus(state, vm), long.MaxValue);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.That(vm.Word(GuestFixture.Data), Is.EqualTo(15000UL));
        Assert.That(vm.Word(GuestFixture.Data + 8), Is.EqualTo(15000UL));
    }

    [Test]
    public void LockedAccessAcrossPagesIsRefused()
    {
        using var g = new GuestFixture();
        X86ExitKind exit = g.Run(a => { a.mov(ebx, (int)GuestFixture.Data + 0xffe); a.@lock.inc(__dword_ptr[rbx]); });
        Assert.That(exit, Is.EqualTo(X86ExitKind.InternalError));
        Assert.That(g.Interpreter.Error, Is.EqualTo(X86InternalError.SplitLock));
        Assert.That(g.Vm.Word(GuestFixture.Data + 0xff8), Is.Zero);
    }

    [Test]
    public void HypercallRetiresAndExits()
    {
        using var g = new GuestFixture();
        Assert.That(g.Run(a => { a.mov(eax, 5); a.vmmcall(); a.hlt(); }), Is.EqualTo(X86ExitKind.Hypercall));
        Assert.That(g.State.Rip, Is.EqualTo(GuestFixture.CodeAddress + 8));
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Halt));
    }

    [Test]
    public void ModelSpecificRegistersAreKeptAndRefused()
    {
        using var g = new GuestFixture();
        g.SetGate(13, GuestFixture.CodeAddress + 0x800);
        g.LoadCode(a => a.hlt(), GuestFixture.CodeAddress + 0x800);
        X86ExitKind exit = g.Run(a =>
        {
            a.mov(ecx, unchecked((int)X86Control.MsrFsBase));
            a.mov(eax, (int)GuestFixture.Data);
            a.xor(edx, edx);
            a.wrmsr();
            a.mov(__qword_ptr.fs[8], rax);
            a.rdmsr();
            a.mov(ebx, eax);
            a.mov(ecx, 0x12345);
            a.rdmsr();
        });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rip, Is.EqualTo(GuestFixture.CodeAddress + 0x801));
        Assert.That(g.State.Rbx, Is.EqualTo(GuestFixture.Data));
        Assert.That(g.Vm.Word(GuestFixture.Data + 8), Is.EqualTo(GuestFixture.Data));
    }

    [Test]
    public void CodeSegmentCanBeReloadedByAFarReturn()
    {
        using var g = new GuestFixture();
        X86ExitKind exit = g.Run(a =>
        {
            Label next = a.CreateLabel();
            a.lgdt(__[(long)GuestFixture.Data]);
            a.push(0x20 - 0x18);
            a.lea(rax, __[next]);
            a.push(rax);
            a.AddInstruction(Instruction.Create(Code.Retfq));
            a.Label(ref next);
            a.mov(eax, 0x10);
            a.mov(ss, ax);
            a.mov(ds, ax);
            a.mov(ebx, ds);
            a.mov(rcx, cs);
            a.hlt();
        }, 1);
        g.Vm.Word(GuestFixture.Data) = 0x4f | (GuestFixture.Gdt << 16);
        g.State.Rip = GuestFixture.CodeAddress;
        exit = g.Run();
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Gdtr.Base, Is.EqualTo(GuestFixture.Gdt));
        Assert.That(g.State.Rbx, Is.EqualTo(0x10UL));
        Assert.That(g.State.Rcx, Is.EqualTo(8UL));
    }

    [Test]
    public void RunningInHotLoopsAllocatesNothing()
    {
        using var g = new GuestFixture();
        g.LoadCode(a =>
        {
            Label top = a.CreateLabel();
            a.mov(ebx, (int)GuestFixture.Data);
            a.Label(ref top);
            a.add(__qword_ptr[rbx], rax);
            a.inc(rax);
            a.push(rax);
            a.pop(rcx);
            a.jmp(top);
        }, GuestFixture.CodeAddress);
        g.Run(200_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        g.Run(200_000);
        g.Interpreter.Forget();
        g.Run(200_000);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }
}
