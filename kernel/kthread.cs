// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/kthread.c, Linux 6.18.
namespace Linux;

internal sealed partial class task_struct
{
    internal const int KTHREAD_SHOULD_STOP = 1;

    /// <summary>KTHREAD_* requests to a kernel thread.</summary>
    internal int kthread_flags;

    /// <summary>Simulated time in picoseconds before which the task cannot begin, and at which it ended.</summary>
    internal long start_clock;
    internal long exit_clock;

    /// <summary>Completed when the task is gone; its exit code is valid then.</summary>
    internal completion? exited;
}

internal sealed partial class Kernel
{
    private readonly Lock taskGate = new();
    private readonly List<task_struct> tasks = [];
    private readonly List<(task_struct Task, Thread Thread)> kthreads = [];
    private int lastPid;
    private int nextCpu;

    /// <summary>Exceptions that ended a kernel thread. Nobody else could have caught them.</summary>
    internal List<Exception> KthreadFailures { get; } = [];

    /// <summary>A copy of the list of all tasks.</summary>
    internal task_struct[] Tasks
    {
        get
        {
            lock (this.taskGate)
                return [.. this.tasks];
        }
    }

    /// <summary>
    /// Makes the calling thread a task of this kernel, in user mode. Each thread is one task of one kernel at a time; end it with
    /// <see cref="Detach"/> on the same thread.
    /// </summary>
    internal task_struct Attach(string comm) => this.Attach(this.NewTask(comm));

    /// <summary>Makes the calling thread a task that <see cref="NewTask"/> made before, perhaps on another thread.</summary>
    internal task_struct Attach(task_struct task)
    {
        if (CurrentH.CurrentOrNull is { } already)
        {
            this.ForgetTask(task);
            throw new InvalidOperationException($"this thread is task {already} already");
        }

        CurrentH.SetCurrent(task);
        if (SchedulingPoints.IsSupported)
            this.Explorer?.Started(task);
        return task;
    }

    /// <summary>Ends the task of the calling thread: runs the work it still owes and forgets it. In user mode or in the kernel.</summary>
    internal void Detach()
    {
        task_struct task = current;
        if (!task.OnCpu)
            task.EnterKernel();
        Kthread.do_exit(task);
    }

    /// <summary>A task died inside the kernel with whatever it held: nobody may rely on locks or counts any more.</summary>
    internal bool Oopsed { get; private set; }

    /// <summary>Makes the calling thread, whose task died inside the kernel, no task any more. Nothing is cleaned up.</summary>
    internal void Abandon(task_struct task)
    {
        this.Oopsed = true;
        this.ForgetTask(task);
        CurrentH.SetCurrent(null);
    }

    /// <summary>Runs the function as a new task inside the kernel on the calling thread.</summary>
    internal T RunTask<T>(Func<T> body, string comm = "task") => this.RunTask(this.NewTask(comm), body);

    /// <summary>Runs the function as a task that <see cref="NewTask"/> made.</summary>
    internal T RunTask<T>(task_struct task, Func<T> body)
    {
        this.Attach(task);
        try
        {
            task.EnterKernel();
            T result = body();
            task.ExitToUser();
            return result;
        }
        finally
        {
            this.Detach();
        }
    }

    /// <inheritdoc cref="RunTask{T}(Func{T}, string)"/>
    internal void RunTask(Action body, string comm = "task") => this.RunTask(this.NewTask(comm), body);

    /// <inheritdoc cref="RunTask{T}(task_struct, Func{T})"/>
    internal void RunTask(task_struct task, Action body) => this.RunTask(task, () =>
    {
        body();
        return 0;
    });

    /// <summary>Runs each function as a task inside the kernel on a thread of its own, all at the same time; the first exception comes out.</summary>
    internal void RunTasks(params Action[] bodies)
    {
        var failures = new List<Exception>();

        // Made here, in order: which task gets which number and CPU does not depend on whose thread starts first.
        task_struct[] tasks = [.. bodies.Select((_, i) => this.NewTask($"task{i}"))];
        Thread[] threads = [.. bodies.Select((body, i) => new Thread(() =>
        {
            try
            {
                this.RunTask(tasks[i], body);
            }
            catch (Exception e)
            {
                lock (failures)
                    failures.Add(e);
            }
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        if (failures.Count != 0)
            throw failures.Count == 1 ? failures[0] : new AggregateException(failures);
    }

    internal task_struct NewTask(string comm)
    {
        lock (this.taskGate)
        {
            rq rq = this.runqueues[this.nextCpu++ % this.runqueues.Length];
            var task = new task_struct(this, ++this.lastPid, comm, rq);
            this.tasks.Add(task);
            return task;
        }
    }

    /// <summary>True if the predicate holds for some task. It runs under the list's lock and takes no other.</summary>
    internal bool AnyTask<T>(T state, Func<task_struct, T, bool> predicate)
    {
        lock (this.taskGate)
        {
            foreach (task_struct task in this.tasks)
            {
                if (predicate(task, state))
                    return true;
            }
        }

        return false;
    }

    internal void ForgetTask(task_struct task)
    {
        lock (this.taskGate)
            this.tasks.Remove(task);
    }

    internal void AddKthread(task_struct task, Thread thread)
    {
        lock (this.taskGate)
            this.kthreads.Add((task, thread));
    }

    private void StopKernelThreads()
    {
        (task_struct Task, Thread Thread)[] all;
        lock (this.taskGate)
            all = [.. this.kthreads];
        for (int i = all.Length - 1; i >= 0; i--)
        {
            Interlocked.Or(ref all[i].Task.kthread_flags, task_struct.KTHREAD_SHOULD_STOP);
            wake_up_process(all[i].Task);
            all[i].Thread.Join();
        }
    }
}

internal static class Kthread
{
    /// <summary>Makes a kernel thread that sleeps until wake_up_process().</summary>
    internal static task_struct kthread_create(Func<object?, int> threadfn, object? data, string name) => Create(current.kernel, threadfn, data, name);

    internal static task_struct kthread_run(Func<object?, int> threadfn, object? data, string name)
    {
        task_struct task = kthread_create(threadfn, data, name);
        wake_up_process(task);
        return task;
    }

    internal static bool kthread_should_stop() => (Volatile.Read(ref current.kthread_flags) & task_struct.KTHREAD_SHOULD_STOP) != 0;

    /// <summary>Asks the thread to stop, wakes it, waits until it is gone; returns what its function returned.</summary>
    [MightSleep]
    internal static int kthread_stop(task_struct k)
    {
        Interlocked.Or(ref k.kthread_flags, task_struct.KTHREAD_SHOULD_STOP);
        wake_up_process(k);
        wait_for_completion(k.exited!);
        return k.exit_code;
    }

    internal static task_struct Create(Kernel kernel, Func<object?, int> threadfn, object? data, string name)
    {
        task_struct task = kernel.NewTask(name);
        task.flags |= PF_KTHREAD;
        task.exited = new completion("exited");
        task.__state = TASK_UNINTERRUPTIBLE;
        if (!task.CommitSleep())
            throw new KernelOops("a new kernel thread runs already");
        var thread = new Thread(() => Run(task, threadfn, data)) { IsBackground = true, Name = name };
        kernel.AddKthread(task, thread);
        thread.Start();
        return task;
    }

    /// <summary>The end of a task, on its own CPU: pending work runs, then nothing can be queued any more.</summary>
    internal static void do_exit(task_struct task)
    {
        Kernel kernel = task.kernel;
        task.flags |= PF_EXITING;
        try
        {
            task_work_run();
            task.lockdep?.ReturnToUser();
        }
        finally
        {
            Volatile.Write(ref task.__state, TASK_DEAD);
            kernel.ForgetTask(task);
            if (task.exited is not null)
                complete_all(task.exited);
            task.preempt_count = 0;
            if (task.irqs_off)
                IrqOn(task);
            task.exit_clock = task.rq.hw.Clock;
            Core.ReleaseCpu(task);
            if (SchedulingPoints.IsSupported)
                kernel.Explorer?.Exited(task);
            CurrentH.SetCurrent(null);
        }
    }

    private static void Run(task_struct task, Func<object?, int> threadfn, object? data)
    {
        Kernel kernel = task.kernel;
        CurrentH.SetCurrent(task);
        if (SchedulingPoints.IsSupported)
            kernel.Explorer?.Started(task);
        task.SleepUntilWoken();
        try
        {
            // A thread that is stopped before its first wakeup never runs its function.
            task.exit_code = kthread_should_stop() ? -EINTR : threadfn(data);
        }
        catch (Exception e)
        {
            lock (kernel.KthreadFailures)
                kernel.KthreadFailures.Add(e);
            kernel.AddWarning($"kernel thread {task} died: {e}");
        }
        finally
        {
            do_exit(task);
        }
    }
}
