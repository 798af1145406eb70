// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// One host: the home of everything C keeps in globals. Each subsystem adds its own state in a part of this class in its own file. Kernel code reaches
/// it through <c>current.kernel</c> or through an object that carries it.
/// </summary>
internal sealed partial class Kernel : IDisposable
{
    /// <summary>Announces "Booted" and "PowerOff" with the kernel to whoever in this process listens, such as the hook that checks kernels after each test.</summary>
    internal static readonly DiagnosticListener Lifetimes = new("KvmSharp.Kernel");

    /// <summary>The silicon this kernel runs on.</summary>
    internal readonly Machine machine;
    internal readonly KernelConfig config;

    private readonly Lock warnGate = new();
    private readonly List<string> warnings = [];
    private int warningCount;
    private readonly HashSet<(string File, int Line)> warnedOnce = [];
    private readonly List<(string Name, Action Check)> invariants = [];
    private readonly List<(string Name, Action Hook)> shutdown = [];
    private readonly List<(string Name, Action Hook)> exits = [];
    private bool disposed;

    /// <summary>Puts a kernel on a machine, which belongs to the caller and must outlive it.</summary>
    internal Kernel(Machine machine, KernelConfig? config = null)
    {
        this.machine = machine;
        this.config = config ?? new KernelConfig();
        this.Lockdep = new LockdepState(this);
        this.trace = new TraceState(this);
        this.Tracepoints = new Tracepoints(this.trace);
        this.runqueues = new rq[machine.CpuCount];
        for (int i = 0; i < this.runqueues.Length; i++)
            this.runqueues[i] = new rq(this, machine.Cpus[i]);
        this.log = new string?[Math.Max(1, this.config.LogEntries)];
        if (Lifetimes.IsEnabled())
            Lifetimes.Write("Booted", this);
    }

    /// <summary>The architecture, chosen at boot.</summary>
    internal Arch arch
    {
        get => field ?? throw new KernelOops("this kernel has no architecture");
        init;
    }

    /// <summary>Number of simulated CPUs.</summary>
    internal int nr_cpu_ids => this.runqueues.Length;

    /// <summary>Decides which operations fail; null, the normal case, fails none.</summary>
    internal FailureInjector? Failures { get; set; }

    /// <summary>Owns the schedule while interleavings are explored; null runs free. Set before the first task starts.</summary>
    internal IExplorer? Explorer { get; set; }

    /// <summary>Reports of every WARN and every lockdep splat so far. A test that expects none asserts that it is empty.</summary>
    internal IReadOnlyList<string> Warnings
    {
        get
        {
            lock (this.warnGate)
                return [.. this.warnings];
        }
    }

    /// <summary>How many reports <see cref="Warnings"/> holds.</summary>
    internal int WarningCount => Volatile.Read(ref this.warningCount);

    /// <summary>Forgets the recorded warnings, for tests that provoke them; returns what there was.</summary>
    internal IReadOnlyList<string> TakeWarnings()
    {
        lock (this.warnGate)
        {
            string[] taken = [.. this.warnings];
            this.warnings.Clear();
            this.warningCount = 0;
            return taken;
        }
    }

    internal void Warn(string what, string function, string file, int line, bool once)
    {
        lock (this.warnGate)
        {
            if (once && !this.warnedOnce.Add((file, line)))
                return;
        }

        this.AddWarning(KernelOops.Compose($"WARNING: {Path.GetFileName(file)}:{line} at {function}(): {what}", CurrentH.CurrentOrNull, null));
    }

    /// <summary>Records a complete report; throws it under panic_on_warn.</summary>
    internal void AddWarning(string report)
    {
        lock (this.warnGate)
        {
            this.warnings.Add(report);
            this.warningCount++;
        }

        this.Log(report);
        if (this.config.PanicOnWarn)
            throw new KernelOops(report);
    }

    /// <summary>Adds a check that must hold whenever no task is inside the kernel. It throws a KernelOops that says what is wrong.</summary>
    internal void RegisterInvariant(string name, Action check)
    {
        lock (this.invariants)
            this.invariants.Add((name, check));
    }

    /// <summary>Runs every registered invariant; the first violation is thrown with the name of the invariant in front.</summary>
    internal void CheckInvariants()
    {
        (string Name, Action Check)[] checks;
        lock (this.invariants)
            checks = [.. this.invariants];
        foreach ((string name, Action check) in checks)
        {
            try
            {
                check();
            }
            catch (KernelOops oops)
            {
                throw new KernelOops($"invariant {name}: {oops.Message}", oops.Report);
            }
        }
    }

    /// <summary>Adds a step of shutdown; steps run in reverse order of registration.</summary>
    internal void RegisterShutdown(string name, Action hook)
    {
        lock (this.shutdown)
            this.shutdown.Add((name, hook));
    }

    /// <summary>Adds a step that gives back what a subsystem holds of the simulated machine; steps run as a task, in reverse order.</summary>
    internal void RegisterExit(string name, Action hook)
    {
        lock (this.exits)
            this.exits.Add((name, hook));
    }

    /// <summary>Runs the exit steps. What is alive after it was leaked.</summary>
    internal void RunExits() => this.RunTask(
        () =>
        {
            for (int i = this.exits.Count - 1; i >= 0; i--)
                this.exits[i].Hook();
            this.exits.Clear();
        },
        "exit");

    /// <summary>Powers off: stops kernel threads, runs the registered shutdown steps, frees native memory.</summary>
    public void Dispose()
    {
        if (this.disposed)
            return;
        this.disposed = true;
        if (Lifetimes.IsEnabled())
            Lifetimes.Write("PowerOff", this);
        this.StopKernelThreads();
        for (int i = this.shutdown.Count - 1; i >= 0; i--)
            this.shutdown[i].Hook();
    }
}
