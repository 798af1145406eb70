// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Kernel.Tests;

internal sealed class RcuTests : KernelTest
{
    private sealed class Box
    {
        public int Freed;
    }

    [Test]
    public void no_reader_sees_an_object_that_was_freed_after_a_grace_period()
    {
        Box? shared = new();
        int dead = 0;
        bool stop = false;
        this.InParallel(5, t =>
        {
            if (t < 1)
            {
                for (int i = 0; i < 300; i++)
                {
                    Box old = shared!;
                    rcu_assign_pointer(ref shared, new Box());
                    synchronize_rcu();
                    Volatile.Write(ref old.Freed, 1);
                }

                Volatile.Write(ref stop, true);
                return;
            }

            while (!Volatile.Read(ref stop))
            {
                rcu_read_lock();
                Box? box = rcu_dereference(ref shared);
                rcu_read_lock();
                Thread.SpinWait(50);
                rcu_read_unlock();
                if (Volatile.Read(ref box!.Freed) != 0)
                    Interlocked.Increment(ref dead);
                rcu_read_unlock();
                cond_resched();
            }
        });
        Assert.That(dead, Is.Zero);
    }

    [Test]
    public void no_srcu_reader_sees_an_object_that_was_freed_although_it_sleeps()
    {
        Box? shared = new();
        var srcu = new srcu_struct(this.Kernel, "srcu");
        int dead = 0;
        bool stop = false;
        this.InParallel(6, t =>
        {
            if (t < 2)
            {
                for (int i = 0; i < 150; i++)
                {
                    Box old = Interlocked.Exchange(ref shared, new Box())!;
                    synchronize_srcu(srcu);
                    Volatile.Write(ref old.Freed, 1);
                }

                Volatile.Write(ref stop, true);
                return;
            }

            while (!Volatile.Read(ref stop))
            {
                int idx = srcu_read_lock(srcu);
                Box? box = srcu_dereference(ref shared, srcu);
                yield();
                if (Volatile.Read(ref box!.Freed) != 0)
                    Interlocked.Increment(ref dead);
                srcu_read_unlock(srcu, idx);
                cond_resched();
            }
        });
        Assert.That(dead, Is.Zero);
        this.Kernel.RunTask(() => cleanup_srcu_struct(srcu));
    }

    [Test]
    public void synchronize_waits_for_a_reader_that_started_before()
    {
        bool reading = false;
        bool left = false;
        bool leftFirst = false;
        this.Kernel.RunTasks(
            () =>
            {
                rcu_read_lock();
                Volatile.Write(ref reading, true);
                while (Volatile.Read(ref this.Kernel.rcu.waiters) == 0)
                    cpu_relax();
                for (int i = 0; i < 100; i++)
                    cpu_relax();
                Volatile.Write(ref left, true);
                rcu_read_unlock();
            },
            () =>
            {
                while (!Volatile.Read(ref reading))
                    cpu_relax();
                synchronize_rcu();
                leftFirst = Volatile.Read(ref left);
            });
        Assert.That(leftFirst);
    }

    [Test]
    public void callbacks_run_in_order_and_barrier_waits_for_them() => this.Kernel.RunTask(() =>
    {
        var ran = new List<int>();
        for (int i = 0; i < 100; i++)
        {
            int n = i;
            call_rcu(new callback_head(), _ => ran.Add(n));
        }

        rcu_barrier();
        Assert.That(ran, Is.EqualTo(Enumerable.Range(0, 100)));
    });

    [Test]
    public void callbacks_of_a_task_that_runs_alone_run_on_its_cpu_before_it_returns_to_user_mode()
    {
        int ranOn = -1;
        int own = -1;
        int beforeReturn = -1;
        this.Kernel.RunTask(() =>
        {
            own = current.pid;
            call_rcu(new callback_head(), _ => ranOn = current.pid);
            beforeReturn = ranOn;
        });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(beforeReturn, Is.EqualTo(-1));
            Assert.That(ranOn, Is.EqualTo(own));
            Assert.That(this.Kernel.rcu.thread, Is.Null);
        }
    }

    [Test]
    public void a_callback_that_a_reader_holds_up_runs_after_the_reader_in_the_thread()
    {
        bool reading = false;
        bool queued = false;
        bool left = false;
        bool leftFirst = false;
        string? ranIn = null;
        this.Kernel.RunTasks(
            () =>
            {
                rcu_read_lock();
                Volatile.Write(ref reading, true);
                while (!Volatile.Read(ref queued))
                    cpu_relax();
                Volatile.Write(ref left, true);
                rcu_read_unlock();
            },
            () =>
            {
                while (!Volatile.Read(ref reading))
                    cpu_relax();
                call_rcu(new callback_head(), _ =>
                {
                    leftFirst = Volatile.Read(ref left);
                    ranIn = current.comm;
                });
                current.ExitToUser();
                Volatile.Write(ref queued, true);
                current.EnterKernel();
                rcu_barrier();
            });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(leftFirst);
            Assert.That(ranIn, Is.EqualTo("rcu_preempt").Or.EqualTo("task1"));
        }
    }

    [Test]
    public void barrier_waits_for_callbacks_of_others_and_for_those_that_run()
    {
        int ran = 0;
        int missed = 0;
        this.InParallel(4, t =>
        {
            for (int i = 0; i < 200; i++)
            {
                int mine = 0;
                call_rcu(new callback_head(), _ =>
                {
                    Volatile.Write(ref mine, 1);
                    Interlocked.Increment(ref ran);
                });
                if (i % 3 == 0)
                {
                    current.ExitToUser();
                    current.EnterKernel();
                }

                rcu_barrier();
                if (Volatile.Read(ref mine) == 0)
                    Interlocked.Increment(ref missed);
            }
        });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(missed, Is.Zero);
            Assert.That(ran, Is.EqualTo(800));
        }
    }

    [Test]
    public void synchronize_in_a_reader_is_an_oops()
    {
        Assert.Throws<KernelOops>(() => this.Kernel.RunTask(() =>
        {
            rcu_read_lock();
            synchronize_rcu();
        }));
        this.Kernel.TakeWarnings();
    }

    [Test]
    public void dereference_outside_a_reader_is_reported()
    {
        object? p = new();
        this.Kernel.RunTask(() => rcu_dereference(ref p));
        Assert.That(this.Kernel.TakeWarnings(), Has.Count.EqualTo(1));
    }
}
