// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Init;
using Linux;

namespace KvmSharp.Conformance;

/// <summary>A process of the model. It must be used on the C# thread that runs the process.</summary>
internal sealed class ModelMachine : IUserMachine
{
    private const ulong ScratchBytes = 64 << 10;

    // Where the image and the heap of a program lie.
    private const ulong ScratchHint = 0x5555_5555_4000;
    private const ulong BufferHint = 0x5655_5555_4000;

    private readonly UserProcess _process;
    private readonly ulong _buffer;

    internal ModelMachine(UserProcess process)
    {
        _process = process;

        // Mapped at once, as an image is: mlockall() and the limits of a trace must not meet them.
        Scratch = process.MapHelper(ScratchHint, ScratchBytes);
        _buffer = process.MapHelper(BufferHint, IUserMachine.MaxBuffer);
    }

    /// <summary>A forked child: it has its parent's memory.</summary>
    internal ModelMachine(UserProcess child, ModelMachine parent)
    {
        _process = child;
        Scratch = parent.Scratch;
        _buffer = parent._buffer;
    }

    public ulong Scratch { get; }

    /// <summary>Gets the name of the machine's direct-map strategy.</summary>
    internal string Strategy => Kernel.direct_map.Name;

    private Kernel Kernel => _process.Kernel;

    public long Syscall(uint number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f) =>
        _process.Syscall((number, new pt_regs(a, b, c, d, e, f)), static s => x64_sys_call(s.Item2, s.number));

    public ulong Buffer(int bytes, byte fill)
    {
        byte[] content = new byte[Math.Clamp(bytes, 1, IUserMachine.MaxBuffer)];
        Array.Fill(content, fill);
        Write(_buffer, content);
        return _buffer;
    }

    public void Read(ulong address, Span<byte> data) => _process.Read(address, data);

    public void Write(ulong address, ReadOnlySpan<byte> data) => _process.Write(address, data);

    public UserSignal? Load(ulong address, Span<byte> data) =>
        _process.TryLoad(address, data, out int done, out kernel_siginfo signal) ? null : Signal(signal, (ulong)done);

    public UserSignal? Store(ulong address, ReadOnlySpan<byte> data) =>
        _process.TryStore(address, data, out int done, out kernel_siginfo signal) ? null : Signal(signal, (ulong)done);

    public UserSignal? Fill(ulong address, ulong length, byte value)
    {
        ulong done = 0;
        kernel_siginfo signal = WithHandler(() => done = UserMemory.Fill(address, length, value));
        return done == length ? null : Signal(signal, done);
    }

    public UserSignal? Scan(ulong address, ulong length, out ulong nonzero, out ulong sum)
    {
        ulong done = 0;
        ulong found = 0;
        ulong total = 0;
        kernel_siginfo signal = WithHandler(() => done = UserMemory.Scan(address, length, out found, out total));
        nonzero = found;
        sum = total;
        return done == length ? null : Signal(signal, done);
    }

    public long OpenKvm() => _process.OpenKvm();

    public long OpenNull() => _process.Syscall(Kernel, static kernel => DeviceFiles.OpenNull(kernel));

    public long OpenDiskFile(bool direct) => _process.Syscall((Kernel, direct), static s => DiskFiles.OpenUnnamed(s.Kernel, s.direct));

    public long Reopen(int fd, uint flags) => _process.Syscall((fd, flags), static s => proc_fd_open((uint)s.fd, s.flags | O_LARGEFILE));

    public long ReadLink(int fd, out string text)
    {
        string link = string.Empty;
        long result = _process.Syscall(fd, fd => proc_fd_link((uint)fd, out link));
        text = link;
        return result;
    }

    public long ProcMem(ulong buffer, ulong address, ulong length, bool write) =>
        _process.Syscall((buffer, address, length, write), static s => mem_rw(s.buffer, s.address, s.length, s.write));

    public IReadOnlyList<VmaInfo> Areas(ulong start, ulong end) => _process.Areas(start, end);

    public SmapsInfo Smaps(ulong address) => _process.Smaps(address);

    public long LockedKb() => (long)Volatile.Read(ref _process.Mm.locked_vm) * 4;

    public DirectMapStatistics DirectMap()
    {
        DirectMapStatistics found = default;
        _process.Syscall(this, _ =>
        {
            found = Kernel.arch.DirectMap(Kernel);
            return 0;
        });
        return found;
    }

    /// <summary>Pages of the machine's memory that the direct map has an entry of their own for, which is not present.</summary>
    internal long PagesOutOfDirectMap()
    {
        long pages = 0;
        _process.Syscall(this, _ =>
        {
            Kernel.arch.WalkDirectMap(Kernel, (_, level, present, _) => pages += present ? 0 : 1L << (9 * (level - 1)));
            return 0;
        });
        return pages;
    }

    public long EpollAdd(int fd) => _process.Syscall(fd, static fd => do_epoll_add((uint)fd));

    public long IoUringRegister(ulong address, ulong length) =>
        _process.Syscall((address, length), static s => io_sqe_buffer_register(s.address, s.length));

    public long UserfaultfdRegister(ulong address, ulong length, ulong mode, out ulong ioctls)
    {
        ulong found = 0;
        long result = _process.Syscall((address, length, mode), s => userfaultfd_register(s.address, s.length, s.mode, out found));
        ioctls = found;
        return result;
    }

    public void DropIpcLock() => _process.Syscall(0, static _ =>
    {
        current.cap_effective &= ~(1UL << Capability.CAP_IPC_LOCK);
        return 0;
    });

    public long ExecveAt(int fd) => _process.Syscall(fd, static fd => do_execveat_fd((uint)fd));

    public void RunForkedChild(Action<IUserMachine> program) => Fork(child => program(new ModelMachine(child, this)));

    public void RunExecutedChild(Action<IUserMachine> program) => Fork(child =>
    {
        child.ExecNewImage();
        program(new ModelMachine(child));
    });

    public void Vacate(ulong end)
    {
        // Nothing keeps addresses free in the model.
    }

    public void PlaceNextBelow(ulong end) => _process.PlaceNextBelow(end);

    public string Describe() => _process.DescribeAreas();

    private void Fork(Action<UserProcess> program)
    {
        long error = _process.TryRunForkedChild(program);
        if (error != 0)
            throw new SetupException($"no child: {Errno.Name((int)error)}");
    }

    private static UserSignal Signal(kernel_siginfo signal, ulong done) => new(signal.si_signo, signal.si_code, signal.si_addr, done);

    private static kernel_siginfo WithHandler(Action access)
    {
        kernel_siginfo seen = default;
        Func<kernel_siginfo, bool>? before = current.SignalHandler;
        current.SignalHandler = info =>
        {
            seen = info;
            return true;
        };
        access();
        current.SignalHandler = before;
        return seen;
    }
}
