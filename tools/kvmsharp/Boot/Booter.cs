// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Init;
using KvmSharp.Machine;
using KvmSharp.Vmm;

namespace KvmSharp.Tools.Boot;

/// <summary>What to boot, on what.</summary>
internal sealed record BootRequest
{
    public string? Guest { get; init; }

    public required string Strategy { get; init; }

    public required ulong GuestMemory { get; init; }

    public ulong? HostMemory { get; init; }

    public required int Vcpus { get; init; }

    public required Isa Isa { get; init; }

    public CostModel? Costs { get; init; }

    public string? TraceFile { get; init; }

    /// <summary>Gets boot parameters of the host's kernel.</summary>
    public string KernelParameters { get; init; } = string.Empty;
}

/// <summary>Boots and collects the report.</summary>
internal static class Booter
{
    private const int LongestWindows = 8;

    internal static BootReport Boot(BootRequest request)
    {
        GuestProgram program = LoadGuest(request, out GuestBoot boot);
        using FileStream? trace = request.TraceFile is { } path ? OpenTrace(path) : null;
        ulong hostMemory = request.HostMemory ?? Math.Max(1UL << 30, ((request.GuestMemory * 2) + (256UL << 20) + (1UL << 30) - 1) & ~((1UL << 30) - 1));
        HostOptions options = new()
        {
            Isa = request.Isa,
            Cpus = Math.Max(request.Vcpus + 1, 2),
            MemoryBytes = hostMemory,
            Strategy = request.Strategy,
            Costs = request.Costs,
        };

        Host host;
        try
        {
            host = Host.Boot(options.WithParameters(request.KernelParameters));
        }
        catch (Exception e) when (e is ArgumentException or MachineException)
        {
            throw new BadInputException($"the host does not boot: {e.Message}");
        }

        using (host)
        {
            if (trace is not null)
                host.StartTrace();
            DirectMapReport before = DirectMapDrawing.Draw(host);
            DirectMapReport? after = null;
            string serial = string.Empty;
            IReadOnlyDictionary<string, long> exits = new Dictionary<string, long>();
            RunResult? result = null;
            string? failure = null;
            try
            {
                UserProcess.Run(host.Kernel, "vmm", process =>
                {
                    VirtualMachine machine = VirtualMachine.Create(process, request.GuestMemory, Flags(request.Strategy));
                    machine.Load(program, request.Vcpus, boot.DeviceAddress);
                    result = machine.Run();
                    after = DirectMapDrawing.Draw(host, process);
                    serial = machine.Serial;
                    exits = machine.Exits.ByReason;
                    machine.Close();
                });
            }
            catch (Exception e) when (e is InvalidOperationException or UserSignalException or Linux.KernelOops)
            {
                failure = e.Message;
            }

            if (trace is not null)
                WriteTrace(host, trace);
            IReadOnlyList<string> problems = ShutDown(host, out ExposureReport exposure, out IReadOnlyList<EventReport> events, out long now);
            return new BootReport
            {
                Arch = request.Isa == Isa.X86_64 ? "x86" : "arm64",
                Strategy = request.Strategy,
                Vcpus = request.Vcpus,
                HostMemory = hostMemory,
                GuestMemory = request.GuestMemory,
                Guest = program.Name,
                Halted = result?.Halted ?? false,
                Failure = failure ?? result?.Failure,
                GuestVerdict = result?.Verdict ?? 0,
                PagesVerified = result?.PagesVerified ?? 0,
                Serial = serial,
                Exits = exits,
                Before = before,
                After = after ?? before,
                Events = events,
                SimulatedPs = now,
                Exposure = exposure,
                Problems = problems,
            };
        }
    }

    private static GuestProgram LoadGuest(BootRequest request, out GuestBoot boot)
    {
        boot = new GuestBoot { Vcpus = request.Vcpus, MemoryBytes = request.GuestMemory };
        try
        {
            if (request.Isa == Isa.Arm64)
                return request.Guest is null ? GuestProgram.Scripted(boot) : throw new BadInputException("--guest: an arm64 vCPU runs scripts, not files");
            return request.Guest is { } path ? GuestProgram.FromElf(Elf64Image.Load(path), boot) : GuestProgram.Bundled(boot);
        }
        catch (Exception e) when (e is ElfFormatException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new BadInputException(e.Message);
        }
    }

    private static void WriteTrace(Host host, FileStream trace)
    {
        try
        {
            host.WriteTrace(trace);
            trace.Flush();
        }
        catch (IOException e)
        {
            throw new BadInputException($"--trace: {e.Message}");
        }
        finally
        {
            // What could not be written would be tried again, and fail again, when the stream is disposed.
            trace.SafeFileHandle.Dispose();
        }
    }

    /// <summary>Opened before the boot, so that a path that cannot be written costs no boot.</summary>
    private static FileStream OpenTrace(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Create, FileAccess.Write);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"--trace: {e.Message}");
        }
    }

    private static ulong Flags(string strategy) => Kvm.GmemMmap | Kvm.GmemInitShared | (strategy == "none" ? 0 : Kvm.GmemNoDirectMap);

    private static IReadOnlyList<string> ShutDown(Host host, out ExposureReport exposure, out IReadOnlyList<EventReport> events, out long now)
    {
        IReadOnlyList<string> problems = host.PowerDown();
        ExposureVerdict verdict = host.Machine.Exposure.Verdict();
        exposure = Exposure(host, verdict);
        events = Events(host);
        now = host.Machine.NowPs;
        return problems;
    }

    private static ExposureReport Exposure(Host host, ExposureVerdict verdict)
    {
        var sums = new List<WindowSum>();
        foreach ((ExposureCause cause, ExposureSum sum) in verdict.Unallowed.Where(p => p.Value.Count > 0))
            sums.Add(new WindowSum(cause.ToString(), false, sum.Count, sum.TotalPs, sum.MaxPs));
        foreach ((ExposureCause cause, ExposureSum sum) in verdict.Allowed.Where(p => p.Value.Count > 0))
            sums.Add(new WindowSum(cause.ToString(), true, sum.Count, sum.TotalPs, sum.MaxPs));
        WindowReport[] longest = [.. host.Machine.Exposure.Longest().Take(LongestWindows).Select(w =>
            new WindowReport(w.Pfn, w.Via.ToString(), w.Cpus.ToString(), w.FromPs, w.ToPs, w.Allowed))];
        bool reachable = !verdict.Clean;
        string text = verdict.PagesProtected == 0 ? "no page was ever to be out of the direct map"
            : reachable ? "guest memory was reachable after it was the guest's"
            : sums.Count > 0 ? "guest memory was reachable only in windows that the design allows"
            : "no guest byte was reachable through the direct map or a TLB after its folio was the guest's";
        return new ExposureReport(reachable, text, verdict.PagesProtected, verdict.Violations, sums, longest);
    }

    private static List<EventReport> Events(Host host)
    {
        EventTotals totals = host.Machine.Totals();
        CostModel costs = host.Machine.Config.Costs;
        var events = new List<EventReport>();
        foreach (HwEvent e in Enum.GetValues<HwEvent>())
        {
            long count = totals[e];
            if (count != 0)
                events.Add(new EventReport(e.ToString(), count, costs[e], count * costs[e]));
        }

        return events;
    }
}
