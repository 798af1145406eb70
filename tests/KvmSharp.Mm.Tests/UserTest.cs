// SPDX-License-Identifier: GPL-2.0-only
using static Linux.Fork;
using static Linux.UserMm;

namespace KvmSharp.Mm.Tests;

/// <summary>A booted host with user memory. Afterwards no area, address space or page is left.</summary>
internal abstract class UserTest(Isa isa)
{
    protected const uint ReadOnly = 1;
    protected const uint ReadWrite = 3;
    protected const ulong PrivateAnonymous = 0x22;
    protected const ulong SharedAnonymous = 0x21;
    protected const ulong Fixed = 0x10;

    private long _free;

    protected Linux.Kernel Kernel { get; private set; } = null!;

    protected KvmSharp.Machine.Machine Machine { get; private set; } = null!;

    protected virtual int Cpus => 2;

    protected virtual ulong Memory => 256UL << 20;

    protected virtual KernelConfig Config => new();

    [SetUp]
    public void BootUser()
    {
        Machine = new KvmSharp.Machine.Machine(new MachineConfig { Isa = isa, Cpus = Cpus, MemoryBytes = Memory });
        Linux.Arch arch = KvmSharp.Init.Architectures.Create(Machine, new KvmSharp.Init.HostOptions());
        Kernel = new Linux.Kernel(Machine, Config) { arch = arch, direct_map = new NoneStrategy() };
        Kernel.RunTask(() =>
        {
            setup_arch_memory(Kernel);
            arch.paging_init(Kernel);
            foreach (Cpu cpu in Machine.Cpus)
                arch.cpu_init(Kernel, cpu);
            mm_core_init(Kernel);
            Assert.That(UserMm.Init(Kernel), Is.Zero);
            _free = FreePages();
        });
    }

    [TearDown]
    public void PowerOffUser()
    {
        Kernel.Failures = null;
        Kernel.RunTask(() =>
        {
            lru_add_drain_all();
            Kernel.CheckInvariants();
            Assert.That(FreePages(), Is.EqualTo(_free), "pages leaked");
        });
        Assert.That(Kernel.LiveMms.Count, Is.Zero, "address spaces leaked");
        Assert.That(Kernel.LiveVmas.Count, Is.Zero, "areas leaked");
        Assert.That(Kernel.anon_vmas.Count, Is.Zero, "families leaked");
        Assert.That(Kernel.vm_committed_as, Is.Zero, "charge leaked");
        IReadOnlyList<string> warnings = Kernel.Warnings;
        Kernel.Dispose();
        Machine.Dispose();
        Assert.That(warnings, Is.Empty);
    }

    protected long FreePages() => nr_free_pages(Kernel) + Kernel.node_zones.Sum(z => z.per_cpu_pageset.Sum(p => (long)p.count));

    /// <summary>Runs a program with an address space of its own, from exec to exit.</summary>
    protected void Program(Action<Program> body) => Run(() => mm_alloc(Kernel)!, body);

    /// <summary>Runs a program in an address space that is there; takes over a use of it.</summary>
    protected void Run(Func<mm_struct> mm, Action<Program> body)
    {
        task_struct task = Kernel.Attach("program");
        var program = new Program(Kernel, task);
        try
        {
            task.EnterKernel();
            exec_mmap(mm());
            task.ExitToUser();
            body(program);
        }
        finally
        {
            if (!task.OnCpu)
                task.EnterKernel();
            exit_mm(task);
            Kernel.Detach();
        }
    }

    /// <summary>Runs a body on a thread of its own and waits for it.</summary>
    protected static void OnThread(Action body)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                body();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
            throw new AggregateException(failure.ToString(), failure);
    }

    /// <summary>Forks the current program; the child runs on a thread of its own while the parent waits.</summary>
    protected void ForkChild(Program parent, Action<Program> body)
    {
        mm_struct mm = parent.Kernel(() => dup_mm(current.mm!)) ?? throw new InvalidOperationException("fork failed");
        OnThread(() => Run(() => mm, body));
    }
}

/// <summary>A simulated program, as its own thread sees it.</summary>
internal sealed class Program
{
    private readonly Linux.Kernel _kernel;
    private readonly task_struct _task;
    private kernel_siginfo _signal;

    internal Program(Linux.Kernel kernel, task_struct task)
    {
        _kernel = kernel;
        _task = task;
        task.SignalHandler = info =>
        {
            _signal = info;
            return true;
        };
    }

    internal mm_struct Mm => _task.mm!;

    internal task_struct Task => _task;

    internal T Kernel<T>(Func<T> body)
    {
        _task.EnterKernel();
        T result = body();
        _task.ExitToUser();
        return result;
    }

    internal long Sys(Func<long> call) => Kernel(call);

    internal ulong Map(ulong addr, ulong len, ulong prot, ulong flags)
    {
        long at = Sys(() => Mmap.sys_mmap(addr, len, prot, flags, -1, 0));
        Assert.That(at, Is.GreaterThan(0).Or.LessThan(-4095), () => Errno.Name((int)at));
        return (ulong)at;
    }

    /// <returns>Null, or the signal that the store raised.</returns>
    internal kernel_siginfo? Store(ulong va, params ReadOnlySpan<byte> data)
    {
        _signal = default;
        return UserMemory.Store(va, data) == data.Length ? null : _signal;
    }

    internal kernel_siginfo? Load(ulong va, Span<byte> data)
    {
        _signal = default;
        return UserMemory.Load(va, data) == data.Length ? null : _signal;
    }

    internal byte Load(ulong va)
    {
        byte value = 0;
        kernel_siginfo? signal = Load(va, new Span<byte>(ref value));
        Assert.That(signal, Is.Null);
        return value;
    }

    internal (int Signal, int Code) Fault(ulong va)
    {
        byte value = 0;
        kernel_siginfo signal = Load(va, new Span<byte>(ref value)) ?? default;
        return (signal.si_signo, signal.si_code);
    }

    /// <summary>Areas as text: start-end in pages from the base, flags of access, page offset.</summary>
    internal string Areas(ulong @base, ulong length)
    {
        var text = new System.Text.StringBuilder();
        for (vm_area_struct? vma = Mm.mm_mt.Find(@base); vma is not null && vma.vm_start < @base + length; vma = vma.Next)
        {
            ulong f = vma.vm_flags;
            text.Append($"{(long)(vma.vm_start - @base) / 4096}-{(vma.vm_end - @base) / 4096}{((f & 1) != 0 ? "r" : "-")}{((f & 2) != 0 ? "w" : "-")} ");
        }

        return text.ToString().TrimEnd();
    }
}
