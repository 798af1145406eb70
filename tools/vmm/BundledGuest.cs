// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Text;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSharp.Vmm;

/// <summary>
/// The guest that comes with the tool, assembled at run time. Each vCPU loads tables of the guest's own making, takes exceptions through its IDT, writes and
/// verifies its share of memory, talks to a device and reports; the first one prints the sum. <see cref="GuestProgram"/> describes what it expects.
/// </summary>
internal sealed class BundledGuest
{
    /// <summary>Where the image is loaded and entered.</summary>
    public const ulong LoadAddress = 0x10000;

    /// <summary>First address behind the image, its tables and its stacks.</summary>
    public const ulong FirstFree = Stacks + (GuestProgram.MaxVcpus * StackSize);

    /// <summary>Upper-half base of the second mapping of low memory in the guest's own tables.</summary>
    public const ulong Alias = 0xffff_8000_0000_0000;

    private const ulong Tables = 0x20000;
    private const ulong Idt = 0x28000;
    private const ulong Stacks = 0x30000;
    private const ulong StackSize = 0x2000;
    private const ulong Key = 0x9e3779b97f4a7c15;
    private const short SerialPort = 0x3f8;

    private const int PrintLock = GuestProgram.InfoScratch;
    private const int TablesReady = GuestProgram.InfoScratch + 8;
    private const int Taken = GuestProgram.InfoScratch + 16;

    // R15 is the boot information and R14 the number of the vCPU throughout. RBX, RBP, R12 and R13 survive calls.
    private readonly Assembler _a = new(64);
    private readonly List<(Label Label, string Text)> _strings = [];
    private Label _print;
    private Label _printDecimal;
    private Label _printHex;
    private Label _lock;
    private Label _unlock;
    private Label _setGate;
    private Label _gdt;

    private BundledGuest()
    {
        _print = _a.CreateLabel();
        _printDecimal = _a.CreateLabel();
        _printHex = _a.CreateLabel();
        _lock = _a.CreateLabel();
        _unlock = _a.CreateLabel();
        _setGate = _a.CreateLabel();
        _gdt = _a.CreateLabel();
    }

    /// <summary>The bytes of the guest for <see cref="LoadAddress"/>.</summary>
    public static byte[] Assemble()
    {
        var guest = new BundledGuest();
        guest.EmitProgram();
        guest.EmitRoutines();
        guest.EmitData();
        using var stream = new MemoryStream();
        guest._a.Assemble(new StreamCodeWriter(stream), LoadAddress);
        byte[] image = stream.ToArray();
        if (LoadAddress + (ulong)image.Length > Tables)
            throw new InvalidOperationException("the bundled guest has outgrown its place");
        return image;
    }

    private void EmitProgram()
    {
        Assembler a = _a;
        Label waitTables = a.CreateLabel();
        Label haveTables = a.CreateLabel();
        Label reloaded = a.CreateLabel();
        Label work = a.CreateLabel();

        a.mov(r15, rdi);
        a.mov(r14, rsi);
        a.mov(rax, r14);
        a.inc(rax);
        a.shl(rax, 13);
        a.lea(rsp, __[rax + (long)Stacks]);
        a.@lock.inc(__qword_ptr[r15 + GuestProgram.InfoArrived]);
        a.test(r14, r14);
        a.jnz(waitTables);
        EmitBuildTables();
        EmitBuildIdt();
        a.mov(__qword_ptr[r15 + TablesReady], 1);
        a.jmp(haveTables);

        a.Label(ref waitTables);
        a.pause();
        a.cmp(__qword_ptr[r15 + TablesReady], 0);
        a.jz(waitTables);

        a.Label(ref haveTables);
        a.mov(rax, Tables);
        a.mov(cr3, rax);
        a.sub(rsp, 16);
        a.mov(__word_ptr[rsp], 23);
        a.lea(rax, __[_gdt]);
        a.mov(__qword_ptr[rsp + 2], rax);
        a.lgdt(__[rsp]);
        a.mov(__word_ptr[rsp], (32 * 16) - 1);
        a.mov(__qword_ptr[rsp + 2], (int)Idt);
        a.lidt(__[rsp]);
        a.add(rsp, 16);
        a.push(8);
        a.lea(rax, __[reloaded]);
        a.push(rax);
        a.AddInstruction(Instruction.Create(Code.Retfq));
        a.Label(ref reloaded);
        a.mov(eax, 16);
        a.mov(ss, ax);
        a.mov(ds, ax);
        a.mov(es, ax);

        a.test(r14, r14);
        a.jnz(work);
        Print("KvmSharp guest: ");
        PrintDecimal(__dword_ptr[r15 + GuestProgram.InfoVcpus]);
        Print(" vCPU, ");
        a.mov(rax, __qword_ptr[r15 + GuestProgram.InfoMemory]);
        a.shr(rax, 20);
        a.call(_printDecimal);
        Print(" MiB\n");
        EmitCheckAlias();
        EmitExceptions();

        a.Label(ref work);
        EmitTouch();
        EmitDevice();
        EmitFinish();
    }

    // PML4 entries 0 and 256 lead to one PDPT, four PDs of 2 MiB leaves map 4 GiB.
    private void EmitBuildTables()
    {
        Assembler a = _a;
        Label directories = a.CreateLabel();
        Label leaves = a.CreateLabel();
        a.cld();
        a.mov(edi, (int)Tables);
        a.xor(eax, eax);
        a.mov(ecx, 2 * 512);
        a.rep.stosq();
        a.mov(edi, (int)Tables);
        a.lea(rax, __[rdi + 0x1003]);
        a.mov(__qword_ptr[rdi], rax);
        a.mov(__qword_ptr[rdi + (256 * 8)], rax);
        a.xor(ecx, ecx);
        a.Label(ref directories);
        a.add(rax, 0x1000);
        a.mov(__qword_ptr[rdi + (rcx * 8) + 0x1000], rax);
        a.inc(ecx);
        a.cmp(ecx, 4);
        a.jb(directories);
        a.mov(eax, 0x83);
        a.xor(ecx, ecx);
        a.Label(ref leaves);
        a.mov(__qword_ptr[rdi + (rcx * 8) + 0x2000], rax);
        a.add(rax, 0x200000);
        a.inc(ecx);
        a.cmp(ecx, 4 * 512);
        a.jb(leaves);
    }

    private void EmitBuildIdt()
    {
        Assembler a = _a;
        Label all = a.CreateLabel();
        Label begin = a.CreateLabel();
        Label unexpected = a.CreateLabel();
        Label divide = a.CreateLabel();
        Label breakpoint = a.CreateLabel();
        Label invalid = a.CreateLabel();
        Label page = a.CreateLabel();
        Label countAndReturn = a.CreateLabel();
        a.jmp(begin);

        // Handlers: note the vector, and for a fault go on at R12. The code that provokes them keeps no other registers alive.
        a.Label(ref divide);
        a.@lock.bts(__qword_ptr[r15 + Taken], 0);
        a.mov(__qword_ptr[rsp], r12);
        a.jmp(countAndReturn);
        a.Label(ref breakpoint);
        a.@lock.bts(__qword_ptr[r15 + Taken], 3);
        a.jmp(countAndReturn);
        a.Label(ref invalid);
        a.@lock.bts(__qword_ptr[r15 + Taken], 6);
        a.mov(__qword_ptr[rsp], r12);
        a.jmp(countAndReturn);
        a.Label(ref page);
        a.add(rsp, 8);
        a.@lock.bts(__qword_ptr[r15 + Taken], 14);
        a.mov(r11, cr2);
        a.mov(__qword_ptr[rsp], r12);
        a.Label(ref countAndReturn);
        a.@lock.inc(__qword_ptr[r15 + GuestProgram.InfoExceptions]);
        a.iretq();

        a.Label(ref unexpected);
        Print("unexpected exception\n");
        a.mov(__qword_ptr[r15 + GuestProgram.InfoVerdict], 2);
        a.cli();
        a.hlt();

        a.Label(ref begin);
        a.xor(ebx, ebx);
        a.Label(ref all);
        a.lea(rax, __[unexpected]);
        a.mov(ecx, ebx);
        a.call(_setGate);
        a.inc(ebx);
        a.cmp(ebx, 32);
        a.jb(all);
        SetGate(0, divide);
        SetGate(3, breakpoint);
        SetGate(6, invalid);
        SetGate(14, page);
    }

    private void SetGate(int vector, Label handler)
    {
        _a.lea(rax, __[handler]);
        _a.mov(ecx, vector);
        _a.call(_setGate);
    }

    // The magic number must read the same through the upper half.
    private void EmitCheckAlias()
    {
        Assembler a = _a;
        Label same = a.CreateLabel();
        a.mov(rbx, Alias);
        a.add(rbx, r15);
        a.mov(rax, __qword_ptr[rbx]);
        a.cmp(rax, __qword_ptr[r15]);
        a.jz(same);
        a.@lock.inc(__qword_ptr[r15 + GuestProgram.InfoErrors]);
        a.Label(ref same);
        Print("paging: own tables at 0x");
        a.mov(rax, cr3);
        a.call(_printHex);
        Print(", upper half at 0x");
        a.mov(rax, Alias);
        a.call(_printHex);
        Print("\n");
    }

    private void EmitExceptions()
    {
        Assembler a = _a;
        Label afterDivide = a.CreateLabel();
        Label afterInvalid = a.CreateLabel();
        Label afterPage = a.CreateLabel();
        Label wrong = a.CreateLabel();
        a.lea(r12, __[afterDivide]);
        a.xor(ecx, ecx);
        a.xor(edx, edx);
        a.div(ecx);
        a.Label(ref afterDivide);
        a.int3();
        a.lea(r12, __[afterInvalid]);
        a.ud2();
        a.Label(ref afterInvalid);
        a.lea(r12, __[afterPage]);
        a.mov(rcx, 0x0000_7fff_dead_b000);
        a.mov(rax, __qword_ptr[rcx]);
        a.Label(ref afterPage);
        a.cmp(rcx, r11);
        a.jnz(wrong);
        a.cmp(__qword_ptr[r15 + Taken], 0x4049);
        a.jnz(wrong);
        Print("exceptions: #DE #BP #UD #PF taken, CR2 0x");
        a.mov(rax, r11);
        a.call(_printHex);
        Print("\n");
        Label done = a.CreateLabel();
        a.jmp(done);
        a.Label(ref wrong);
        a.@lock.inc(__qword_ptr[r15 + GuestProgram.InfoErrors]);
        Print("exceptions: wrong\n");
        a.Label(ref done);
        a.nop();
    }

    private void EmitTouch()
    {
        Assembler a = _a;
        Label write = a.CreateLabel();
        Label verify = a.CreateLabel();
        Label good = a.CreateLabel();
        Label report = a.CreateLabel();

        // This vCPU's chunk: whole pages, RBX to RBP; the last vCPU takes the rest.
        a.mov(rax, __qword_ptr[r15 + GuestProgram.InfoTouchBytes]);
        a.shr(rax, 12);
        a.xor(edx, edx);
        a.mov(ecx, __dword_ptr[r15 + GuestProgram.InfoVcpus]);
        a.div(rcx);
        a.shl(rax, 12);
        a.mov(rbx, rax);
        a.imul(rbx, r14);
        a.add(rbx, __qword_ptr[r15 + GuestProgram.InfoTouchBase]);
        a.lea(rbp, __[rbx + rax]);
        a.dec(ecx);
        a.cmp(rcx, r14);
        Label notLast = a.CreateLabel();
        a.jnz(notLast);
        a.mov(rbp, __qword_ptr[r15 + GuestProgram.InfoTouchBase]);
        a.add(rbp, __qword_ptr[r15 + GuestProgram.InfoTouchBytes]);
        a.Label(ref notLast);
        a.mov(r8, __qword_ptr[r15 + GuestProgram.InfoStride]);
        a.mov(r10, Key);
        a.xor(r9d, r9d);
        a.mov(rax, rbx);
        a.cmp(rax, rbp);
        a.jae(report);
        a.Label(ref write);
        a.mov(rdx, rax);
        a.xor(rdx, r10);
        a.mov(__qword_ptr[rax], rdx);
        a.add(rax, r8);
        a.cmp(rax, rbp);
        a.jb(write);
        a.mov(rax, rbx);
        a.Label(ref verify);
        a.mov(rdx, rax);
        a.xor(rdx, r10);
        a.cmp(__qword_ptr[rax], rdx);
        a.jz(good);
        a.inc(r9);
        a.Label(ref good);
        a.add(rax, r8);
        a.cmp(rax, rbp);
        a.jb(verify);

        a.Label(ref report);
        a.sub(rbp, rbx);
        a.shr(rbp, 12);
        a.@lock.add(__qword_ptr[r15 + GuestProgram.InfoPages], rbp);
        a.@lock.add(__qword_ptr[r15 + GuestProgram.InfoErrors], r9);
        a.call(_lock);
        Print("vCPU ");
        a.mov(rax, r14);
        a.call(_printDecimal);
        Print(": ");
        a.mov(rax, rbp);
        a.call(_printDecimal);
        Print(" pages written and verified\n");
        a.call(_unlock);
    }

    // A read and a write of four bytes each; nothing is mapped there.
    private void EmitDevice()
    {
        Assembler a = _a;
        Label none = a.CreateLabel();
        a.mov(rbx, __qword_ptr[r15 + GuestProgram.InfoDevice]);
        a.test(rbx, rbx);
        a.jz(none);
        a.mov(ebp, __dword_ptr[rbx]);
        a.lea(eax, __[rbp + r14]);
        a.mov(__dword_ptr[rbx + 4], eax);
        a.call(_lock);
        Print("vCPU ");
        a.mov(rax, r14);
        a.call(_printDecimal);
        Print(": device reads 0x");
        a.mov(eax, ebp);
        a.call(_printHex);
        Print("\n");
        a.call(_unlock);
        a.Label(ref none);
        a.nop();
    }

    private void EmitFinish()
    {
        Assembler a = _a;
        Label wait = a.CreateLabel();
        Label halt = a.CreateLabel();
        Label store = a.CreateLabel();
        a.@lock.inc(__qword_ptr[r15 + GuestProgram.InfoDone]);
        a.test(r14, r14);
        a.jnz(halt);
        a.Label(ref wait);
        a.pause();
        a.mov(eax, __dword_ptr[r15 + GuestProgram.InfoVcpus]);
        a.cmp(__qword_ptr[r15 + GuestProgram.InfoDone], rax);
        a.jnz(wait);
        a.call(_lock);
        Print("done: ");
        a.mov(rax, __qword_ptr[r15 + GuestProgram.InfoPages]);
        a.call(_printDecimal);
        Print(" pages, ");
        a.mov(rax, __qword_ptr[r15 + GuestProgram.InfoErrors]);
        a.call(_printDecimal);
        Print(" errors, ");
        a.mov(rax, __qword_ptr[r15 + GuestProgram.InfoExceptions]);
        a.call(_printDecimal);
        Print(" exceptions\n");
        a.call(_unlock);
        a.mov(eax, 1);
        a.cmp(__qword_ptr[r15 + GuestProgram.InfoErrors], 0);
        a.jz(store);
        a.mov(eax, 2);
        a.Label(ref store);
        a.mov(__qword_ptr[r15 + GuestProgram.InfoVerdict], rax);
        a.Label(ref halt);
        a.cli();
        a.hlt();
        a.jmp(halt);
    }

    private void EmitRoutines()
    {
        Assembler a = _a;

        // Prints the string at RSI up to its zero.
        Label next = a.CreateLabel();
        Label end = a.CreateLabel();
        a.Label(ref _print);
        a.mov(dx, SerialPort);
        a.Label(ref next);
        a.mov(al, __byte_ptr[rsi]);
        a.test(al, al);
        a.jz(end);
        a.@out(dx, al);
        a.inc(rsi);
        a.jmp(next);
        a.Label(ref end);
        a.ret();

        EmitNumber(ref _printDecimal, 10);
        EmitNumber(ref _printHex, 16);

        Label spin = a.CreateLabel();
        Label got = a.CreateLabel();
        a.Label(ref _lock);
        a.mov(eax, 1);
        a.xchg(__dword_ptr[r15 + PrintLock], eax);
        a.test(eax, eax);
        a.jz(got);
        a.Label(ref spin);
        a.pause();
        a.cmp(__dword_ptr[r15 + PrintLock], 0);
        a.jnz(spin);
        a.jmp(_lock);
        a.Label(ref got);
        a.ret();

        a.Label(ref _unlock);
        a.mov(__dword_ptr[r15 + PrintLock], 0);
        a.ret();

        // An interrupt gate for vector ECX to RAX in segment 8.
        a.Label(ref _setGate);
        a.shl(ecx, 4);
        a.add(ecx, (int)Idt);
        a.mov(__word_ptr[rcx], ax);
        a.mov(__word_ptr[rcx + 2], 8);
        a.mov(__word_ptr[rcx + 4], unchecked((short)0x8e00));
        a.shr(rax, 16);
        a.mov(__word_ptr[rcx + 6], ax);
        a.shr(rax, 16);
        a.mov(__qword_ptr[rcx + 8], rax);
        a.ret();
    }

    // Prints RAX: digits are pushed from the lowest on, then popped.
    private void EmitNumber(ref Label entry, int radix)
    {
        Assembler a = _a;
        Label divide = a.CreateLabel();
        Label print = a.CreateLabel();
        Label digit = a.CreateLabel();
        a.Label(ref entry);
        a.mov(esi, radix);
        a.xor(ecx, ecx);
        a.Label(ref divide);
        a.xor(edx, edx);
        a.div(rsi);
        a.push(rdx);
        a.inc(ecx);
        a.test(rax, rax);
        a.jnz(divide);
        a.Label(ref print);
        a.pop(rax);
        a.cmp(al, 10);
        a.jb(digit);
        a.add(al, 'a' - '0' - 10);
        a.Label(ref digit);
        a.add(al, (sbyte)'0');
        a.mov(dx, SerialPort);
        a.@out(dx, al);
        a.loop(print);
        a.ret();
    }

    private void EmitData()
    {
        Assembler a = _a;
        foreach ((Label label, string text) in _strings)
        {
            Label here = label;
            a.Label(ref here);
            a.db(Encoding.ASCII.GetBytes(text + "\0"));
        }
        a.Label(ref _gdt);
        a.dq(0UL);
        a.dq(0x00af9b000000ffffUL);
        a.dq(0x00cf93000000ffffUL);
    }

    private void Print(string text)
    {
        Label label = _a.CreateLabel();
        _strings.Add((label, text));
        _a.lea(rsi, __[label]);
        _a.call(_print);
    }

    private void PrintDecimal(AssemblerMemoryOperand value)
    {
        _a.mov(eax, value);
        _a.call(_printDecimal);
    }
}
