// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.CommandLine;
using System.Text.Json;
using KvmSharp.Init;
using KvmSharp.Machine;
using KvmSharp.Vmm;
using Spectre.Console;

namespace KvmSharp.Tools.Boot;

/// <summary><c>kvmsharp boot</c>: boots a guest out of guest_memfd and reports what it cost and what was reachable.</summary>
internal static class BootCommand
{
    private const ulong MaxGuestMemory = 3UL << 30;

    internal static Command Create(IAnsiConsole console, TextWriter output)
    {
        var guest = new Option<FileInfo?>("--guest") { Description = "An x86-64 ELF64 file to boot in place of the bundled guest." };
        var strategy = new Option<string>("--strategy") { Description = $"Direct-map strategy: {string.Join(", ", HostOptions.Strategies)}.", DefaultValueFactory = _ => "filemap" };
        var memory = new Option<string>("--memory") { Description = "Guest memory, for example 64M.", DefaultValueFactory = _ => "16M" };
        var hostMemory = new Option<string?>("--host-memory") { Description = "Host memory; by default enough for the guest." };
        var vcpus = new Option<int>("--vcpus") { Description = "Number of vCPUs; each runs on a thread of its own.", DefaultValueFactory = _ => 1 };
        var arch = new Option<string>("--arch") { Description = "Architecture of the host: x86 or arm64.", DefaultValueFactory = _ => "x86" };
        var costs = new Option<FileInfo?>("--costs") { Description = "Prices of hardware events, a JSON file." };
        var parameters = new Option<string>("--cmdline") { Description = "Boot parameters of the host's kernel, for example \"rodata=on\".", DefaultValueFactory = _ => string.Empty };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var trace = new Option<FileInfo?>("--trace") { Description = "Write a trace in Chrome's trace event format (loads in Perfetto)." };
        var command = new Command("boot", "Boot a guest out of a direct-map-removed guest_memfd and print its report.")
        {
            guest, strategy, memory, hostMemory, vcpus, arch, parameters, costs, json, trace,
        };
        command.SetAction(parsed =>
        {
            var request = new BootRequest
            {
                Guest = parsed.GetValue(guest)?.FullName,
                Strategy = Strategy(parsed.GetValue(strategy)!),
                GuestMemory = Sizes.Parse(parsed.GetValue(memory)!, "--memory"),
                HostMemory = parsed.GetValue(hostMemory) is { } size ? Sizes.Parse(size, "--host-memory") : null,
                Vcpus = parsed.GetValue(vcpus),
                Isa = Arch(parsed.GetValue(arch)!),
                Costs = parsed.GetValue(costs) is { } file ? LoadCosts(file) : null,
                TraceFile = parsed.GetValue(trace)?.FullName,
                KernelParameters = parsed.GetValue(parameters)!,
            };
            Check(request);
            BootReport report = Booter.Boot(request);
            if (parsed.GetValue(json))
                output.WriteLine(JsonSerializer.Serialize(report, BootReportContext.Default.BootReport));
            else
                BootPrinter.Print(console, report);
            return report.Good ? ExitCodes.Fine : ExitCodes.Found;
        });
        return command;
    }

    private static string Strategy(string name) => HostOptions.Strategies.Contains(name) ? name
        : throw new BadInputException($"--strategy: '{name}' is none of {string.Join(", ", HostOptions.Strategies)}");

    private static Isa Arch(string name) => name switch
    {
        "x86" or "x86_64" => Isa.X86_64,
        "arm64" or "aarch64" => Isa.Arm64,
        _ => throw new BadInputException($"--arch: '{name}' is neither x86 nor arm64"),
    };

    private static CostModel LoadCosts(FileInfo file)
    {
        try
        {
            return CostModel.Load(file.FullName);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or MachineException or ArgumentException or JsonException)
        {
            throw new BadInputException($"--costs: {file.FullName}: {e.Message}");
        }
    }

    private static void Check(BootRequest request)
    {
        if (request.Vcpus is < 1 or > GuestProgram.MaxVcpus)
            throw new BadInputException($"--vcpus: {request.Vcpus} is not in 1..{GuestProgram.MaxVcpus}");
        if (request.GuestMemory % 4096 != 0 || request.GuestMemory is < (2UL << 20) or > MaxGuestMemory)
            throw new BadInputException($"--memory: {request.GuestMemory} bytes is not a multiple of 4096 from 2M to 3G");
        if (request.HostMemory is { } host && host < request.GuestMemory + (64UL << 20))
            throw new BadInputException($"--host-memory: {host} bytes cannot hold {request.GuestMemory} bytes of guest and a kernel");
        if (request.Guest is { } path && !System.IO.File.Exists(path))
            throw new BadInputException($"--guest: {path}: no such file");
    }
}
