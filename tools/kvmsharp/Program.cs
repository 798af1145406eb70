// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using Spectre.Console;

namespace KvmSharp.Tools;

/// <summary>The command line's entry.</summary>
internal static class Program
{
    private static int Main(string[] args) => CommandLine.Run(args, AnsiConsole.Console, Console.Out, Console.Error);
}
