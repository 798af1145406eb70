// SPDX-License-Identifier: GPL-2.0-only
using System.Runtime.InteropServices;

namespace KvmSharp.Kernel.Tests;

internal sealed unsafe class WaitTests : KernelTest
{
    [Test]
    public void bit_lock_excludes_and_loses_no_wakeup()
    {
        ulong* word = (ulong*)NativeMemory.AllocZeroed(64);
        long plain = 0;
        this.InParallel(8, _ =>
        {
            for (int i = 0; i < 1000; i++)
            {
                Assert.That(wait_on_bit_lock(word, 3, TASK_UNINTERRUPTIBLE), Is.Zero);
                plain++;
                clear_and_wake_up_bit(3, word);
                if (i % 7 == 0)
                    Assert.That(wait_on_bit(word, 3, TASK_UNINTERRUPTIBLE), Is.Zero);
            }
        });
        Assert.That(plain, Is.EqualTo(8000));
        Assert.That(*word, Is.Zero);
        NativeMemory.Free(word);
    }

    [Test]
    public void completions_are_counted()
    {
        var c = new completion();
        int got = 0;
        this.InParallel(8, t =>
        {
            for (int i = 0; i < 500; i++)
            {
                if (t % 2 == 0)
                {
                    complete(c);
                }
                else
                {
                    wait_for_completion(c);
                    Interlocked.Increment(ref got);
                }
            }
        });
        Assert.That(got, Is.EqualTo(2000));
        Assert.That(c.done, Is.Zero);
    }

    [Test]
    public void an_exclusive_wakeup_wakes_one()
    {
        var wq = new wait_queue_head();
        int tokens = 0;
        int taken = 0;
        this.InParallel(6, t =>
        {
            for (int i = 0; i < 300; i++)
            {
                if (t < 3)
                {
                    Interlocked.Increment(ref tokens);
                    wake_up(wq);
                }
                else
                {
                    wait_event(wq, () => TryTake(ref tokens));
                    Interlocked.Increment(ref taken);
                }
            }
        });
        Assert.That(taken, Is.EqualTo(900));

        static bool TryTake(ref int tokens)
        {
            int seen = Volatile.Read(ref tokens);
            while (seen > 0)
            {
                int was = Interlocked.CompareExchange(ref tokens, seen - 1, seen);
                if (was == seen)
                    return true;
                seen = was;
            }

            return false;
        }
    }

    [Test]
    public void wait_event_timeout_tells_timeout_from_success() => this.Kernel.RunTask(() =>
    {
        var wq = new wait_queue_head();
        Assert.That(wait_event_timeout(wq, 0, static _ => false, 10), Is.Zero);
        Assert.That(wait_event_timeout(wq, 0, static _ => true, 10), Is.Positive);
        var c = new completion();
        Assert.That(wait_for_completion_timeout(c, 10), Is.Zero);
        complete(c);
        Assert.That(wait_for_completion_timeout(c, 10), Is.Positive);
        Assert.That(this.Kernel.nr_timers, Is.Zero);
    });

    [Test]
    public void rcuwait_wakes_its_one_waiter()
    {
        var w = new rcuwait();
        int ready = 0;
        this.Kernel.RunTasks(
            () =>
            {
                for (int i = 1; i <= 500; i++)
                    Assert.That(rcuwait_wait_event(w, i, n => Volatile.Read(ref ready) >= n, TASK_UNINTERRUPTIBLE), Is.Zero);
            },
            () =>
            {
                for (int i = 1; i <= 500; i++)
                {
                    Volatile.Write(ref ready, i);
                    rcuwait_wake_up(w);
                }
            });
    }

    [Test]
    public void seqcount_readers_see_whole_updates()
    {
        var s = new seqlock_t();
        long a = 0;
        long b = 0;
        int torn = 0;
        this.InParallel(4, t =>
        {
            for (int i = 0; i < 3000; i++)
            {
                if (t == 0)
                {
                    write_seqlock(s);
                    Volatile.Write(ref a, i);
                    Volatile.Write(ref b, i);
                    write_sequnlock(s);
                    continue;
                }

                uint seq;
                long x;
                long y;
                do
                {
                    seq = read_seqbegin(s);
                    x = Volatile.Read(ref a);
                    y = Volatile.Read(ref b);
                }
                while (read_seqretry(s, seq));
                if (x != y)
                    Interlocked.Increment(ref torn);
            }
        });
        Assert.That(torn, Is.Zero);
    }
}
