// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Cli.Tests;

[TestFixture]
internal sealed class ReadmeTests
{
    private const string Prompt = "$ dotnet run --project tools/kvmsharp -- ";

    /// <summary>What README shows under its first command is the whole of what that command prints. On a change, the message is the new capture.</summary>
    [Test]
    public void TheCaptureIsWhatTheCommandPrints()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Cli.Guests, "..", "..", "README.md"));
        int first = Array.FindIndex(lines, l => l.StartsWith(Prompt, StringComparison.Ordinal));
        Assert.That(first, Is.Positive);
        int end = Array.FindIndex(lines, first, l => l.StartsWith("```", StringComparison.Ordinal));

        CliResult result = Cli.Run(lines[first][Prompt.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        string[] printed = [.. result.Output.TrimEnd().Split('\n').Select(l => l.TrimEnd())];
        Assert.That(lines[(first + 1)..end], Is.EqualTo(printed), result.Output);
    }
}
