// SPDX-License-Identifier: GPL-2.0-only
using KvmSharp.Machine;

namespace KvmSharp.Kernel.Tests;

internal sealed class SchedulerTests : KernelTest
{
    protected override int Cpus => 2;

    [Test]
    public void no_two_tasks_are_on_a_cpu_at_once_and_all_get_their_turn()
    {
        int[] busy = new int[this.Cpus];
        int clash = 0;
        int done = 0;
        this.InParallel(12, _ =>
        {
            for (int i = 0; i < 200; i++)
            {
                preempt_disable();
                int cpu = smp_processor_id();
                if (Interlocked.Exchange(ref busy[cpu], 1) != 0)
                    Interlocked.Increment(ref clash);
                Thread.SpinWait(20);
                Volatile.Write(ref busy[cpu], 0);
                preempt_enable();
                cond_resched();
            }

            Interlocked.Increment(ref done);
        });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(clash, Is.Zero);
            Assert.That(done, Is.EqualTo(12));
        }
    }

    [Test]
    public void a_blocked_task_leaves_its_cpu_to_others()
    {
        // Both CPUs would be taken by the waiters if a sleeping task kept its CPU.
        var go = new completion();
        int woken = 0;
        this.InParallel(5, t =>
        {
            if (t == 4)
            {
                complete_all(go);
                return;
            }

            wait_for_completion(go);
            Interlocked.Increment(ref woken);
        });
        Assert.That(woken, Is.EqualTo(4));
    }

    [Test]
    public void a_pinned_task_stays_on_its_cpu()
    {
        int strayed = 0;
        this.InParallel(6, t =>
        {
            Assert.That(set_cpus_allowed_ptr(current, CpuSet.Of(t % 2)), Is.Zero);
            for (int i = 0; i < 200; i++)
            {
                if (smp_processor_id() != t % 2)
                    Interlocked.Increment(ref strayed);
                yield();
            }
        });
        Assert.That(strayed, Is.Zero);
    }

    [Test]
    public void migrate_disable_holds_across_blocking()
    {
        int strayed = 0;
        var m = new mutex();
        this.InParallel(6, _ =>
        {
            for (int i = 0; i < 100; i++)
            {
                migrate_disable();
                int cpu = smp_processor_id();
                mutex_lock(m);
                yield();
                mutex_unlock(m);
                if (smp_processor_id() != cpu)
                    Interlocked.Increment(ref strayed);
                migrate_enable();
            }
        });
        Assert.That(strayed, Is.Zero);
    }

    [Test]
    public void affinity_to_no_cpu_is_refused() => this.Kernel.RunTask(() =>
        Assert.That(set_cpus_allowed_ptr(current, CpuSet.Of(900)), Is.EqualTo(-EINVAL)));

    [Test]
    public void kernel_code_off_a_task_says_so()
    {
        var l = new spinlock_t();
        KernelOops oops = Assert.Throws<KernelOops>(() => spin_lock(l))!;
        Assert.That(oops.Message, Does.Contain("no kernel task"));
    }

    [Test]
    public void a_lock_taken_in_user_mode_is_an_oops()
    {
        var l = new mutex();
        this.Kernel.Attach("user");
        try
        {
            Assert.Throws<KernelOops>(() => mutex_lock(l));
        }
        finally
        {
            this.Kernel.Detach();
        }
    }

    [Test]
    public void sleep_takes_simulated_time_and_no_real_time()
    {
        var order = new List<int>();
        int here = 0;
        this.InParallel(3, t =>
        {
            Interlocked.Increment(ref here);
            while (Volatile.Read(ref here) != 3)
                yield();
            long before = ktime_get();
            Assert.That(schedule_timeout_uninterruptible((t + 1) * 1_000_000L), Is.Zero);
            lock (order)
                order.Add(t);
            Assert.That(ktime_get() - before, Is.GreaterThanOrEqualTo((t + 1) * 1_000_000L * TICK_NSEC));
        });
        Assert.That(order, Is.Ordered);
        Assert.That(this.Kernel.nr_timers, Is.Zero);
    }

    [Test]
    public void a_wakeup_ends_a_timeout_early()
    {
        task_struct? sleeper = null;
        long left = 0;
        this.Kernel.RunTasks(
            () =>
            {
                set_current_state(TASK_INTERRUPTIBLE);
                Volatile.Write(ref sleeper, current);
                left = schedule_timeout(long.MaxValue / (4 * TICK_NSEC));
            },
            () =>
            {
                while (Volatile.Read(ref sleeper) is null)
                    cpu_relax();
                wake_up_process(sleeper!);
            });
        Assert.That(left, Is.Positive);
    }

    [Test]
    public void kthread_stop_returns_what_the_thread_returned() => this.Kernel.RunTask(() =>
    {
        int rounds = 0;
        task_struct k = kthread_run(
            _ =>
            {
                while (!kthread_should_stop())
                {
                    Interlocked.Increment(ref rounds);
                    schedule_timeout_interruptible(1);
                }

                return 42;
            },
            null,
            "worker");
        while (Volatile.Read(ref rounds) < 3)
            schedule_timeout_uninterruptible(1);
        Assert.That(kthread_stop(k), Is.EqualTo(42));
        Assert.That(k.__state, Is.EqualTo(TASK_DEAD));
    });

    [Test]
    public void a_kthread_stopped_before_its_first_wakeup_never_runs() => this.Kernel.RunTask(() =>
    {
        bool ran = false;
        task_struct k = kthread_create(
            _ =>
            {
                ran = true;
                return 0;
            },
            null,
            "never");
        Assert.That(kthread_stop(k), Is.EqualTo(-EINTR));
        Assert.That(ran, Is.False);
    });

    [Test]
    public void an_exception_in_a_kthread_is_not_swallowed()
    {
        this.Kernel.RunTask(() =>
        {
            task_struct k = kthread_run(_ => throw new KernelOops("boom"), null, "bad");
            wait_for_completion(k.exited!);
        });
        Assert.That(this.Kernel.KthreadFailures, Has.Count.EqualTo(1));
        Assert.That(this.Kernel.TakeWarnings()[0], Does.Contain("boom"));
        this.Kernel.KthreadFailures.Clear();
    }

    [Test]
    public void task_work_runs_on_the_way_to_user_mode_newest_first()
    {
        var order = new List<int>();
        this.Kernel.RunTask(() =>
        {
            for (int i = 0; i < 3; i++)
            {
                int n = i;
                Assert.That(task_work_add(current, new callback_head(_ => order.Add(n)), task_work_notify_mode.TWA_RESUME), Is.Zero);
            }

            Assert.That(order, Is.Empty);
            current.ExitToUser();
            Assert.That(order, Is.EqualTo(new[] { 2, 1, 0 }));
            current.EnterKernel();
        });
    }

    [Test]
    public void no_task_work_can_be_added_to_a_task_that_is_gone()
    {
        task_struct gone = this.Kernel.RunTask(() => current);
        this.Kernel.RunTask(() => Assert.That(
            task_work_add(gone, new callback_head(_ => { }), task_work_notify_mode.TWA_RESUME), Is.EqualTo(-ESRCH)));
    }

    [Test]
    public void a_fatal_signal_gets_a_task_out_of_a_killable_wait_only()
    {
        var m = new mutex("m");
        task_struct? victim = null;
        int got = 1;
        Assert.Throws<SignalDelivered>(() => this.Kernel.RunTasks(
            () =>
            {
                mutex_lock(m);
                while (Volatile.Read(ref victim) is null || Volatile.Read(ref victim!.__state) == TASK_RUNNING)
                    cpu_relax();
                Assert.That(send_sig(SIGUSR1, victim!, 0), Is.Zero);
                Assert.That(Volatile.Read(ref victim!.__state), Is.EqualTo(TASK_KILLABLE), "only SIGKILL ends a killable sleep");
                Assert.That(send_sig(SIGKILL, victim!, 0), Is.Zero);
                while (Volatile.Read(ref got) == 1)
                    cpu_relax();
                mutex_unlock(m);
            },
            () =>
            {
                while (!mutex_is_locked(m))
                    cpu_relax();
                Volatile.Write(ref victim, current);
                Volatile.Write(ref got, mutex_lock_killable(m));
            }));
        Assert.That(got, Is.EqualTo(-EINTR));
    }

    [Test]
    public void a_signal_interrupts_an_interruptible_wait_and_goes_to_the_handler()
    {
        var wq = new wait_queue_head();
        var seen = new List<kernel_siginfo>();
        task_struct? sleeper = null;
        int ret = 0;
        this.Kernel.RunTasks(
            () =>
            {
                current.SignalHandler = info =>
                {
                    seen.Add(info);
                    return true;
                };
                Volatile.Write(ref sleeper, current);
                ret = wait_event_interruptible(wq, static () => false);
            },
            () =>
            {
                while (Volatile.Read(ref sleeper) is null)
                    cpu_relax();
                Assert.That(send_sig_info(SIGBUS, new kernel_siginfo(SIGBUS, BUS_ADRERR, 0x1000), sleeper!), Is.Zero);
            });
        Assert.That(ret, Is.EqualTo(-ERESTARTSYS));
        Assert.That(seen, Is.EqualTo(new[] { new kernel_siginfo(SIGBUS, BUS_ADRERR, 0x1000) }));
    }

    [Test]
    public void a_rwsem_waiter_that_gives_up_lets_the_ones_behind_it_in()
    {
        var sem = new rw_semaphore("sem");
        task_struct? writer = null;
        bool reading = false;
        int reads = 0;
        Assert.Throws<SignalDelivered>(() => this.Kernel.RunTasks(
            () =>
            {
                down_read(sem);
                Volatile.Write(ref reading, true);
                while (Volatile.Read(ref writer) is null || !rwsem_is_contended(sem))
                    cond_resched();
                Assert.That(down_read_trylock(sem), Is.False, "a waiting writer keeps new readers out");
                Assert.That(send_sig(SIGKILL, writer!, 0), Is.Zero);
                while (Volatile.Read(ref reads) == 0)
                    cond_resched();
                up_read(sem);
            },
            () =>
            {
                while (!Volatile.Read(ref reading))
                    cond_resched();
                Volatile.Write(ref writer, current);
                Assert.That(down_write_killable(sem), Is.EqualTo(-EINTR));
            },
            () =>
            {
                while (Volatile.Read(ref writer) is null)
                    cond_resched();
                down_read(sem);
                Volatile.Write(ref reads, 1);
                up_read(sem);
            }));
        Assert.That(rwsem_is_locked(sem), Is.False);
    }

    [Test]
    public void entering_and_leaving_and_uncontended_locks_allocate_nothing()
    {
        var m = new mutex();
        var sem = new rw_semaphore();
        var s = new spinlock_t();
        var wq = new wait_queue_head();
        this.Kernel.RunTask(() =>
        {
            for (int i = 0; i < 200; i++)
                Round();
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 2000; i++)
                Round();
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

            void Round()
            {
                current.ExitToUser();
                current.EnterKernel();
                mutex_lock(m);
                down_write(sem);
                spin_lock(s);
                spin_unlock(s);
                up_write(sem);
                mutex_unlock(m);
                rcu_read_lock();
                rcu_read_unlock();
                wake_up_all(wq);
            }
        });
    }
}
