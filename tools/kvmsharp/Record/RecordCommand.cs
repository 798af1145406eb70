// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.CommandLine;
using KvmSharp.Conformance;
using KvmSharp.Tools.Replay;
using Spectre.Console;

namespace KvmSharp.Tools.Record;

/// <summary><c>kvmsharp record</c>: the same operations on this host's own kernel and on the model.</summary>
internal static class RecordCommand
{
    internal static Command Create(IAnsiConsole console, TextWriter output, TextWriter error)
    {
        var live = new Option<bool>("--live") { Description = "Use this host's own kernel: /dev/kvm, memfd_secret." };
        var check = new Option<FileSystemInfo[]>("--check")
        {
            Description = "Run the inputs of these traces on the host and compare its answers with the recorded ones.",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("record", "Run operations on this host's own kernel and on the model, and compare.") { live, check };
        command.SetAction(parsed =>
        {
            if (!parsed.GetValue(live))
                throw new BadInputException("record: --live is missing; there is no other kernel to record on");
            if (HostChecker.Missing() is { } missing)
                throw new BadInputException($"record --live: {missing}");
            return parsed.GetValue(check) is { Length: > 0 } traces
                ? Check(ReplayCommand.Expand(traces), console, output, error)
                : throw new BadInputException("record: nothing to do");
        });
        return command;
    }

    private static int Check(string[] traces, IAnsiConsole console, TextWriter output, TextWriter error) =>
        ReplayCommand.Run(traces, HostChecker.Check, "on the host", json: false, console, output, error);
}
