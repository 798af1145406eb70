// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Machine;
using Linux;

namespace KvmSharp.Init;

/// <summary>A booted host: a machine and the kernel on it. Hosts share nothing; any number run side by side.</summary>
public sealed class Host : IDisposable
{
    private bool _disposed;

    private Host(KvmSharp.Machine.Machine machine, Kernel kernel, HostOptions options)
    {
        Machine = machine;
        Kernel = kernel;
        Options = options;
    }

    /// <summary>Gets what the host was made of.</summary>
    public HostOptions Options { get; }

    /// <summary>Gets the silicon.</summary>
    public KvmSharp.Machine.Machine Machine { get; }

    internal Kernel Kernel { get; }

    /// <summary>Powers a host on.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    public static Host Boot(HostOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        DirectMapStrategy strategy = options.MakeStrategy();
        var config = new MachineConfig { Isa = options.Isa, Cpus = options.Cpus, MemoryBytes = options.MemoryBytes };
        if (options.Costs is { } costs)
            config = config with { Costs = costs };
        if (options.Features is { } features)
            config = config with { Features = features };

        var machine = new KvmSharp.Machine.Machine(config);
        try
        {
            Linux.Arch arch = Architectures.Create(machine, options);
            var kernelConfig = new KernelConfig { Lockdep = options.Lockdep, NameLiveObjects = options.NameLiveObjects };
            return new Host(machine, Linux.Main.start_kernel(machine, arch, strategy, kernelConfig), options);
        }
        catch
        {
            machine.Dispose();
            throw;
        }
    }

    /// <summary>Checks every invariant of the kernel and the machine; call it while no task is inside the kernel.</summary>
    /// <exception cref="Exception">An invariant does not hold; the message begins with its name.</exception>
    public void CheckInvariants() => Kernel.RunTask(Kernel.CheckInvariants, "check");

    /// <summary>Begins to record the kernel's tracepoints; until then they cost nothing but a branch each.</summary>
    /// <param name="recordsPerCpu">How many records each CPU keeps, at least 1; older ones are overwritten.</param>
    public void StartTrace(int recordsPerCpu = 1 << 16)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(recordsPerCpu, 1);
        Kernel.trace.Enable(recordsPerCpu);
    }

    /// <summary>
    /// Writes what was recorded since <see cref="StartTrace"/> in Chrome's trace event format, times in microseconds of simulated time. Call it
    /// while no task is inside the kernel.
    /// </summary>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void WriteTrace(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Kernel.trace.WriteChromeTrace(stream);
    }

    /// <summary>Writes the trace to a file, which is made or replaced.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be written.</exception>
    public void WriteTrace(string path)
    {
        using FileStream file = System.IO.File.Create(path);
        WriteTrace(file);
    }

    /// <summary>
    /// Powers off and returns what was wrong: live counted objects, a failed invariant, warnings of the kernel. Everything that user space
    /// held must be closed by then. The machine stays for its counters until the host is disposed.
    /// </summary>
    public IReadOnlyList<string> PowerDown()
    {
        List<string> problems = [];
        try
        {
            CheckInvariants();
        }
        catch (KernelOops oops)
        {
            problems.Add(oops.Message);
        }

        problems.AddRange(Kernel.Warnings);
        Kernel.RunExits();
        problems.AddRange(Kernel.LiveObjects.Select(o => "still alive: " + o));
        return problems;
    }

    /// <summary>Frees the host without asking questions.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        Kernel.Dispose();
        Machine.Dispose();
    }
}
