// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using Iced.Intel;
using Linux;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSharp.Conformance;

/// <summary>
/// The program that stands for a user process on the host: a static ELF image of about a kilobyte, without a C library. A .NET process could
/// not fork, meet SIGSEGV or give up a capability. The agent connects to a socket whose abstract name is its first argument, answers requests
/// until the socket closes, and keeps nothing else open. With a second argument it keeps what it inherited: the image of an exec probe.
/// </summary>
internal static class AgentImage
{
    /// <summary>Memory for arguments of system calls.</summary>
    internal const ulong Scratch = 0x5555_5555_4000;
    internal const ulong ScratchBytes = 64 << 10;

    /// <summary>The program's large buffer.</summary>
    internal const ulong Buffer = 0x5655_5555_4000;

    /// <summary>Bytes that one load or store request moves at most.</summary>
    internal const int StagingBytes = 64 << 10;

    internal const int RequestBytes = 64;
    internal const int ReplyBytes = 48;

    /// <summary>Descriptor of the agent's own socket, out of the way of those that operations make.</summary>
    internal const int SocketFd = 1000;

    /// <summary>Exit status for a socket that cannot be reached, and for a signal outside of loads and stores (which adds its number).</summary>
    internal const int ExitNoSocket = 3;
    internal const int ExitSignal = 64;

    private const ulong Code = 0x5555_5550_0000;
    private const ulong PageSize = 4096;

    // Behind the scratch memory.
    private const int Request = (int)ScratchBytes;
    private const int Reply = Request + 128;
    private const int SocketAddress = Reply + 128;
    private const int Work = SocketAddress + 256;
    private const int Staging = Request + 4096;
    private const int SignalStack = Staging + StagingBytes;
    private const int SignalStackBytes = 64 << 10;
    private const ulong DataBytes = SignalStack + SignalStackBytes;

    // Fields of a reply.
    private const int Value = Reply;
    private const int Signo = Reply + 8;
    private const int SiCode = Reply + 16;
    private const int SiAddr = Reply + 24;
    private const int Done = Reply + 32;
    private const int Extra = Reply + 40;

    private const int UcontextRip = 168;

    internal enum Op : ulong
    {
        Syscall = 0,
        Fork = 1,
        Read = 2,
        Write = 3,
        Load = 4,
        Store = 5,
        Fill = 6,
        Scan = 7,
        Exit = 8,
    }

    /// <summary>The image, ready to be written to an executable file.</summary>
    internal static byte[] Build()
    {
        byte[] code = Assemble();
        const int SizeOfHeader = 64;
        const int SizeOfProgramHeader = 56;
        const int Segments = 4;
        byte[] image = new byte[PageSize + (ulong)code.Length];
        Span<byte> header = image;
        ReadOnlySpan<byte> ident = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        ident.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], 62);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], Code);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], SizeOfHeader);
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], SizeOfHeader);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], SizeOfProgramHeader);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], Segments);
        const uint Load = 1;
        const uint GnuStack = 0x6474e551;
        const uint ReadExecute = 5;
        const uint ReadWrite = 6;
        Segment(header[SizeOfHeader..], Load, ReadExecute, PageSize, Code, (ulong)code.Length, (ulong)code.Length);
        Segment(header[(SizeOfHeader + SizeOfProgramHeader)..], Load, ReadWrite, 0, Scratch, 0, DataBytes);
        Segment(header[(SizeOfHeader + (2 * SizeOfProgramHeader))..], Load, ReadWrite, 0, Buffer, 0, IUserMachine.MaxBuffer + PageSize);

        // Without it, readable memory would be executable.
        Segment(header[(SizeOfHeader + (3 * SizeOfProgramHeader))..], GnuStack, ReadWrite, 0, 0, 0, 0);
        code.CopyTo(image.AsSpan((int)PageSize));
        return image;
    }

    private static void Segment(Span<byte> at, uint type, uint flags, ulong offset, ulong address, ulong inFile, ulong inMemory)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(at, type);
        BinaryPrimitives.WriteUInt32LittleEndian(at[4..], flags);
        BinaryPrimitives.WriteUInt64LittleEndian(at[8..], offset);
        BinaryPrimitives.WriteUInt64LittleEndian(at[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(at[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(at[32..], inFile);
        BinaryPrimitives.WriteUInt64LittleEndian(at[40..], inMemory);
        BinaryPrimitives.WriteUInt64LittleEndian(at[48..], PageSize);
    }

    /// <summary>rbx is the socket and r15 the data all through; system calls change neither.</summary>
    private static byte[] Assemble()
    {
        var c = new Assembler(64);
        Label connect = c.CreateLabel();
        Label loop = c.CreateLabel();
        Label reply = c.CreateLabel();
        Label receive = c.CreateLabel();
        Label send = c.CreateLabel();
        Label exit = c.CreateLabel();
        Label handler = c.CreateLabel();
        Label restorer = c.CreateLabel();
        Label keep = c.CreateLabel();

        // _start: argc, argv[0], argv[1] are on the stack.
        c.mov(r15, Scratch);
        c.mov(r13, __[rsp]);
        c.mov(r14, __[rsp + 16]);

        // An abstract address: a zero byte, then the name.
        c.mov(__word_ptr[r15 + SocketAddress], 1);
        c.lea(rdi, __[r15 + SocketAddress + 3]);
        Label copy = c.CreateLabel();
        Label copied = c.CreateLabel();
        c.Label(ref copy);
        c.mov(al, __byte_ptr[r14]);
        c.test(al, al);
        c.jz(copied);
        c.mov(__byte_ptr[rdi], al);
        c.inc(rdi);
        c.inc(r14);
        c.jmp(copy);
        c.Label(ref copied);
        c.lea(rax, __[r15 + SocketAddress]);
        c.sub(rdi, rax);
        c.mov(__qword_ptr[r15 + Work], rdi);

        c.cmp(r13, 2);
        c.ja(keep);
        c.xor(edi, edi);
        c.mov(esi, uint.MaxValue);
        c.xor(edx, edx);
        Call(c, Unistd64.__NR_close_range);
        c.xor(edi, edi);
        Call(c, Unistd64.__NR_umask);
        c.Label(ref keep);

        // Nothing but the two signals that are answered may interrupt.
        c.mov(rax, ~((1UL << (Signal.SIGSEGV - 1)) | (1UL << (Signal.SIGBUS - 1))));
        c.mov(__[r15 + Work + 8], rax);
        c.mov(edi, 2);
        c.lea(rsi, __[r15 + Work + 8]);
        c.xor(edx, edx);
        c.mov(r10d, 8);
        Call(c, Unistd64.__NR_rt_sigprocmask);

        c.lea(rax, __[r15 + SignalStack]);
        c.mov(__[r15 + Work + 16], rax);
        c.mov(__dword_ptr[r15 + Work + 24], 0);
        c.mov(__qword_ptr[r15 + Work + 32], SignalStackBytes);
        c.lea(rdi, __[r15 + Work + 16]);
        c.xor(esi, esi);
        Call(c, Unistd64.__NR_sigaltstack);

        // SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_NODEFER.
        c.lea(rax, __[handler]);
        c.mov(__[r15 + Work + 40], rax);
        c.mov(eax, 0x4C000004);
        c.mov(__[r15 + Work + 48], rax);
        c.lea(rax, __[restorer]);
        c.mov(__[r15 + Work + 56], rax);
        c.mov(__qword_ptr[r15 + Work + 64], 0);
        foreach (int signal in (ReadOnlySpan<int>)[Signal.SIGSEGV, Signal.SIGBUS])
        {
            c.mov(edi, signal);
            c.lea(rsi, __[r15 + Work + 40]);
            c.xor(edx, edx);
            c.mov(r10d, 8);
            Call(c, Unistd64.__NR_rt_sigaction);
        }

        // AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC; moved up by F_DUPFD_CLOEXEC.
        c.Label(ref connect);
        c.mov(edi, 1);
        c.mov(esi, 0x80001);
        c.xor(edx, edx);
        Call(c, Unistd64.__NR_socket);
        c.mov(r12d, eax);
        c.mov(edi, eax);
        c.mov(esi, Fcntl.F_DUPFD_CLOEXEC);
        c.mov(edx, SocketFd);
        Call(c, Unistd64.__NR_fcntl);
        c.mov(ebx, eax);
        c.mov(edi, r12d);
        Call(c, Unistd64.__NR_close);
        c.mov(edi, ebx);
        c.lea(rsi, __[r15 + SocketAddress]);
        c.mov(rdx, __[r15 + Work]);
        Call(c, Unistd64.__NR_connect);
        Label connected = c.CreateLabel();
        c.test(eax, eax);
        c.jz(connected);
        c.mov(edi, ExitNoSocket);
        Call(c, Unistd64.__NR_exit_group);
        c.Label(ref connected);
        Call(c, Unistd64.__NR_getpid);
        c.jmp(reply);

        // rax: the value of the reply.
        c.Label(ref reply);
        c.mov(__[r15 + Value], rax);
        SendReply(c, send);

        c.Label(ref loop);
        c.lea(rsi, __[r15 + Request]);
        c.mov(edx, RequestBytes);
        c.call(receive);
        c.xor(eax, eax);
        foreach (int field in (ReadOnlySpan<int>)[Value, Signo, SiCode, SiAddr, Done, Extra])
            c.mov(__[r15 + field], rax);
        c.mov(rax, __[r15 + Request]);
        var targets = new Dictionary<Op, Label>();
        foreach (Op op in Enum.GetValues<Op>())
        {
            Label target = c.CreateLabel();
            c.cmp(rax, (int)op);
            c.je(target);
            targets[op] = target;
        }

        c.jmp(exit);

        At(Op.Syscall);
        c.mov(rax, Arg(0));
        c.mov(rdi, Arg(1));
        c.mov(rsi, Arg(2));
        c.mov(rdx, Arg(3));
        c.mov(r10, Arg(4));
        c.mov(r8, Arg(5));
        c.mov(r9, Arg(6));
        c.syscall();
        c.jmp(reply);

        // The child talks over a socket of its own.
        At(Op.Fork);
        Call(c, Unistd64.__NR_fork);
        c.test(rax, rax);
        c.jnz(reply);
        c.mov(edi, ebx);
        Call(c, Unistd64.__NR_close);
        c.jmp(connect);

        At(Op.Read);
        SendReply(c, send);
        c.mov(rsi, Arg(0));
        c.mov(rdx, Arg(1));
        c.call(send);
        c.jmp(loop);

        At(Op.Write);
        c.mov(rsi, Arg(0));
        c.mov(rdx, Arg(1));
        c.call(receive);
        c.xor(eax, eax);
        c.jmp(reply);

        // Loads and stores: rsi goes through the range, rcx counts down. A fault continues behind them, at after.
        Label guardBegin = c.CreateLabel();
        Label guardEnd = c.CreateLabel();
        Label after = c.CreateLabel();
        Label afterLoad = c.CreateLabel();

        // The payload comes first: the handler may not meet a half-read request.
        At(Op.Store);
        c.lea(rsi, __[r15 + Staging]);
        c.mov(rdx, Arg(1));
        c.call(receive);
        Begin(withStaging: true);
        c.Label(ref guardBegin);
        c.nop();
        Access(() =>
        {
            c.mov(al, __byte_ptr[rdi]);
            c.mov(__byte_ptr[rsi], al);
            c.inc(rdi);
        });

        At(Op.Load);
        Begin(withStaging: true);
        Access(() =>
        {
            c.mov(al, __byte_ptr[rsi]);
            c.mov(__byte_ptr[rdi], al);
            c.inc(rdi);
        });

        At(Op.Fill);
        Begin(withStaging: false);
        c.mov(rax, Arg(2));
        Access(() => c.mov(__byte_ptr[rsi], al));

        At(Op.Scan);
        Begin(withStaging: false);
        c.xor(eax, eax);
        c.xor(r8d, r8d);
        c.xor(r9d, r9d);
        Access(() =>
        {
            c.movzx(eax, __byte_ptr[rsi]);
            c.add(r9, rax);
            c.neg(eax);
            c.adc(r8, 0);
        });
        c.Label(ref guardEnd);
        c.nop();

        c.Label(ref after);
        c.mov(__[r15 + Value], r8);
        c.mov(__[r15 + Extra], r9);
        c.sub(rsi, Arg(0));
        c.mov(__[r15 + Done], rsi);
        c.cmp(__qword_ptr[r15 + Request], (int)Op.Load);
        c.je(afterLoad);
        SendReply(c, send);
        c.jmp(loop);
        c.Label(ref afterLoad);
        SendReply(c, send);
        c.lea(rsi, __[r15 + Staging]);
        c.mov(rdx, __[r15 + Done]);
        c.call(send);
        c.jmp(loop);

        At(Op.Exit);
        c.nop();
        c.Label(ref exit);
        c.xor(edi, edi);
        Call(c, Unistd64.__NR_exit_group);

        // rsi, rdx: where and how much. An end of the stream ends the program.
        foreach ((Label at, uint number) in (ReadOnlySpan<(Label, uint)>)[(receive, Unistd64.__NR_read), (send, Unistd64.__NR_write)])
        {
            Label entry = at;
            Label done = c.CreateLabel();
            c.Label(ref entry);
            c.test(rdx, rdx);
            c.jz(done);
            c.mov(edi, ebx);
            Call(c, number);
            c.test(rax, rax);
            c.jle(exit);
            c.add(rsi, rax);
            c.sub(rdx, rax);
            c.jmp(entry);
            c.Label(ref done);
            c.ret();
        }

        // edi: signal, rsi: siginfo, rdx: ucontext. Other registers are the interrupted code's.
        c.Label(ref handler);
        Label foreign = c.CreateLabel();
        c.mov(rax, __[rdx + UcontextRip]);
        c.lea(rcx, __[guardBegin]);
        c.cmp(rax, rcx);
        c.jb(foreign);
        c.lea(rcx, __[guardEnd]);
        c.cmp(rax, rcx);
        c.ja(foreign);
        c.mov(eax, edi);
        c.mov(__[r15 + Signo], rax);
        c.movsxd(rax, __dword_ptr[rsi + 8]);
        c.mov(__[r15 + SiCode], rax);
        c.mov(rax, __[rsi + 16]);
        c.mov(__[r15 + SiAddr], rax);
        c.lea(rax, __[after]);
        c.mov(__[rdx + UcontextRip], rax);
        c.ret();
        c.Label(ref foreign);
        c.add(edi, ExitSignal);
        Call(c, Unistd64.__NR_exit_group);
        c.Label(ref restorer);
        Call(c, Unistd64.__NR_rt_sigreturn);

        using var stream = new MemoryStream();
        c.Assemble(new StreamCodeWriter(stream), Code);
        return stream.ToArray();

        void At(Op op)
        {
            Label label = targets[op];
            c.Label(ref label);
        }

        void Begin(bool withStaging)
        {
            c.mov(rsi, Arg(0));
            c.mov(rcx, Arg(1));
            if (withStaging)
                c.lea(rdi, __[r15 + Staging]);
        }

        void Access(Action one)
        {
            Label again = c.CreateLabel();
            c.Label(ref again);
            c.test(rcx, rcx);
            c.jz(after);
            one();
            c.inc(rsi);
            c.dec(rcx);
            c.jmp(again);
        }
    }

    private static AssemblerMemoryOperand Arg(int index) => __qword_ptr[r15 + Request + 8 + (8 * index)];

    private static void Call(Assembler c, uint number)
    {
        c.mov(eax, number);
        c.syscall();
    }

    private static void SendReply(Assembler c, Label send)
    {
        c.lea(rsi, __[r15 + Reply]);
        c.mov(edx, ReplyBytes);
        c.call(send);
    }
}
