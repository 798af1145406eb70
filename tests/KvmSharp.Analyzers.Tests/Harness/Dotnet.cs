// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;

namespace KvmSharp.Analyzers.Tests;

/// <summary>Runs the SDK as a user would, without leaving a process behind.</summary>
public static partial class Dotnet
{
    /// <summary>Gets the root of the repository.</summary>
    public static string Root => Metadata("RepoRoot");

    /// <summary>Gets the configuration the tests were built in.</summary>
    public static string Configuration => Metadata("Configuration");

    /// <summary>Runs a command of the SDK.</summary>
    /// <param name="folder">Working folder.</param>
    /// <param name="arguments">Arguments.</param>
    /// <returns>Exit code and everything it printed.</returns>
    public static (int Exit, string Output) Run(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in arguments.Concat(["-nodeReuse:false", "-p:UseSharedCompilation=false", "-tl:off", "--nologo"]))
            start.ArgumentList.Add(argument);
        foreach (string name in start.Environment.Keys.Where(key => key.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["MSBUILDTERMINALLOGGER"] = "off";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(5)))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException("dotnet " + string.Join(' ', arguments));
        }

        return (process.ExitCode, output.Result + error.Result);
    }

    /// <summary>The diagnostics in the output of a build, each once.</summary>
    /// <param name="output">Output.</param>
    /// <returns>File, line, severity and id.</returns>
    public static IReadOnlyCollection<(string File, int Line, string Severity, string Id)> Diagnostics(string output)
        => [.. Diagnostic().Matches(output).Select(match => (
            Path.GetFileName(match.Groups[1].Value.Trim()),
            int.Parse(match.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture),
            match.Groups[3].Value,
            match.Groups[4].Value)).Distinct()];

    private static string Metadata(string key)
        => typeof(Dotnet).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == key).Value!;

    [GeneratedRegex(@"^(.+?)\((\d+),\d+\): (error|warning) ([A-Z]+\d+):", RegexOptions.Multiline)]
    private static partial Regex Diagnostic();
}
