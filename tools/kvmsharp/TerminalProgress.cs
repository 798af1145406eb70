// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using Spectre.Console;

namespace KvmSharp.Tools;

/// <summary>Progress bars on a terminal; nothing at all where the output goes to a file or a program.</summary>
internal sealed class TerminalProgress
{
    private readonly ProgressContext? _context;

    private TerminalProgress(ProgressContext? context) => _context = context;

    internal static void Run(IAnsiConsole console, Action<TerminalProgress> body)
    {
        if (!console.Profile.Capabilities.Interactive || !console.Profile.Out.IsTerminal)
        {
            body(new TerminalProgress(null));
            return;
        }

        console.Progress().AutoClear(true).Start(context => body(new TerminalProgress(context)));
    }

    /// <summary>A bar of so many steps; what it returns advances it by one, from any thread.</summary>
    internal Action Add(string what, int steps)
    {
        if (_context is null)
            return static () => { };
        ProgressTask task = _context.AddTask(what, maxValue: steps);
        return () => task.Increment(1);
    }
}
