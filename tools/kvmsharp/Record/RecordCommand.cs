// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.CommandLine;
using System.Globalization;
using KvmSharp.Conformance;
using KvmSharp.Conformance.Live;
using KvmSharp.Tools.Replay;
using Spectre.Console;

namespace KvmSharp.Tools.Record;

/// <summary><c>kvmsharp record</c>: the same operations on this host's own kernel and on the model.</summary>
internal static class RecordCommand
{
    private const int MaxOperations = 100_000;

    internal static Command Create(IAnsiConsole console, TextWriter output, TextWriter error)
    {
        var live = new Option<bool>("--live") { Description = "Use this host's own kernel: /dev/kvm, memfd_secret." };
        var check = Files("--check", "Run the inputs of these traces on the host and compare its answers with the recorded ones.");
        var script = Files("--script", "Record hand-written lists of operations, traces without outputs, on the host; needs --out.");
        var seeds = new Option<string>("--seeds") { Description = "Seeds of the sequences: A..B, or one number.", DefaultValueFactory = _ => "1..100" };
        seeds.Aliases.Add("--seed");
        var operations = new Option<int>("--operations") { Description = "Operations in a sequence.", DefaultValueFactory = _ => 200 };
        operations.Aliases.Add("--count");
        var profile = new Option<string?>("--profile") { Description = $"Mix of operations: {string.Join(", ", LiveOptions.Profiles)}. Default: all but the last in turn." };
        var from = Files("--from", $"Recorded traces that the profile {LiveOptions.Mutate} changes.");
        var time = new Option<int?>("--time") { Description = "Seconds after which no further sequence is begun." };
        var folder = new Option<DirectoryInfo?>("--out") { Description = "Folder for a minimal trace of each class of differences." };
        var keep = new Option<DirectoryInfo?>("--trace") { Description = "Folder for the whole trace of every sequence." };
        var raw = new Option<bool>("--no-shrink") { Description = "Report differences as they were found." };
        var command = new Command("record", "Run operations on this host's own kernel and on the model, and compare.")
        {
            live, check, script, seeds, operations, profile, from, time, folder, keep, raw,
        };
        command.SetAction(parsed =>
        {
            if (!parsed.GetValue(live))
                throw new BadInputException("record: --live is missing; there is no other kernel to record on");
            if (HostChecker.Missing() is { } missing)
                throw new BadInputException($"record --live: {missing}");
            if (parsed.GetValue(check) is { Length: > 0 } traces)
                return ReplayCommand.Run(ReplayCommand.Expand(traces), HostChecker.Check, "on the host", json: false, console, output, error);

            if (parsed.GetValue(script) is { Length: > 0 } lists)
                return Script(ReplayCommand.Expand(lists), Folder(parsed.GetValue(folder)) ?? throw new BadInputException("--script: --out is missing"), output);

            (ulong first, ulong last) = Seeds(parsed.GetValue(seeds)!);
            int length = parsed.GetValue(operations);
            if (length is < 1 or > MaxOperations)
                throw new BadInputException($"--operations: {length} is not in 1 to {MaxOperations}");
            string? name = parsed.GetValue(profile);
            if (name is not null && !LiveOptions.Profiles.Contains(name))
                throw new BadInputException($"--profile: '{name}' is none of {string.Join(", ", LiveOptions.Profiles)}");
            string[] sources = parsed.GetValue(from) is { Length: > 0 } given ? ReplayCommand.Expand(given) : [];
            if (name == LiveOptions.Mutate && sources.Length == 0)
                throw new BadInputException($"--profile {LiveOptions.Mutate}: --from with traces is missing");
            if (parsed.GetValue(time) is <= 0)
                throw new BadInputException("--time: not a positive number of seconds");
            return Record(
                new LiveOptions
                {
                    FirstSeed = first,
                    LastSeed = last,
                    Operations = length,
                    Profile = name,
                    Traces = sources,
                    Time = parsed.GetValue(time) is { } seconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue,
                    Out = Folder(parsed.GetValue(folder)),
                    Keep = Folder(parsed.GetValue(keep)),
                    Shrink = !parsed.GetValue(raw),
                },
                console,
                output);
        });
        return command;
    }

    private static int Script(string[] lists, string folder, TextWriter output)
    {
        foreach (string list in lists)
        {
            (string file, int operations) = LiveRecorder.Record(list, folder);
            output.WriteLine($"{file}: {operations} operations");
        }

        return ExitCodes.Fine;
    }

    private static int Record(LiveOptions options, IAnsiConsole console, TextWriter output)
    {
        LiveResult? result = null;
        TerminalProgress.Run(console, progress =>
        {
            Action step = progress.Add("on the host and the model", (int)Math.Min(options.LastSeed - options.FirstSeed + 1, int.MaxValue));
            result = LiveRecorder.Run(options, finding => Print(finding, output), step);
        });
        foreach (string problem in result!.Problems)
            output.WriteLine($"the host's side failed: {problem}");
        foreach (string unsteady in result.Unsteady)
            output.WriteLine($"not the same every time, and no finding: {unsteady}");
        if (result.Findings.Count > 0)
        {
            output.WriteLine("classes of differences:");
            foreach (LiveFinding finding in result.Findings)
                output.WriteLine($"  {finding.Count,6}  {finding.Class}{(finding.File is { } file ? $"  ({file})" : string.Empty)}");
        }

        output.WriteLine($"{result.Sequences} sequences, {result.Operations} operations, {result.Findings.Count} classes of differences");
        return result.Findings.Count > 0 || result.Problems.Count > 0 ? ExitCodes.Found : ExitCodes.Fine;
    }

    private static void Print(LiveFinding finding, TextWriter output)
    {
        output.WriteLine($"seed {finding.Seed}, profile {finding.Profile}: {finding.Class}");
        output.WriteLine($"  {finding.Text}");
        foreach (string line in finding.Operations)
            output.WriteLine($"    {line}");
    }

    private static Option<FileSystemInfo[]> Files(string name, string description) => new(name)
    {
        Description = description,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = true,
    };

    private static string? Folder(DirectoryInfo? folder)
    {
        if (folder is null)
            return null;
        try
        {
            folder.Create();
        }
        catch (IOException e)
        {
            throw new BadInputException($"{folder.FullName}: {e.Message}");
        }

        return folder.FullName;
    }

    private static (ulong First, ulong Last) Seeds(string text)
    {
        string[] parts = text.Split("..");
        if (parts.Length is 1 or 2 && Number(parts[0], out ulong first) && Number(parts[^1], out ulong last) && first <= last)
            return (first, last);
        throw new BadInputException($"--seeds: '{text}' is neither a number nor A..B");

        static bool Number(string part, out ulong number) => ulong.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
