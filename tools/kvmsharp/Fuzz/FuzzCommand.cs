// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using KvmSharp.Conformance;
using KvmSharp.Conformance.Fuzz;
using KvmSharp.Init;
using KvmSharp.Machine;
using Spectre.Console;

namespace KvmSharp.Tools.Fuzz;

/// <summary><c>kvmsharp fuzz</c>: generated operations and failing allocations against the model alone.</summary>
internal static class FuzzCommand
{
    internal static Command Create(IAnsiConsole console, TextWriter output, TextWriter error)
    {
        var seed = new Option<ulong>("--seed") { Description = "The first seed; the same seed is the same run.", DefaultValueFactory = _ => 1 };
        var seeds = new Option<int>("--seeds") { Description = "How many seeds, one after the other.", DefaultValueFactory = _ => 1 };
        var operations = new Option<int>("--ops", "--operations") { Description = "Operations of each seed.", DefaultValueFactory = _ => 200_000 };
        var episode = new Option<int>("--per-host") { Description = "Operations on one host before it is powered down and looked over.", DefaultValueFactory = _ => 2000 };
        var profile = new Option<string?>("--profile") { Description = $"Mix of operations: {string.Join(", ", FuzzOptions.Profiles)}; drawn for each host when not given." };
        var strategy = new Option<string?>("--strategy") { Description = $"Direct-map strategy: {string.Join(", ", HostOptions.Strategies)}; drawn for each host when not given." };
        var arch = new Option<string?>("--arch") { Description = "x86_64 or arm64; drawn for each host when not given." };
        var fail = new Option<int>("--fail") { Description = "Share of operations, in percent, during which an allocation fails.", DefaultValueFactory = _ => 20 };
        var check = new Option<int>("--check-every") { Description = "Check all invariants after every N-th operation; 0: at power-down only.", DefaultValueFactory = _ => 1 };
        var threads = new Option<int>("--threads") { Description = "Threads of the process that act at the same time; more than 1 is not repeatable by seed alone.", DefaultValueFactory = _ => 1 };
        var lockdep = new Option<bool>("--no-lockdep") { Description = "Do not check lock order and context." };
        var hang = new Option<int>("--hang-after") { Description = "Seconds without the end of an operation that are a hang.", DefaultValueFactory = _ => 20 };
        var shrink = new Option<int>("--shrink") { Description = "Seconds that are spent on making a failure smaller.", DefaultValueFactory = _ => 60 };
        var trace = new Option<FileInfo?>("--trace") { Description = "Run the operations of this trace instead." };
        var write = new Option<DirectoryInfo?>("--write") { Description = "Folder for traces of failures; the current one when not given." };
        var json = new Option<bool>("--json") { Description = "Print a JSON object for each seed." };
        var command = new Command("fuzz", "Run generated operations with failing allocations on the model, and look for crashes, broken invariants, leaks and hangs.")
        {
            seed, seeds, operations, episode, profile, strategy, arch, fail, check, threads, lockdep, hang, shrink, trace, write, json,
        };
        command.SetAction(parsed =>
        {
            FuzzOptions options = new()
            {
                Operations = AtLeast(parsed.GetValue(operations), 1, "--ops"),
                EpisodeOperations = AtLeast(parsed.GetValue(episode), 1, "--per-host"),
                Profile = OneOf(parsed.GetValue(profile), FuzzOptions.Profiles, "--profile"),
                Strategy = OneOf(parsed.GetValue(strategy), HostOptions.Strategies, "--strategy"),
                Isa = OneOf(parsed.GetValue(arch), ["x86_64", "arm64"], "--arch") switch
                {
                    null => null,
                    "arm64" => Isa.Arm64,
                    _ => Isa.X86_64,
                },
                FailPercent = InRange(parsed.GetValue(fail), 0, 100, "--fail"),
                CheckEvery = AtLeast(parsed.GetValue(check), 0, "--check-every"),
                Threads = InRange(parsed.GetValue(threads), 1, 64, "--threads"),
                Lockdep = !parsed.GetValue(lockdep),
                HangAfter = TimeSpan.FromSeconds(AtLeast(parsed.GetValue(hang), 1, "--hang-after")),
                ShrinkFor = TimeSpan.FromSeconds(AtLeast(parsed.GetValue(shrink), 0, "--shrink")),
            };
            var run = new Run(options, parsed.GetValue(write) ?? new DirectoryInfo(Environment.CurrentDirectory), parsed.GetValue(json), console, output);
            return parsed.GetValue(trace) is { } file
                ? run.Trace(file, error)
                : run.Seeds(parsed.GetValue(seed), AtLeast(parsed.GetValue(seeds), 1, "--seeds"));
        });
        return command;
    }

    private static int AtLeast(int value, int least, string option) =>
        value >= least ? value : throw new BadInputException($"{option}: {value} is less than {least}");

    private static int InRange(int value, int least, int most, string option) =>
        value >= least && value <= most ? value : throw new BadInputException($"{option}: {value} is not in {least} to {most}");

    private static string? OneOf(string? value, IReadOnlyList<string> known, string option) =>
        value is null || known.Contains(value) ? value : throw new BadInputException($"{option}: '{value}' is none of {string.Join(", ", known)}");

    private sealed class Run(FuzzOptions options, DirectoryInfo folder, bool json, IAnsiConsole console, TextWriter output)
    {
        internal int Seeds(ulong first, int count)
        {
            var results = new List<FuzzResult>();
            for (int i = 0; i < count; i++)
            {
                ulong seed = unchecked(first + (ulong)i);
                FuzzResult? result = null;
                console.Progress().AutoClear(true).Start(context =>
                {
                    ProgressTask task = context.AddTask($"seed {seed}", maxValue: options.Operations);
                    result = Fuzzer.Run(seed, options, done => task.Increment(done));
                });
                results.Add(result!);
                Print(result!);
            }

            int failures = results.Count(r => r.Failure is not null);
            long operations = results.Sum(r => r.Operations);
            double seconds = Math.Max(results.Sum(r => r.Elapsed.TotalSeconds), 1e-9);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} seeds, {operations} operations, {operations / seconds:0} operations/s, {results.Sum(r => r.Injected)} failed allocations, {failures} failures"));
            return failures > 0 ? ExitCodes.Found : ExitCodes.Fine;
        }

        internal int Trace(FileInfo file, TextWriter error)
        {
            if (!file.Exists)
                throw new BadInputException($"{file.FullName}: no such file");
            try
            {
                FuzzResult result = Fuzzer.RunTrace(file.FullName, options);
                Print(result);
                output.WriteLine($"1 traces, {result.Operations} operations, {(result.Failure is null ? 0 : 1)} failures");
                return result.Failure is null ? ExitCodes.Fine : ExitCodes.Found;
            }
            catch (TraceFormatException bad)
            {
                error.WriteLine($"kvmsharp: {bad.Message}");
                return ExitCodes.BadInput;
            }
        }

        private void Print(FuzzResult result)
        {
            string? path = result.Trace is null ? null : Path.Combine(folder.FullName, $"fuzz-{result.Seed}.jsonl");
            if (path is not null)
            {
                folder.Create();
                File.WriteAllText(path, result.Trace);
            }

            if (json)
            {
                output.WriteLine(JsonSerializer.Serialize(new
                {
                    seed = result.Seed,
                    operations = result.Operations,
                    injected = result.Injected,
                    hosts = result.Hosts,
                    seconds = result.Elapsed.TotalSeconds,
                    failure = result.Failure is { } f ? new { kind = f.Kind, message = f.Message, report = f.Report } : null,
                    host = result.Host,
                    trace = path,
                }));
                return;
            }

            double rate = result.Operations / Math.Max(result.Elapsed.TotalSeconds, 1e-9);
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"seed {result.Seed}: {result.Operations} operations on {result.Hosts} hosts, {result.Injected} failed allocations, {rate:0} operations/s: {result.Failure?.Kind ?? "fine"}"));
            if (result.Failure is not { } failure)
                return;
            output.WriteLine($"  {result.Host}");
            output.WriteLine($"  {failure.Message}");
            foreach (string line in failure.Report.TrimEnd().Split('\n'))
                output.WriteLine($"    {line}");
            if (path is not null)
                output.WriteLine($"  written to {path}; again with: kvmsharp fuzz --trace {path}");
        }
    }
}
