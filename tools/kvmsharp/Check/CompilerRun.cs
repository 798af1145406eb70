// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text;
using System.Text.RegularExpressions;

namespace KvmSharp.Tools.Check;

/// <summary>One compilation of a checked project, as its own build ran it.</summary>
internal sealed partial class CompilerRun
{
    private const string AnalyzerFile = "KvmSharp.Analyzers.dll";
    private const string TopLevelStatementsInLibrary = "error CS8805";

    /// <summary>Switches that write files beside the checked code, or let a finding of another analyzer end the run.</summary>
    private static readonly string[] Dropped =
        ["/out:", "/refout:", "/pdb:", "/doc:", "/errorlog:", "/skipanalyzers", "/warnaserror", "/generatedfilesout:", "/sourcelink:", "/embed", "/reportanalyzer", "/refonly"];

    private readonly string _compiler;
    private readonly string _arguments;

    private CompilerRun(string project, string compiler, string arguments)
    {
        Project = project;
        _compiler = compiler;
        _arguments = arguments;
    }

    /// <summary>Project file, absolute.</summary>
    internal string Project { get; }

    /// <summary>Builds a target without its analyzers, in a folder of its own, and returns the compilations that this took.</summary>
    /// <exception cref="BadInputException">It does not build.</exception>
    internal static IReadOnlyList<CompilerRun> Of(Target target, string work)
    {
        string kept = Path.Combine(work, "compilations", Guid.NewGuid().ToString());
        Directory.CreateDirectory(kept);
        (int exit, string output) = Build(target, work, kept);
        if (exit != 0 && target.IsLoose && output.Contains(TopLevelStatementsInLibrary, StringComparison.Ordinal))
            (exit, output) = Build(target, work, kept, "-p:OutputType=Exe");
        if (exit != 0)
            throw new BadInputException($"{target.Name} does not build: {FirstError(output)}");
        var runs = new List<CompilerRun>();
        foreach (string file in Directory.EnumerateFiles(kept, "*.project"))
        {
            string[] lines = File.ReadAllLines(file);
            runs.Add(new CompilerRun(lines[0], Path.Combine(lines[1], "bincore", "csc.dll"), Rewrite(File.ReadLines(Path.ChangeExtension(file, ".rsp")))));
        }

        return [.. runs.OrderBy(run => run.Project, StringComparer.Ordinal)];
    }

    /// <summary>Compiles once more with the analyzers and returns the compiler's log (SARIF 2.1).</summary>
    /// <exception cref="BadInputException">This SDK's compiler cannot load them.</exception>
    internal string Check(string work)
    {
        string folder = Directory.CreateDirectory(Path.Combine(work, "runs", Guid.NewGuid().ToString())).FullName;
        string response = Path.Combine(folder, "check.rsp");
        string log = Path.Combine(folder, "check.sarif");
        string analyzer = Path.Combine(AppContext.BaseDirectory, "check", AnalyzerFile);
        File.WriteAllText(response, $"""
            {_arguments}
            "/out:{Path.Combine(folder, "out.dll")}"
            "/analyzer:{analyzer}"
            "/errorlog:{log},version=2.1"
            """);
        (_, string output) = DotnetSdk.Run(Path.GetDirectoryName(Project)!, _compiler, "/noconfig", $"@{response}");
        string? refused = Lines(output).FirstOrDefault(line => line.Contains(AnalyzerFile, StringComparison.Ordinal) && (line.Contains("CS9057") || line.Contains("CS8032")));
        if (refused is not null)
            throw new BadInputException($"{Project}: its SDK is too old for the analyzers: {refused}");
        return File.Exists(log) ? File.ReadAllText(log) : throw new BadInputException($"{Project} does not compile: {FirstError(output)}");
    }

    private static (int Exit, string Output) Build(Target target, string work, string kept, params IEnumerable<string> properties) => DotnetSdk.Run(
        Path.GetDirectoryName(target.Path)!,
        [
            "build",
            target.Path,
            "--nologo",
            "-v:quiet",
            "-tl:off",
            "--artifacts-path",
            Path.Combine(work, "artifacts"),
            $"-p:CustomAfterMicrosoftCommonTargets={Path.Combine(AppContext.BaseDirectory, "check", "kvmsharp.check.targets")}",
            $"-p:KvmSharpCheckFolder={kept}",
            "-p:RunAnalyzers=false",
            "-p:TreatWarningsAsErrors=false",
            "-p:UseSharedCompilation=false",

            // A file-based program asks for the native runtime by default; a check publishes nothing.
            .. Path.GetExtension(target.Path) == ".cs" ? ["-p:PublishAot=false"] : Array.Empty<string>(),
            .. properties,
        ]);

    private static string Rewrite(IEnumerable<string> arguments)
    {
        var text = new StringBuilder();
        foreach (string argument in arguments)
        {
            if (argument.Length == 0 || Dropped.Any(d => argument.StartsWith(d, StringComparison.OrdinalIgnoreCase)))
                continue;
            if (argument.StartsWith("/analyzer:", StringComparison.OrdinalIgnoreCase) && argument.TrimEnd('"').EndsWith(AnalyzerFile, StringComparison.OrdinalIgnoreCase))
                continue;
            text.AppendLine(argument.Contains('"') || !argument.Any(char.IsWhiteSpace) ? argument : $"\"{argument}\"");
        }

        return text.ToString();
    }

    private static string FirstError(string output) =>
        Lines(output).FirstOrDefault(line => line.Contains(": error ", StringComparison.Ordinal) || line.StartsWith("error ", StringComparison.Ordinal))
        ?? Lines(output).FirstOrDefault() ?? "the build said nothing";

    /// <summary>MSBuild ends its lines with the project in brackets.</summary>
    [GeneratedRegex(@" \[[^\[\]]+\]$")]
    private static partial Regex ProjectSuffix { get; }

    private static IEnumerable<string> Lines(string output) => output.Split('\n').Select(line => ProjectSuffix.Replace(line.Trim(), string.Empty)).Where(line => line.Length > 0);
}
