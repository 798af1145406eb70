// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Kernel.Tests;

internal sealed class LockdepTests : KernelTest
{
    [Test]
    public void abba_is_reported_from_one_task_with_both_stacks()
    {
        var a = new mutex("a");
        var b = new mutex("b");
        this.Kernel.RunTask(() => FirstWay(a, b));
        this.Kernel.RunTask(() => OtherWay(a, b));
        string report = this.TheWarning();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report, Does.Contain("possible circular locking dependency detected"));
            Assert.That(report, Does.Contain(nameof(FirstWay)));
            Assert.That(report, Does.Contain(nameof(OtherWay)));
            Assert.That(report, Does.Contain("CPU0").And.Contain("*** DEADLOCK ***"));
        }
    }

    [Test]
    public void a_circle_of_three_is_found_and_reported_once()
    {
        var l = new[] { new mutex("x"), new mutex("y"), new mutex("z") };
        this.Kernel.RunTask(() =>
        {
            for (int round = 0; round < 3; round++)
            {
                for (int i = 0; i < 3; i++)
                {
                    mutex_lock(l[i]);
                    mutex_lock(l[(i + 1) % 3]);
                    mutex_unlock(l[(i + 1) % 3]);
                    mutex_unlock(l[i]);
                }
            }
        });
        Assert.That(this.TheWarning(), Does.Contain("circular"));
    }

    [Test]
    public void trylock_the_wrong_way_round_is_no_dependency()
    {
        var a = new mutex("a");
        var b = new mutex("b");
        this.Kernel.RunTask(() =>
        {
            FirstWay(a, b);
            mutex_lock(b);
            Assert.That(mutex_trylock(a));
            mutex_unlock(a);
            mutex_unlock(b);
        });
        Assert.That(this.Kernel.Lockdep.Dependencies, Is.EqualTo(new[] { "a -> b" }));
    }

    [Test]
    public void readers_of_a_rwsem_wait_for_writers_that_wait()
    {
        var a = new rw_semaphore("a");
        var b = new rw_semaphore("b");
        this.Kernel.RunTask(() =>
        {
            down_read(a);
            down_read(b);
            up_read(b);
            up_read(a);
            down_read(b);
            down_read(a);
            up_read(a);
            up_read(b);
        });
        Assert.That(this.TheWarning(), Does.Contain("circular"));
    }

    [Test]
    public void recursive_reads_do_not_close_a_circle()
    {
        var srcu = new srcu_struct(this.Kernel, "srcu");
        var m = new mutex("m");
        this.Kernel.RunTask(() =>
        {
            int idx = srcu_read_lock(srcu);
            mutex_lock(m);
            mutex_unlock(m);
            srcu_read_unlock(srcu, idx);
            mutex_lock(m);
            idx = srcu_read_lock(srcu);
            srcu_read_unlock(srcu, idx);
            mutex_unlock(m);
        });
    }

    [Test]
    public void waiting_for_srcu_readers_under_a_lock_they_take_is_a_circle()
    {
        var srcu = new srcu_struct(this.Kernel, "srcu");
        var m = new mutex("m");
        this.Kernel.RunTask(() =>
        {
            int idx = srcu_read_lock(srcu);
            mutex_lock(m);
            mutex_unlock(m);
            srcu_read_unlock(srcu, idx);
            mutex_lock(m);
            synchronize_srcu(srcu);
            mutex_unlock(m);
        });
        Assert.That(this.TheWarning(), Does.Contain("circular").And.Contain("srcu"));
    }

    [Test]
    public void two_locks_of_a_class_need_a_subclass()
    {
        mutex[] l = [.. Enumerable.Range(0, 2).Select(_ => new mutex("same"))];
        this.Kernel.RunTask(() =>
        {
            mutex_lock(l[0]);
            mutex_lock_nested(l[1], SINGLE_DEPTH_NESTING);
            mutex_unlock(l[1]);
            mutex_unlock(l[0]);
        });
        Assert.That(this.Kernel.Warnings, Is.Empty);
        this.Kernel.RunTask(() =>
        {
            mutex_lock(l[0]);
            mutex_lock(l[1]);
            mutex_unlock(l[1]);
            mutex_unlock(l[0]);
        });
        Assert.That(this.TheWarning(), Does.Contain("possible recursive locking"));
    }

    [Test]
    public void semaphores_nested_in_one_lock_may_be_many_and_go_in_any_order()
    {
        var outer = new rw_semaphore("outer");
        rw_semaphore[] inner = [.. Enumerable.Range(0, 60).Select(_ => new rw_semaphore("inner"))];
        this.Kernel.RunTask(() =>
        {
            down_write(outer);
            foreach (rw_semaphore sem in inner)
                down_write_nest_lock(sem, outer);
            foreach (rw_semaphore sem in inner)
                up_write(sem);
            up_write(outer);
        });
        Assert.That(this.Kernel.Warnings, Is.Empty);
    }

    [Test]
    public void nesting_in_a_lock_that_is_not_held_is_reported()
    {
        var outer = new rw_semaphore("outer");
        var inner = new rw_semaphore("inner");
        this.Kernel.RunTask(() =>
        {
            down_write_nest_lock(inner, outer);
            up_write(inner);
        });
        Assert.That(this.TheWarning(), Does.Contain("Nested lock was not taken"));
    }

    [Test]
    public void a_lock_used_in_an_interrupt_must_be_taken_with_interrupts_off()
    {
        var l = new spinlock_t("l");
        this.Kernel.RunTask(() =>
        {
            spin_lock(l);
            spin_unlock(l);
            bool saved = irq_enter();
            spin_lock(l);
            spin_unlock(l);
            irq_exit(saved);
        });
        Assert.That(this.TheWarning(), Does.Contain("inconsistent lock state"));
    }

    [Test]
    public void an_irq_safe_lock_must_not_depend_on_an_unsafe_one()
    {
        var safe = new spinlock_t("safe");
        var naked = new spinlock_t("naked");
        this.Kernel.RunTask(() =>
        {
            bool saved = irq_enter();
            spin_lock(safe);
            spin_unlock(safe);
            irq_exit(saved);
            spin_lock(naked);
            spin_unlock(naked);
            spin_lock_irq(safe);
            spin_lock(naked);
            spin_unlock(naked);
            spin_unlock_irq(safe);
        });
        string report = this.TheWarning();
        Assert.That(report, Does.Contain("lock inversion").And.Contain("safe").And.Contain("naked"));
    }

    [Test]
    public void sleeping_with_a_spinlock_or_in_an_rcu_reader_is_reported()
    {
        var l = new spinlock_t("l");
        var m = new mutex("m");
        this.Kernel.RunTask(() =>
        {
            spin_lock(l);
            mutex_lock(m);
            mutex_unlock(m);
            spin_unlock(l);
            rcu_read_lock();
            might_sleep();
            rcu_read_unlock();
        });
        IReadOnlyList<string> taken = this.Kernel.TakeWarnings();
        Assert.That(taken, Has.Count.EqualTo(2));
        Assert.That(taken, Has.All.Contain("sleeping function called from invalid context"));
    }

    [Test]
    public void blocking_in_atomic_context_is_an_oops()
    {
        var l = new spinlock_t("l");
        KernelOops oops = Assert.Throws<KernelOops>(() => this.Kernel.RunTask(() =>
        {
            spin_lock(l);
            set_current_state(TASK_UNINTERRUPTIBLE);
            schedule();
        }))!;
        Assert.That(oops.Message, Does.Contain("scheduling while atomic"));
        Assert.That(oops.Report, Does.Contain("(l)"));
        this.Kernel.TakeWarnings();
    }

    [Test]
    public void returning_to_user_mode_with_a_lock_is_reported()
    {
        var m = new mutex("m");
        this.Kernel.RunTask(() => mutex_lock(m));
        Assert.That(this.TheWarning(), Does.Contain("lock held when returning to user space").And.Contain("(m)"));
    }

    [Test]
    public void releasing_what_is_not_held_is_an_oops()
    {
        var m = new mutex("m");
        Assert.Throws<KernelOops>(() => this.Kernel.RunTask(() => mutex_unlock(m)));
        Assert.That(this.TheWarning(), Does.Contain("bad unlock balance"));
    }

    [Test]
    public void freeing_a_held_lock_is_reported()
    {
        var m = new mutex("m");
        this.Kernel.RunTask(() =>
        {
            mutex_lock(m);
            mutex_destroy(m);
            mutex_unlock(m);
        });
        Assert.That(this.TheWarning(), Does.Contain("held lock freed"));
    }

    [Test]
    public void assertions_know_the_mode_and_follow_a_downgrade()
    {
        var sem = new rw_semaphore("sem");
        this.Kernel.RunTask(() =>
        {
            down_write(sem);
            lockdep_assert_held(sem);
            lockdep_assert_held_write(sem);
            downgrade_write(sem);
            lockdep_assert_held_read(sem);
            Assert.That(this.Kernel.Warnings, Is.Empty);
            lockdep_assert_held_write(sem);
            up_read(sem);
            lockdep_assert_not_held(sem);
        });
        Assert.That(this.TheWarning(), Does.Contain("lockdep_assert_held(sem, Exclusive)"));
    }

    [Test]
    public void unlock_order_does_not_matter()
    {
        var a = new mutex("a");
        var b = new mutex("b");
        var c = new mutex("c");
        this.Kernel.RunTask(() =>
        {
            mutex_lock(a);
            mutex_lock(b);
            mutex_lock(c);
            mutex_unlock(a);
            lockdep_assert_held(b);
            lockdep_assert_held(c);
            mutex_unlock(b);
            mutex_unlock(c);
        });
    }

    [Test]
    public void a_known_chain_allocates_nothing()
    {
        var a = new mutex("a");
        var b = new spinlock_t("b");
        this.Kernel.RunTask(() =>
        {
            for (int i = 0; i < 100; i++)
                Nest();
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 1000; i++)
                Nest();
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

            void Nest()
            {
                mutex_lock(a);
                spin_lock(b);
                spin_unlock(b);
                mutex_unlock(a);
            }
        });
    }

    private static void FirstWay(mutex a, mutex b)
    {
        mutex_lock(a);
        mutex_lock(b);
        mutex_unlock(b);
        mutex_unlock(a);
    }

    private static void OtherWay(mutex a, mutex b)
    {
        mutex_lock(b);
        mutex_lock(a);
        mutex_unlock(a);
        mutex_unlock(b);
    }

    private string TheWarning()
    {
        IReadOnlyList<string> taken = this.Kernel.TakeWarnings();
        Assert.That(taken, Has.Count.EqualTo(1), string.Join('\n', taken));
        return taken[0];
    }
}
