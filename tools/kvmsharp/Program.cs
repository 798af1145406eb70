// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using Spectre.Console;

namespace KvmSharp.Tools;

/// <summary>The command line's entry.</summary>
internal static class Program
{
    internal const int RedirectedWidth = 80;

    private static int Main(string[] args) => CommandLine.Run(args, MakeConsole(), Console.Out, Console.Error);

    // What is piped or kept gets no escape sequences and lines of 80 columns, whatever terminal the command was typed at.
    private static IAnsiConsole MakeConsole()
    {
        if (!Console.IsOutputRedirected)
            return AnsiConsole.Console;
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(Console.Out),
        });
        console.Profile.Width = RedirectedWidth;
        return console;
    }
}
