// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Kernel.Tests;

internal sealed class RefcountTests : KernelTest
{
    [Test]
    public void the_last_put_is_told_once()
    {
        refcount_t r = default;
        int last = 0;
        refcount_set(ref r, 8);
        this.InParallel(8, _ =>
        {
            for (int i = 0; i < 1000; i++)
            {
                refcount_inc(ref r);
                if (refcount_dec_and_test(ref r))
                    Interlocked.Increment(ref last);
            }

            if (refcount_dec_and_test(ref r))
                Interlocked.Increment(ref last);
        });
        Assert.That(last, Is.EqualTo(1));
        this.Kernel.RunTask(() => Assert.That(refcount_inc_not_zero(ref r), Is.False));
    }

    [TestCase(0, "addition on 0")]
    [TestCase(int.MaxValue, "saturated")]
    public void a_bad_increment_saturates_and_warns(int start, string text)
    {
        this.Kernel.RunTask(() =>
        {
            refcount_t r = default;
            refcount_set(ref r, start);
            refcount_inc(ref r);
            Assert.That((int)refcount_read(ref r), Is.EqualTo(REFCOUNT_SATURATED));
            Assert.That(refcount_dec_and_test(ref r), Is.False, "a saturated object is never freed");
            Assert.That((int)refcount_read(ref r), Is.EqualTo(REFCOUNT_SATURATED));
        });
        Assert.That(this.Kernel.TakeWarnings()[0], Does.Contain(text));
    }

    [Test]
    public void an_underflow_saturates_and_warns()
    {
        this.Kernel.RunTask(() =>
        {
            refcount_t r = default;
            Assert.That(refcount_dec_and_test(ref r), Is.False);
            Assert.That((int)refcount_read(ref r), Is.EqualTo(REFCOUNT_SATURATED));
        });
        Assert.That(this.Kernel.TakeWarnings()[0], Does.Contain("underflow"));
    }

    [Test]
    public void dec_and_lock_takes_the_lock_for_the_last_one_only() => this.Kernel.RunTask(() =>
    {
        var m = new mutex();
        refcount_t r = default;
        refcount_set(ref r, 2);
        Assert.That(refcount_dec_and_mutex_lock(ref r, m), Is.False);
        Assert.That(mutex_is_locked(m), Is.False);
        Assert.That(refcount_dec_and_mutex_lock(ref r, m), Is.True);
        Assert.That(mutex_is_locked(m), Is.True);
        mutex_unlock(m);
    });

    [Test]
    public void a_percpu_ref_ends_after_kill_with_the_last_put() => this.Kernel.RunTask(() =>
    {
        int released = 0;
        var r = new percpu_ref(_ => released++);
        percpu_ref_get(r);
        Assert.That(percpu_ref_tryget_live(r));
        percpu_ref_put(r);
        percpu_ref_kill(r);
        Assert.That(percpu_ref_tryget_live(r), Is.False);
        Assert.That(percpu_ref_tryget(r), "dying, but not dead");
        percpu_ref_put(r);
        Assert.That(released, Is.Zero);
        percpu_ref_put(r);
        Assert.That(released, Is.EqualTo(1));
        Assert.That(percpu_ref_tryget(r), Is.False);
    });

    [Test]
    public void live_objects_are_listed_until_they_die()
    {
        LiveKind kind = this.Kernel.LiveKind("thing");
        object o = new();
        kind.Born(o, "first");
        kind.Born();
        Assert.That(this.Kernel.LiveObjects, Has.Count.EqualTo(2));
        Assert.That(this.Kernel.LiveObjects[0], Does.Contain("first").And.Contain(nameof(this.live_objects_are_listed_until_they_die)));
        kind.Died(o);
        kind.Died();
        Assert.Throws<KernelOops>(() => kind.Died(o));
        kind.Born();
    }
}
