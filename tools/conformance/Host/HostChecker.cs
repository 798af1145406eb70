// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using Linux;

namespace KvmSharp.Conformance;

/// <summary>Carries out operations on the host's own kernel.</summary>
public static class HostChecker
{
    /// <summary>What this host lacks, as one line, or null.</summary>
    public static string? Missing()
    {
        const uint GuestMemfd = 234;
        const uint NothingBut = 0x2000_0000;
        if (!OperatingSystem.IsLinux())
            return "this host does not run Linux";
        if (System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture != System.Runtime.InteropServices.Architecture.X64)
            return "this host is not x86-64";
        if (!System.IO.File.Exists("/dev/kvm"))
            return "this host has no /dev/kvm";
        using HostAgent agent = HostAgent.Start();
        var machine = new HostMachine(agent, Session.FirstRegion);
        long kvm = machine.OpenKvm();
        if (kvm < 0)
            return $"/dev/kvm cannot be opened: {Errno.Name((int)kvm)}";
        IUserMachine user = machine;
        if (user.Syscall(Unistd64.__NR_ioctl, (ulong)kvm, UapiKvm.KVM_CHECK_EXTENSION, GuestMemfd) <= 0)
            return "this host's KVM has no guest_memfd (KVM_CAP_GUEST_MEMFD is 0)";

        // An unknown flag is refused by a kernel that has the call.
        long secret = user.Syscall(Unistd64.__NR_memfd_secret, NothingBut);
        return secret == -Errno.ENOSYS ? "this host has no memfd_secret (ENOSYS; see the boot parameter secretmem.enable)" : null;
    }

    /// <summary>Runs the inputs of a trace on the host's kernel and compares what it answers with what was recorded.</summary>
    /// <exception cref="TraceFormatException">The trace is not readable.</exception>
    /// <exception cref="HostException">The agent could not be started, died or hung.</exception>
    public static ReplayResult Check(string file)
    {
        using var reader = new TraceReader(file);
        var divergences = new List<Divergence>();
        int operations = 0;
        using IEnumerator<Operation> lines = reader.Operations().GetEnumerator();
        using HostAgent agent = HostAgent.Start();
        HostMachine machine = Prepare(agent, reader.Header);
        try
        {
            Replayer.RunLines(lines, machine, new Session(machine), reader.Header.Noisy ? new DirectMapChanges() : null, divergences, ref operations, nested: false);
        }
        catch (AgentGoneException gone)
        {
            divergences.Add(new Divergence(file, operations + 1, lines.Current?.Raw ?? string.Empty, gone.Message, string.Empty));
        }

        return new ReplayResult(file, operations, divergences, []);
    }

    internal static HostMachine Prepare(HostAgent agent, TraceHeader header)
    {
        var machine = new HostMachine(agent, Session.FirstRegion);
        machine.SetLimit(ResourceH.RLIMIT_MEMLOCK, header.MemlockSoft, header.MemlockHard);
        if (!header.CapIpcLock)
            machine.DropIpcLock();
        return machine;
    }
}
