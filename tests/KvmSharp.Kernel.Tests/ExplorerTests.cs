// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Kernel.Tests;

/// <summary>
/// The hooks suffice to own the schedule: a small explorer runs one task at a time and picks the next one from a seed at every scheduling point. The test
/// host switches KvmSharp.Exploration on; every other test runs with the switch on and no explorer.
/// </summary>
internal sealed class ExplorerTests : KernelTest
{
    [Test]
    public void the_switch_is_on_in_this_process() => Assert.That(SchedulingPoints.IsSupported);

    [Test]
    public void the_same_seed_gives_the_same_schedule_and_other_seeds_give_others()
    {
        var schedules = new HashSet<string>();
        for (int seed = 0; seed < 20; seed++)
        {
            string first = this.Explore(seed, out long sum);
            string second = this.Explore(seed, out _);
            Assert.That(second, Is.EqualTo(first), $"seed {seed}");
            Assert.That(sum, Is.EqualTo(3 * 10), "the mutex, the spinlock and the rwsem exclude under every schedule");
            schedules.Add(first);
        }

        Assert.That(schedules, Has.Count.GreaterThan(10));
    }

    [Test]
    public void a_lost_update_is_found_by_some_seed()
    {
        int lost = 0;
        for (int seed = 0; seed < 50; seed++)
        {
            using var machine = new KvmSharp.Machine.Machine(
                new KvmSharp.Machine.MachineConfig { Cpus = 2, MemoryBytes = KvmSharp.Machine.MachineConfig.MinMemoryBytes });
            using var kernel = new Linux.Kernel(machine);
            var explorer = new Seeded(seed, 2);
            kernel.Explorer = explorer;
            atomic_t racy = default;
            explorer.Run(kernel, _ =>
            {
                int seen = atomic_read(ref racy);
                atomic_set(ref racy, seen + 1);
            });
            if (racy.counter != 2)
                lost++;
        }

        Assert.That(lost, Is.Positive.And.LessThan(50));
    }

    private string Explore(int seed, out long sum)
    {
        using var machine = new KvmSharp.Machine.Machine(
            new KvmSharp.Machine.MachineConfig { Cpus = 2, MemoryBytes = KvmSharp.Machine.MachineConfig.MinMemoryBytes });
        using var kernel = new Linux.Kernel(machine);
        var explorer = new Seeded(seed, 3);
        kernel.Explorer = explorer;
        var m = new mutex("m");
        var s = new spinlock_t("s");
        var sem = new rw_semaphore("sem");
        long plain = 0;
        explorer.Run(kernel, t =>
        {
            for (int i = 0; i < 10; i++)
            {
                switch ((t + i) % 3)
                {
                    case 0:
                        mutex_lock(m);
                        spin_lock(s);
                        plain++;
                        spin_unlock(s);
                        mutex_unlock(m);
                        break;
                    case 1:
                        down_write(sem);
                        spin_lock(s);
                        plain++;
                        spin_unlock(s);
                        up_write(sem);
                        break;
                    default:
                        down_read(sem);
                        spin_lock(s);
                        plain++;
                        spin_unlock(s);
                        up_read(sem);
                        break;
                }
            }
        });
        sum = plain;
        Assert.That(kernel.Warnings, Is.Empty);
        return explorer.Schedule;
    }

    /// <summary>One task at a time; the host's threads take turns by a monitor.</summary>
    private sealed class Seeded(int seed, int tasks) : IExplorer
    {
        private readonly object gate = new();
        private readonly Random random = new(seed);
        private readonly SortedDictionary<int, bool> runnable = [];
        private readonly Dictionary<int, bool> tokens = [];
        private readonly System.Text.StringBuilder schedule = new();
        private int running = -1;
        private int started;

        public string Schedule => this.schedule.ToString();

        public void Run(Linux.Kernel kernel, Action<int> body)
        {
            Exception? failure = null;
            Thread[] threads = [.. Enumerable.Range(0, tasks).Select(t => new Thread(() =>
            {
                try
                {
                    // Attached one after the other, so that each run gives the same pids.
                    lock (this.gate)
                    {
                        while (Volatile.Read(ref this.started) != t)
                            Monitor.Wait(this.gate);
                    }

                    kernel.RunTask(() => body(t), $"t{t}");
                }
                catch (Exception e)
                {
                    Interlocked.CompareExchange(ref failure, e, null);
                }
            }) { IsBackground = true })];
            foreach (Thread thread in threads)
                thread.Start();
            foreach (Thread thread in threads)
                Assert.That(thread.Join(TimeSpan.FromSeconds(60)), $"stuck after {this.schedule.Length} steps");
            if (failure is not null)
                throw new InvalidOperationException("a task failed", failure);
        }

        public void Started(task_struct task)
        {
            lock (this.gate)
            {
                this.runnable[task.pid] = true;
                this.started++;
                if (this.started == tasks)
                    this.Pick();
                Monitor.PulseAll(this.gate);
                this.WaitTurn(task.pid);
            }
        }

        public void Exited(task_struct task)
        {
            lock (this.gate)
            {
                this.runnable.Remove(task.pid);
                this.Pick();
            }
        }

        public void Point(task_struct task, SchedulingPoint kind, object? target) => this.Switch(task, mayStay: true);

        public void Spin(task_struct task, object? target) => this.Switch(task, mayStay: false);

        public void Park(task_struct task)
        {
            lock (this.gate)
            {
                if (this.tokens.Remove(task.pid))
                    return;
                this.runnable[task.pid] = false;
                this.Pick();
                this.WaitTurn(task.pid);
                this.tokens.Remove(task.pid);
            }
        }

        public void Unpark(task_struct task)
        {
            lock (this.gate)
            {
                this.tokens[task.pid] = true;
                if (this.runnable.ContainsKey(task.pid))
                    this.runnable[task.pid] = true;
            }
        }

        private void Switch(task_struct task, bool mayStay)
        {
            lock (this.gate)
            {
                this.Pick(mayStay ? -1 : task.pid);
                this.WaitTurn(task.pid);
            }
        }

        private void Pick(int except = -1)
        {
            int[] can = [.. this.runnable.Where(r => r.Value && r.Key != except).Select(r => r.Key)];
            if (can.Length == 0)
                can = [.. this.runnable.Where(r => r.Value).Select(r => r.Key)];
            this.running = can.Length == 0 ? -1 : can[this.random.Next(can.Length)];
            this.schedule.Append(this.running).Append(' ');
            Monitor.PulseAll(this.gate);
        }

        private void WaitTurn(int pid)
        {
            while (this.running != pid)
                Monitor.Wait(this.gate);
        }
    }
}
