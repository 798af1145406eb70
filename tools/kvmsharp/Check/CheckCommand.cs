// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.CommandLine;
using System.Text.Json;
using Spectre.Console;

namespace KvmSharp.Tools.Check;

/// <summary><c>kvmsharp check</c>: runs the analyzers over somebody else's code.</summary>
internal static class CheckCommand
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private static string Version => typeof(CheckCommand).Assembly.GetName().Version!.ToString(3);

    internal static Command Create(IAnsiConsole console, TextWriter output)
    {
        var path = new Argument<string>("PATH") { Description = "A project, a solution, a folder of either or of loose sources, or one source file." };
        var sarif = new Option<string?>("--sarif") { Description = "Write the diagnostics to this file (SARIF 2.1), suppressed ones included." };
        var json = new Option<bool>("--json") { Description = "Print the diagnostics as JSON." };
        var command = new Command("check", "Check the lock, reference, direct-map and return-code contracts of C# code.") { path, sarif, json };
        command.SetAction(parsed => Check(parsed.GetValue(path)!, parsed.GetValue(sarif), parsed.GetValue(json), console, output));
        return command;
    }

    private static int Check(string path, string? sarif, bool json, IAnsiConsole console, TextWriter output)
    {
        string work = Directory.CreateTempSubdirectory("kvmsharp-check").FullName;
        try
        {
            IReadOnlyList<Target> targets = Target.Find(path, work);
            if (sarif is not null)
                CheckWritable(sarif);
            var findings = new Findings();
            int compilations = 0;
            TerminalProgress.Run(console, progress => compilations = Collect(targets, work, progress, findings));
            if (sarif is not null)
                Write(sarif, findings);
            Finding[] found = [.. findings.All];
            Print(found, compilations, json, output);
            return found.Length > 0 ? ExitCodes.Found : ExitCodes.Fine;
        }
        finally
        {
            Directory.Delete(work, true);
        }
    }

    private static int Collect(IReadOnlyList<Target> targets, string work, TerminalProgress progress, Findings findings)
    {
        Action built = progress.Add("building", targets.Count);
        var runs = new List<CompilerRun>();
        foreach (Target target in targets)
        {
            runs.AddRange(CompilerRun.Of(target, work));
            built();
        }

        Action check = progress.Add("checking", runs.Count);
        string[] logs = new string[runs.Count];
        try
        {
            Parallel.For(0, runs.Count, i =>
            {
                logs[i] = runs[i].Check(work);
                check();
            });
        }
        catch (AggregateException several) when (several.InnerExceptions.OfType<BadInputException>().FirstOrDefault() is { } bad)
        {
            throw new BadInputException(bad.Message);
        }

        foreach (string log in logs)
            findings.Add(log);
        return runs.Count;
    }

    private static void Print(Finding[] found, int compilations, bool json, TextWriter output)
    {
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(
                new { compilations, diagnostics = found.Select(f => new { f.Place.File, f.Place.Line, f.Place.Column, f.Severity, f.Id, f.Message, f.Related }) }, Json));
            return;
        }

        foreach (Finding finding in found)
            output.WriteLine(finding.Line(Environment.CurrentDirectory));
        output.WriteLine($"{compilations} compilations, {found.Length} diagnostics");
    }

    /// <summary>A run may take minutes: what can be known about its output is said before it.</summary>
    private static void CheckWritable(string file)
    {
        string full = Path.GetFullPath(file);
        if (Directory.Exists(full) || !Directory.Exists(Path.GetDirectoryName(full)))
            throw new BadInputException($"--sarif: '{file}' is a folder, or is in none");
    }

    private static void Write(string file, Findings findings)
    {
        try
        {
            File.WriteAllText(file, findings.ToSarif(Version));
        }
        catch (Exception cannot) when (cannot is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"--sarif: '{file}' cannot be written ({cannot.Message})");
        }
    }
}
