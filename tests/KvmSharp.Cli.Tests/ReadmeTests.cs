// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Cli.Tests;

[TestFixture]
internal sealed class ReadmeTests
{
    private const string Prompt = "$ dotnet run --project tools/kvmsharp -- ";

    /// <summary>
    /// What README shows under its first command is the whole of what that command prints. With KVMSHARP_UPDATE_README=1 in the environment README is
    /// brought up to date.
    /// </summary>
    [Test]
    public void TheCaptureIsWhatTheCommandPrints()
    {
        string readme = Path.Combine(Cli.Guests, "..", "..", "README.md");
        string[] lines = File.ReadAllLines(readme);
        int first = Array.FindIndex(lines, l => l.StartsWith(Prompt, StringComparison.Ordinal));
        Assert.That(first, Is.Positive);
        int end = Array.FindIndex(lines, first, l => l.StartsWith("```", StringComparison.Ordinal));

        CliResult result = Cli.Run(lines[first][Prompt.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        string[] printed = [.. result.Output.TrimEnd().Split('\n').Select(l => l.TrimEnd())];
        if (Environment.GetEnvironmentVariable("KVMSHARP_UPDATE_README") == "1")
        {
            lines = [.. lines[..(first + 1)], .. printed, .. lines[end..]];
            end = first + 1 + printed.Length;
            File.WriteAllText(readme, string.Join('\n', lines) + "\n");
        }

        Assert.That(lines[(first + 1)..end], Is.EqualTo(printed), result.Output);
    }
}
