// SPDX-License-Identifier: GPL-2.0-only
using System.Diagnostics;
using System.Globalization;
using KvmSharp.Machine;
using Linux;
using static Linux.CurrentH;
using static Linux.Mutex;
using static Linux.RcupdateH;
using static Linux.RefcountH;
using static Linux.RwlockH;
using static Linux.Rwsem;
using static Linux.SpinlockH;
using static Linux.Srcutree;

if (args.Contains("analyzers"))
{
    KvmSharp.Benchmarks.AnalyzerBenchmarks.Run();
    return 0;
}

if (args.Contains("hosts"))
{
    KvmSharp.Benchmarks.HostBenchmarks.Boot();
    KvmSharp.Benchmarks.HostBenchmarks.Pages();
    return 0;
}

if (args.Contains("kernel"))
    return KvmSharp.Benchmarks.KernelComparison.Run() ? 0 : 1;

if (args.Contains("flatness"))
{
    KvmSharp.Benchmarks.KernelComparison.Flatness();
    return 0;
}

// The switch must be set before the first primitive runs: then its value is a constant for the JIT.
bool exploration = args.Contains("exploration");
AppContext.SetSwitch("KvmSharp.Exploration", exploration);

using var machine = new Machine(new MachineConfig { Cpus = 2, MemoryBytes = MachineConfig.MinMemoryBytes });
using var kernel = new Linux.Kernel(machine, new KernelConfig { Lockdep = args.Contains("lockdep"), NameLiveObjects = false });

var spin = new spinlock_t();
var mutex = new mutex();
var rwlock = new rwlock_t();
var rwsem = new rw_semaphore();
var srcu = new srcu_struct(kernel, "srcu");
refcount_t count = default;
refcount_set(ref count, 1);
var plainSpin = new SpinLock(enableThreadOwnerTracking: false);
object monitor = new();
var plainLock = new Lock();
var readerWriter = new ReaderWriterLockSlim();
int plainCount = 1;

(string Name, Action<int> Ours, string PlainName, Action<int> Plain)[] pairs =
[
    ("spin_lock/unlock", n =>
    {
        for (int i = 0; i < n; i++)
        {
            spin_lock(spin);
            spin_unlock(spin);
        }
    }, "SpinLock", n =>
    {
        for (int i = 0; i < n; i++)
        {
            bool taken = false;
            plainSpin.Enter(ref taken);
            plainSpin.Exit();
        }
    }),
    ("mutex_lock/unlock", n =>
    {
        for (int i = 0; i < n; i++)
        {
            mutex_lock(mutex);
            mutex_unlock(mutex);
        }
    }, "Lock", n =>
    {
        for (int i = 0; i < n; i++)
        {
            plainLock.Enter();
            plainLock.Exit();
        }
    }),
    ("mutex_lock/unlock", n =>
    {
        for (int i = 0; i < n; i++)
        {
            mutex_lock(mutex);
            mutex_unlock(mutex);
        }
    }, "Monitor", n =>
    {
        for (int i = 0; i < n; i++)
        {
            Monitor.Enter(monitor);
            Monitor.Exit(monitor);
        }
    }),
    ("read_lock/unlock", n =>
    {
        for (int i = 0; i < n; i++)
        {
            read_lock(rwlock);
            read_unlock(rwlock);
        }
    }, "RWLockSlim read", ReadPlain),
    ("down_read/up_read", n =>
    {
        for (int i = 0; i < n; i++)
        {
            down_read(rwsem);
            up_read(rwsem);
        }
    }, "RWLockSlim read", ReadPlain),
    ("down_write/up_write", n =>
    {
        for (int i = 0; i < n; i++)
        {
            down_write(rwsem);
            up_write(rwsem);
        }
    }, "RWLockSlim write", n =>
    {
        for (int i = 0; i < n; i++)
        {
            readerWriter.EnterWriteLock();
            readerWriter.ExitWriteLock();
        }
    }),
    ("rcu_read_lock/unlock", n =>
    {
        for (int i = 0; i < n; i++)
        {
            rcu_read_lock();
            rcu_read_unlock();
        }
    }, "RWLockSlim read", ReadPlain),
    ("srcu_read_lock/unlock", n =>
    {
        for (int i = 0; i < n; i++)
            srcu_read_unlock(srcu, srcu_read_lock(srcu));
    }, "RWLockSlim read", ReadPlain),
    ("refcount_inc/dec", n =>
    {
        for (int i = 0; i < n; i++)
        {
            refcount_inc(ref count);
            _ = refcount_dec_and_test(ref count);
        }
    }, "Interlocked inc/dec", n =>
    {
        for (int i = 0; i < n; i++)
        {
            Interlocked.Increment(ref plainCount);
            Interlocked.Decrement(ref plainCount);
        }
    }),
    ("enter/exit kernel", n =>
    {
        task_struct task = current;
        for (int i = 0; i < n; i++)
        {
            task.ExitToUser();
            task.EnterKernel();
        }
    }, "Lock", n =>
    {
        for (int i = 0; i < n; i++)
        {
            plainLock.Enter();
            plainLock.Exit();
        }
    }),
];

Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"scheduling points {(exploration ? "on" : "off")}, uncontended, ns a pair"));
kernel.RunTask(() =>
{
    foreach ((string name, Action<int> ours, string plainName, Action<int> plain) in pairs)
    {
        // The two loops alternate, so that a change of the host's speed hits both; the best round of each counts.
        double a = double.MaxValue;
        double b = double.MaxValue;
        for (int round = 0; round < 40; round++)
        {
            a = Math.Min(a, Measure(ours, 100_000));
            b = Math.Min(b, Measure(plain, 100_000));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-24}{a,8:F1}   {plainName,-20}{b,8:F1}   ratio {a / b,5:F2}"));
    }
});
return 0;

static double Measure(Action<int> loop, int n)
{
    long start = Stopwatch.GetTimestamp();
    loop(n);
    return Stopwatch.GetElapsedTime(start).TotalNanoseconds / n;
}

void ReadPlain(int n)
{
    for (int i = 0; i < n; i++)
    {
        readerWriter.EnterReadLock();
        readerWriter.ExitReadLock();
    }
}
