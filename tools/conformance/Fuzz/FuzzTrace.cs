// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text;
using System.Text.Json;
using KvmSharp.Conformance.Generate;
using KvmSharp.Machine;

namespace KvmSharp.Conformance.Fuzz;

/// <summary>
/// A failing sequence as a file: a conformance trace without outputs whose header has, in <c>fuzz</c>, how the host was made. Lines <c>fail_nth</c> and
/// <c>fail_random</c> say which allocations of the operation after them fail.
/// </summary>
internal static class FuzzTrace
{
    internal static void Write(TextWriter writer, FuzzPlan plan, IReadOnlyList<Operation> operations, FuzzFailure failure)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("trace", "kvmsharp-conformance");
            json.WriteNumber("version", 1);
            json.WriteString("name", $"fuzz_{plan.Seed}_{plan.Episode}");
            json.WriteString("family", "fuzz");
            json.WriteNumber("seed", plan.Seed);
            json.WriteStartObject("fuzz");
            json.WriteNumber("episode", plan.Episode);
            json.WriteString("profile", plan.Profile);
            json.WriteString("strategy", plan.Strategy);
            json.WriteString("isa", plan.Isa == Isa.Arm64 ? "arm64" : "x86_64");
            json.WriteNumber("cpus", plan.Cpus);
            json.WriteNumber("sw_protected_vm", plan.SwProtectedVm ? 1 : 0);
            json.WriteNumber("two_dimensional_paging", plan.TwoDimensionalPaging ? 1 : 0);
            json.WriteEndObject();
            json.WriteString("note", $"{failure.Kind}: {failure.Message}");
            json.WriteEndObject();
        }

        writer.WriteLine(Encoding.UTF8.GetString(stream.ToArray()));
        foreach (Operation op in operations)
            writer.WriteLine(op.Raw);
    }

    /// <summary>Reads such a file; one without <c>fuzz</c> in its header is run on the plan's host.</summary>
    /// <exception cref="TraceFormatException">It is no trace.</exception>
    internal static (FuzzPlan Plan, IReadOnlyList<Operation> Operations) Read(string file, FuzzPlan plan)
    {
        using var reader = new TraceReader(file);
        using var lines = new StreamReader(file);
        if (!file.EndsWith(".gz", StringComparison.Ordinal) && lines.ReadLine() is { } first)
        {
            using JsonDocument header = JsonDocument.Parse(first);
            if (header.RootElement.TryGetProperty("fuzz", out JsonElement fuzz) && fuzz.ValueKind == JsonValueKind.Object)
                plan = Plan(OperationWriter.Parse(file, 1, WithOp(fuzz)), plan);
        }

        return (plan, [.. reader.Operations()]);
    }

    private static string WithOp(JsonElement fuzz) => "{\"op\":\"fuzz\"," + fuzz.GetRawText().TrimStart()[1..];

    private static FuzzPlan Plan(Operation fuzz, FuzzPlan plan) => plan with
    {
        Episode = fuzz.I32("episode"),
        Profile = fuzz.OptionalText("profile") ?? plan.Profile,
        Strategy = fuzz.OptionalText("strategy") is { } strategy
            ? Init.HostOptions.Strategies.Contains(strategy) ? strategy : throw fuzz.Bad("strategy", $"'{strategy}' is no strategy")
            : plan.Strategy,
        Isa = fuzz.OptionalText("isa") switch
        {
            null or "x86_64" => Isa.X86_64,
            "arm64" => Isa.Arm64,
            string other => throw fuzz.Bad("isa", $"'{other}' is neither x86_64 nor arm64"),
        },
        Cpus = fuzz.Has("cpus") ? Math.Clamp(fuzz.I32("cpus"), 1, 64) : plan.Cpus,
        SwProtectedVm = fuzz.Flag("sw_protected_vm"),
        TwoDimensionalPaging = fuzz.Flag("two_dimensional_paging"),
    };
}
