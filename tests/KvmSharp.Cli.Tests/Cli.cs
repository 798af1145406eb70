// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text.Json;
using KvmSharp.Tools;
using Spectre.Console;

namespace KvmSharp.Cli.Tests;

/// <summary>What one run of the command line printed, and its exit status.</summary>
internal sealed record CliResult(int Status, string Output, string Error)
{
    internal JsonElement Json => JsonDocument.Parse(this.Output).RootElement;
}

/// <summary>Runs the command line in this process.</summary>
internal static class Cli
{
    internal static string Guests { get; } = FindGuests();

    internal static CliResult Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = Program.RedirectedWidth;
        int status = CommandLine.Run(args, console, output, error);
        return new CliResult(status, output.ToString(), error.ToString());
    }

    /// <summary>Bad input: one line on standard error, nothing on standard output, status 2.</summary>
    internal static string Refused(params string[] args)
    {
        CliResult result = Run(args);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Status, Is.EqualTo(ExitCodes.BadInput), result.Error);
            Assert.That(result.Output, Is.Empty);
            Assert.That(result.Error, Does.StartWith("kvmsharp: ").And.EndsWith(Environment.NewLine));
            Assert.That(result.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), result.Error);
        }

        return result.Error;
    }

    private static string FindGuests()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string guests = Path.Combine(folder.FullName, "tests", "guests");
            if (Directory.Exists(guests))
                return guests;
        }

        throw new DirectoryNotFoundException("tests/guests is not above the test's folder");
    }
}
