// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.CommandLine;
using KvmSharp.Conformance;
using KvmSharp.Tools.Boot;
using KvmSharp.Tools.Check;
using KvmSharp.Tools.Fuzz;
using KvmSharp.Tools.Record;
using KvmSharp.Tools.Replay;
using Spectre.Console;

namespace KvmSharp.Tools;

/// <summary>Verbs, and the one place that turns what goes wrong into a line and an exit status.</summary>
internal static class CommandLine
{
    internal static int Run(string[] args, IAnsiConsole console, TextWriter output, TextWriter error)
    {
        var root = new RootCommand("An executable model of guest_memfd and direct-map removal.")
        {
            BootCommand.Create(console, output),
            ReplayCommand.Create(console, output, error),
            RecordCommand.Create(console, output, error),
            FuzzCommand.Create(console, output, error),
            CheckCommand.Create(console, output),
        };

        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            error.WriteLine($"kvmsharp: {parsed.Errors[0].Message}");
            return ExitCodes.BadInput;
        }

        try
        {
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = output, Error = error };
            int status = parsed.Invoke(configuration);
            output.Flush();
            return status;
        }
        catch (TraceFormatException bad)
        {
            error.WriteLine($"kvmsharp: {bad.Message}");
            return ExitCodes.BadInput;
        }
        catch (HostException host)
        {
            error.WriteLine($"kvmsharp: {host.Message}");
            return ExitCodes.BadInput;
        }
        catch (BadInputException bad)
        {
            error.WriteLine($"kvmsharp: {bad.Message}");
            return ExitCodes.BadInput;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Whatever a command reads or writes by name it names itself; what is left is the report.
            error.WriteLine($"kvmsharp: standard output: {e.Message}");
            return ExitCodes.BadInput;
        }
    }
}
