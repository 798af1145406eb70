// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.CommandLine;
using System.Text.Json;
using KvmSharp.Conformance;
using KvmSharp.Init;
using Spectre.Console;

namespace KvmSharp.Tools.Replay;

/// <summary><c>kvmsharp replay</c>: holds the model against traces that were recorded on a real kernel.</summary>
internal static class ReplayCommand
{
    private static readonly string[] Extensions = [".jsonl", ".jsonl.gz"];
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    internal static Command Create(IAnsiConsole console, TextWriter output, TextWriter error)
    {
        var files = new Argument<FileSystemInfo[]>("FILE|DIR") { Description = "Traces, or folders of them (.jsonl, .jsonl.gz).", Arity = ArgumentArity.OneOrMore };
        var strategy = new Option<string>("--strategy") { Description = $"Direct-map strategy: {string.Join(", ", HostOptions.Strategies)}.", DefaultValueFactory = _ => "none" };
        var shard = new Option<string?>("--shard") { Description = "Replay every N-th trace only, from the I-th: I/N, 1 <= I <= N." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("replay", "Replay traces recorded on a real kernel and report every difference.") { files, strategy, shard, json };
        command.SetAction(parsed =>
        {
            string name = parsed.GetValue(strategy)!;
            if (!HostOptions.Strategies.Contains(name))
                throw new BadInputException($"--strategy: '{name}' is none of {string.Join(", ", HostOptions.Strategies)}");
            string[] traces = Shard(Expand(parsed.GetValue(files)!), parsed.GetValue(shard));
            return Replay(traces, name, parsed.GetValue(json), console, output, error);
        });
        return command;
    }

    private static int Replay(string[] traces, string strategy, bool json, IAnsiConsole console, TextWriter output, TextWriter error)
    {
        HostOptions options = Replayer.Recorders with { Strategy = strategy };
        return Run(traces, trace => Replayer.Replay(trace, options), "replaying", json, console, output, error);
    }

    /// <summary>Runs traces in parallel, prints every difference and the last line, and returns the exit status.</summary>
    internal static int Run(string[] traces, Func<string, ReplayResult> replay, string doing, bool json, IAnsiConsole console, TextWriter output, TextWriter error)
    {
        var results = new object[traces.Length];
        TerminalProgress.Run(console, progress =>
        {
            Action replayed = progress.Add(doing, traces.Length);
            Parallel.For(0, traces.Length, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
            {
                try
                {
                    results[i] = replay(traces[i]);
                }
                catch (TraceFormatException bad)
                {
                    results[i] = bad;
                }

                replayed();
            });
        });

        foreach (TraceFormatException bad in results.OfType<TraceFormatException>())
            error.WriteLine($"kvmsharp: {bad.Message}");
        ReplayResult[] replays = [.. results.OfType<ReplayResult>()];
        Print(replays, traces.Length, json, output);
        bool found = replays.Any(replay => replay.Divergences.Count > 0 || replay.Problems.Count > 0);
        return replays.Length < traces.Length ? ExitCodes.BadInput : found ? ExitCodes.Found : ExitCodes.Fine;
    }

    private static void Print(ReplayResult[] replays, int traces, bool json, TextWriter output)
    {
        int operations = replays.Sum(replay => replay.Operations);
        Divergence[] divergences = [.. replays.SelectMany(replay => replay.Divergences)];
        if (json)
        {
            var problems = replays.SelectMany(replay => replay.Problems.Select(problem => new { replay.File, Problem = problem }));
            output.WriteLine(JsonSerializer.Serialize(new { traces, operations, divergences, problems }, Json));
            return;
        }

        foreach (ReplayResult replay in replays)
            Print(replay, output);
        output.WriteLine($"{traces} traces, {operations} operations, {divergences.Length} divergences");
    }

    private static void Print(ReplayResult replay, TextWriter output)
    {
        bool first = true;
        foreach (Divergence divergence in replay.Divergences)
        {
            output.WriteLine($"{divergence.File}:{divergence.Line}: {divergence.Difference}");
            output.WriteLine($"  {divergence.Operation}");

            // What follows a difference is usually its consequence: the state is worth its space once.
            if (first && divergence.State.Length > 0)
                output.WriteLine(divergence.State.TrimEnd());
            first = false;
        }

        foreach (string problem in replay.Problems)
            output.WriteLine($"{replay.File}: at the end: {problem}");
    }

    internal static string[] Expand(FileSystemInfo[] inputs)
    {
        var files = new List<string>();
        foreach (FileSystemInfo input in inputs)
        {
            if (Directory.Exists(input.FullName))
                files.AddRange(Directory.EnumerateFiles(input.FullName).Where(f => Extensions.Any(e => f.EndsWith(e, StringComparison.Ordinal))));
            else if (File.Exists(input.FullName))
                files.Add(input.FullName);
            else
                throw new BadInputException($"{input.FullName}: no such file or folder");
        }

        files.Sort(StringComparer.Ordinal);
        return files.Count > 0 ? [.. files] : throw new BadInputException("no traces: a folder has no .jsonl or .jsonl.gz file");
    }

    private static string[] Shard(string[] traces, string? shard)
    {
        if (shard is null)
            return traces;
        string[] parts = shard.Split('/');
        if (parts.Length != 2 || !int.TryParse(parts[0], out int i) || !int.TryParse(parts[1], out int n) || n < 1 || i < 1 || i > n)
            throw new BadInputException($"--shard: '{shard}' is not I/N with 1 <= I <= N");
        return [.. traces.Where((_, at) => at % n == i - 1)];
    }
}
