// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Conformance.Live;

/// <summary>Puts differences into classes, so that one cause is looked at once.</summary>
internal static class Classes
{
    private static readonly string[] _telling = ["fd", "vm", "vcpu", "gmem", "cmd", "name", "advice", "request", "whence", "mode"];

    /// <summary>The operation, the kinds of its operands, and inputs that choose among functions.</summary>
    internal static string Of(Operation op)
    {
        var parts = new List<string> { op.Name };
        foreach (System.Text.Json.JsonProperty input in op.Inputs.Where(i => _telling.Contains(i.Name)))
            parts.Add($"{input.Name}={input.Value.ToString().TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')}{(input.Name is "request" or "mode" ? input.Value.ToString() : string.Empty)}");
        return string.Join(' ', parts);
    }

    internal static string Of(Operation op, Outcome host, Outcome model, IReadOnlyList<string> fields)
    {
        string Answer(Outcome outcome) => outcome["signal"] as string ?? outcome["errno"] as string ?? "ok";
        string answers = fields.Contains("errno") || fields.Contains("signal") ? $"{Answer(host)} not {Answer(model)}" : string.Join(',', fields);
        return $"{Of(op)}: {answers}";
    }
}
