// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Kernel.Tests;

internal sealed class LockTests : KernelTest
{
    private const int Tasks = 8;
    private const int Rounds = 2000;

    [Test]
    public void spinlock_excludes()
    {
        var l = new spinlock_t();
        long plain = 0;
        this.InParallel(Tasks, _ =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                spin_lock(l);
                plain++;
                spin_unlock(l);
            }
        });
        Assert.That(plain, Is.EqualTo(Tasks * Rounds));
    }

    [Test]
    public void mutex_excludes_also_with_trylock()
    {
        var l = new mutex();
        long plain = 0;
        this.InParallel(Tasks, t =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                if (t % 2 == 0)
                {
                    mutex_lock(l);
                }
                else
                {
                    while (!mutex_trylock(l))
                        yield();
                }

                plain++;
                mutex_unlock(l);
            }
        });
        Assert.That(plain, Is.EqualTo(Tasks * Rounds));
    }

    [Test]
    public void rwsem_writers_exclude_and_readers_see_whole_updates()
    {
        var l = new rw_semaphore();
        long a = 0;
        long b = 0;
        int torn = 0;
        this.InParallel(Tasks, t =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                if ((t + i) % 4 == 0)
                {
                    down_write(l);
                    a++;
                    b++;
                    if (i % 8 == 0)
                    {
                        downgrade_write(l);
                        if (a != b)
                            Interlocked.Increment(ref torn);
                        up_read(l);
                    }
                    else
                    {
                        up_write(l);
                    }
                }
                else
                {
                    down_read(l);
                    if (a != b)
                        Interlocked.Increment(ref torn);
                    up_read(l);
                }
            }
        });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(torn, Is.Zero);
            Assert.That(a, Is.EqualTo(Tasks * Rounds / 4));
            Assert.That(rwsem_is_locked(l), Is.False);
            Assert.That(rwsem_is_contended(l), Is.False);
        }
    }

    [Test]
    public void rwlock_writers_exclude_and_readers_see_whole_updates()
    {
        var l = new rwlock_t();
        long a = 0;
        long b = 0;
        int torn = 0;
        this.InParallel(Tasks, t =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                if ((t + i) % 4 == 0)
                {
                    write_lock(l);
                    a++;
                    b++;
                    write_unlock(l);
                }
                else
                {
                    read_lock(l);
                    if (a != b)
                        Interlocked.Increment(ref torn);
                    read_unlock(l);
                }
            }
        });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(torn, Is.Zero);
            Assert.That(a, Is.EqualTo(Tasks * Rounds / 4));
        }
    }
}
