// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using Linux;

namespace KvmSharp.Init;

/// <summary>A load or store of a simulated program raised a signal that the program had not provided for.</summary>
public sealed class UserSignalException : Exception
{
    internal UserSignalException(kernel_siginfo info)
        : base($"signal {info.si_signo}, code {info.si_code}, address 0x{info.si_addr:x}")
    {
        Signal = info.si_signo;
        Code = info.si_code;
        Address = info.si_addr;
    }

    /// <summary>Gets the signal's number.</summary>
    public int Signal { get; }

    /// <summary>Gets si_code.</summary>
    public int Code { get; }

    /// <summary>Gets the faulting address.</summary>
    public ulong Address { get; }
}

/// <summary>
/// A simulated process. Its program is C#; its memory, descriptors and system calls are the simulated kernel's. Each C# thread that runs a
/// part of the program is one of its threads, and its methods must be called on one of those.
/// </summary>
internal sealed partial class UserProcess
{
    private const uint ProtReadWrite = 3;
    private const uint MapPrivateAnonymous = 0x22;
    private const ulong ScratchBytes = 64 << 10;

    // Where the image and the heap of a position-independent program lie.
    private const ulong ScratchHint = 0x5555_5555_4000;
    private const ulong BufferHint = 0x5655_5555_4000;

    private readonly mm_struct _mm;
    private readonly files_struct _files;
    private readonly signal_struct _signal;
    private readonly ulong _capabilities;
    private ulong _scratch;
    private ulong _buffer;
    private ulong _bufferBytes;

    private UserProcess(Kernel kernel, [ConsumesReference] mm_struct mm, files_struct files, signal_struct signal, ulong capabilities)
    {
        Kernel = kernel;
        _mm = mm;
        _files = files;
        _signal = signal;
        _capabilities = capabilities;
    }

    internal Kernel Kernel { get; }

    internal mm_struct Mm => current.mm!;

    /// <summary>Memory for the arguments of system calls, 64 KiB.</summary>
    internal ulong Scratch => _scratch != 0 ? _scratch : _scratch = MapHelper(ScratchHint, ScratchBytes);

    /// <summary>Runs a program as a new process on the calling thread, from exec to exit. What it leaves open is closed then.</summary>
    internal static T Run<T>(Kernel kernel, string name, Func<UserProcess, T> program) => RunTask(
        kernel.NewTask(name),
        static task =>
        {
            mm_struct mm = mm_alloc(task.kernel) ?? throw new KernelOops("no memory for an address space");
            return new UserProcess(task.kernel, mm, new files_struct(task.kernel), task.signal, task.cap_effective);
        },
        program);

    internal static void Run(Kernel kernel, string name, Action<UserProcess> program) => Run(
        kernel,
        name,
        process =>
        {
            program(process);
            return 0;
        });

    /// <summary>Runs a further thread of this process on the calling C# thread.</summary>
    internal void RunThread(string name, Action body) => RunThread(Kernel.NewTask(name), body);

    /// <summary>
    /// Runs further threads of this process, each on a C# thread of its own, and returns when all have ended; the first exception comes out. They are
    /// cloned here one after the other, so numbers, CPUs and the time at which they begin do not depend on the host; after the call, simulated time of
    /// the caller is not before the end of any.
    /// </summary>
    internal void RunThreads(params ReadOnlySpan<(string Name, Action Body)> bodies)
    {
        var tasks = new task_struct[bodies.Length];
        var threads = new Thread[bodies.Length];
        var failures = new List<Exception>();
        for (int i = 0; i < tasks.Length; i++)
            tasks[i] = Clone(bodies[i].Name);
        for (int i = 0; i < tasks.Length; i++)
        {
            task_struct task = tasks[i];
            Action body = bodies[i].Body;
            threads[i] = new Thread(
                () =>
                {
                    try
                    {
                        RunThread(task, body);
                    }
                    catch (Exception e)
                    {
                        lock (failures)
                            failures.Add(e);
                    }
                },
                16 << 20)
            {
                Name = bodies[i].Name,
            };
        }

        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        WaitForExit(tasks);
        if (failures.Count != 0)
            throw failures.Count == 1 ? failures[0] : new AggregateException(failures);
    }

    /// <summary>
    /// Runs a further thread of this process on the calling C# thread, as a process of its own to C#: it has its own memory for arguments.
    /// </summary>
    internal void RunThread(string name, Action<UserProcess> body) => RunTask(
        Kernel.NewTask(name),
        _ =>
        {
            mmget(_mm);
            HandOver(_mm, to: "the thread");
            Interlocked.Increment(ref _files.count);
            return new UserProcess(Kernel, _mm, _files, _signal, _capabilities);
        },
        process =>
        {
            body(process);
            return 0;
        });

    /// <summary>Forks; the child runs on a C# thread of its own while the parent waits for its end, then what it threw is thrown here.</summary>
    /// <exception cref="KernelOops">There is no memory for a child.</exception>
    internal void RunForkedChild(Action<UserProcess> program)
    {
        (uint nth, bool random) = SuspendFailures();
        UserProcess child = Fork(out long error) ?? throw new KernelOops($"fork: {Errno.Name((int)error)}");
        ResumeFailures(nth, random);
        RunChild(child, program);
    }

    /// <summary>Forks like <see cref="RunForkedChild"/>, and says when it could not.</summary>
    /// <returns>0 after the child's end, or -ENOMEM without a child.</returns>
    internal long TryRunForkedChild(Action<UserProcess> program)
    {
        UserProcess? child = Fork(out long error);
        if (child is not null)
            RunChild(child, program);
        return error;
    }

    private UserProcess? Fork(out long error)
    {
        UserProcess? child = null;
        error = Syscall(this, process =>
        {
            if (FaultInject.should_fail(Kernel, "task_struct"))
                return -ENOMEM;
            files_struct? files = dup_fd(current.files!);
            if (files is null)
                return -ENOMEM;
            mm_struct? mm = dup_mm(current.mm!);
            if (mm is null)
            {
                put_files_struct(files);
                return -ENOMEM;
            }

            child = new UserProcess(Kernel, mm, files, current.signal.Clone(), current.cap_effective) { _scratch = _scratch, _buffer = _buffer, _bufferBytes = _bufferBytes };
            return 0;
        });
        return child;
    }

    private void RunChild(UserProcess child, Action<UserProcess> program)
    {
        task_struct task = Clone("child");
        Exception? failure = null;
        bool random = current.make_it_fail;
        var thread = new Thread(
            () =>
            {
                try
                {
                    RunTask(task, _ => child, process =>
                    {
                        current.make_it_fail = random;
                        program(process);
                        return 0;
                    });
                }
                catch (Exception e)
                {
                    failure = e;
                }
            },
            16 << 20)
        {
            IsBackground = true,
        };
        thread.Start();
        thread.Join();
        if (failure is not null)
            throw new AggregateException(failure.Message, failure);
        WaitForExit(task);
    }

    /// <summary>exec: a fresh address space, and the end of what is close-on-exec. With uid 0 all capabilities come back.</summary>
    internal void ExecNewImage() => Syscall(this, static process =>
    {
        (uint nth, bool random) = SuspendFailures();
        mm_struct mm = mm_alloc(process.Kernel) ?? throw new KernelOops("no memory for an address space");
        exec_mmap(mm);
        ResumeFailures(nth, random);
        do_close_on_exec(current.files!);
        current.cap_effective = ulong.MaxValue;
        process._scratch = process._buffer = process._bufferBytes = 0;
        return 0;
    });

    /// <summary>Enters the kernel, runs there, and returns to user mode, where pending work and signals are dealt with.</summary>
    internal long Syscall<TState>(TState state, Func<TState, long> body)
    {
        task_struct task = current;
        task.EnterKernel();
        long ret = body(state);
        task.ExitToUser();
        return ret;
    }

    internal long Ioctl(int fd, uint request, ulong arg) => Syscall((fd, request, arg), static s => Linux.Ioctl.sys_ioctl((uint)s.fd, s.request, s.arg));

    internal long Mmap(ulong addr, ulong len, uint prot, uint flags, int fd, ulong offset) =>
        Syscall((addr, len, prot, flags, fd, offset), static s => sys_mmap(s.addr, s.len, s.prot, s.flags, s.fd, s.offset));

    internal long Munmap(ulong addr, ulong len) => Syscall((addr, len), static s => sys_munmap(s.addr, s.len));

    internal long Fallocate(int fd, int mode, long offset, long len) =>
        Syscall((fd, mode, offset, len), static s => sys_fallocate(s.fd, s.mode, s.offset, s.len));

    internal long Close(int fd) => Syscall(fd, static s => sys_close((uint)s));

    internal int OpenKvm() => (int)Syscall(Kernel, static k => DeviceFiles.OpenKvm(k));

    internal long Ftruncate(int fd, long length) => Syscall((fd, length), static s => sys_ftruncate((uint)s.fd, s.length));

    // Loads and stores in user mode.

    /// <summary>Loads bytes in ascending order; false with the signal when one raised it.</summary>
    internal bool TryLoad(ulong va, Span<byte> data, out int done, out kernel_siginfo signal)
    {
        kernel_siginfo seen = default;
        Func<kernel_siginfo, bool>? before = current.SignalHandler;
        current.SignalHandler = info =>
        {
            seen = info;
            return true;
        };
        done = UserMemory.Load(va, data);
        current.SignalHandler = before;
        signal = seen;
        return done == data.Length;
    }

    /// <summary>Stores bytes in ascending order; false with the signal when one raised it. What was stored before stays.</summary>
    internal bool TryStore(ulong va, ReadOnlySpan<byte> data, out int done, out kernel_siginfo signal)
    {
        kernel_siginfo seen = default;
        Func<kernel_siginfo, bool>? before = current.SignalHandler;
        current.SignalHandler = info =>
        {
            seen = info;
            return true;
        };
        done = UserMemory.Store(va, data);
        current.SignalHandler = before;
        signal = seen;
        return done == data.Length;
    }

    /// <exception cref="UserSignalException">A byte could not be loaded.</exception>
    internal void Read(ulong va, Span<byte> data)
    {
        (uint nth, bool random) = SuspendFailures();
        if (!TryLoad(va, data, out _, out kernel_siginfo signal))
            throw new UserSignalException(signal);
        ResumeFailures(nth, random);
    }

    /// <exception cref="UserSignalException">A byte could not be stored.</exception>
    internal void Write(ulong va, ReadOnlySpan<byte> data)
    {
        (uint nth, bool random) = SuspendFailures();
        if (!TryStore(va, data, out _, out kernel_siginfo signal))
            throw new UserSignalException(signal);
        ResumeFailures(nth, random);
    }

    /// <summary>Memory of at least that many bytes, each of the given value. The next call hands out the same memory.</summary>
    internal ulong Buffer(int bytes, byte fill)
    {
        ulong needed = ((ulong)Math.Max(bytes, 1) + 4095) & ~4095UL;
        if (needed > _bufferBytes)
        {
            if (_bufferBytes != 0)
                Munmap(_buffer, _bufferBytes);
            _buffer = MapHelper(BufferHint, needed);
            _bufferBytes = needed;
        }

        byte[] content = new byte[Math.Max(bytes, 1)];
        Array.Fill(content, fill);
        Write(_buffer, content);
        return _buffer;
    }

    private static (uint Nth, bool Random) SuspendFailures()
    {
        // What a program needs for itself is not what is being tested.
        task_struct task = current;
        (uint, bool) armed = (task.fail_nth, task.make_it_fail);
        task.fail_nth = 0;
        task.make_it_fail = false;
        return armed;
    }

    private static void ResumeFailures(uint nth, bool random)
    {
        task_struct task = current;
        task.fail_nth = nth;
        task.make_it_fail = random;
    }

    /// <summary>Memory of the program's own.</summary>
    internal ulong MapHelper(ulong hint, ulong bytes)
    {
        (uint nth, bool random) = SuspendFailures();
        long address = Mmap(hint, bytes, ProtReadWrite, MapPrivateAnonymous, -1, 0);
        ResumeFailures(nth, random);
        return address is < 0 and >= -4095 ? throw new KernelOops($"no memory for arguments: {Errno.Name((int)address)}") : (ulong)address;
    }

    private void RunThread(task_struct task, Action body) => RunTask(
        task,
        _ =>
        {
            mmget(_mm);
            HandOver(_mm, to: "the thread");
            Interlocked.Increment(ref _files.count);
            return this;
        },
        process =>
        {
            body();
            return 0;
        });

    /// <summary>A new task, which begins at the simulated time of the calling one.</summary>
    private task_struct Clone(string name)
    {
        task_struct? task = null;
        Syscall(this, process =>
        {
            task = process.Kernel.NewTask(name);
            task.start_clock = current.rq.hw.Clock;
            return 0;
        });
        return task!;
    }

    /// <summary>What the tasks did happened before what the caller does next, also in simulated time.</summary>
    private void WaitForExit(params ReadOnlySpan<task_struct> tasks)
    {
        long end = 0;
        foreach (task_struct task in tasks)
            end = Math.Max(end, task.exit_clock);
        Syscall(end, static end =>
        {
            current.rq.hw.AdvanceTo(end);
            return 0;
        });
    }

    private static T RunTask<T>(task_struct task, Func<task_struct, UserProcess> begin, Func<UserProcess, T> program)
    {
        Kernel kernel = task.kernel;
        kernel.Attach(task);
        bool dead = false;
        try
        {
            task.EnterKernel();
            task.rq.hw.AdvanceTo(task.start_clock);
            UserProcess process = begin(task);
            task.files = process._files;
            task.signal = process._signal;
            task.cap_effective = process._capabilities;
            exec_mmap(process._mm);
            task.ExitToUser();
            return program(process);
        }
        catch (Exception e) when (Died(e, ref dead))
        {
            throw;
        }
        finally
        {
            if (dead || kernel.Oopsed)
            {
                kernel.Abandon(task);
            }
            else
            {
                if (!task.OnCpu)
                    task.EnterKernel();
                exit_mm(task);
                exit_files(task);
                kernel.Detach();
            }
        }
    }

    /// <summary>Whether what was thrown left the task dead inside the kernel, with whatever it held: nothing may be asked of it any more.</summary>
    private static bool Died(Exception e, ref bool dead)
    {
        dead = e is not UserSignalException && current.OnCpu;
        return dead;
    }
}
