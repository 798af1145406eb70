// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using KvmSharp.Conformance.Generate;

namespace KvmSharp.Conformance.Live;

/// <summary>
/// Sequences made from recorded ones: operations left out, repeated, moved, or with a number changed a little. What a person wrote down to look
/// into one corner leads to its neighbours that way.
/// </summary>
internal static class MutatedTrace
{
    /// <summary>Above it, a number may make the kernel fill memory for a long time; none is made larger than this.</summary>
    private const long Bound = 8 << 20;

    private static readonly long[] _steps = [1, -1, 4096, -4096, 8192, 2, 4, 8, 16];

    /// <summary>The operations of a trace with their inputs alone.</summary>
    internal static IReadOnlyList<Operation> Inputs(string file)
    {
        using var reader = new TraceReader(file);
        if (reader.Header.Noisy)
            return [];

        // Which fields are inputs is known once they were used.
        LockStep run = LockStep.RunOnHost(OperationFeed.Of([.. reader.Operations()]), reader.Header);
        return [.. run.Answered.Select((a, i) => OperationWriter.Parse(file, i + 2, Object(a.Operation).ToJsonString()))];
    }

    internal static IReadOnlyList<Operation> Mutate(IReadOnlyList<Operation> operations, ulong seed, string source)
    {
        var random = new Prng(seed);
        var texts = new List<string>();
        int rate = random.Of<int>([2, 5, 10, 25]);
        foreach (Operation op in operations)
        {
            string text = random.Percent(rate) ? Perturb(op, random) : op.Raw;
            if (random.Percent(rate) && random.OneIn(2))
                continue;
            if (random.Percent(rate) && random.OneIn(2) && texts.Count > 0)
                texts.Insert(random.Below(texts.Count), text);
            else
                texts.Add(text);
            if (random.Percent(rate) && random.OneIn(2) && op.Name is not ("fork_begin" or "fork_end"))
                texts.Add(text);
        }

        return Shrinker.Balance([.. texts.Select((text, i) => OperationWriter.Parse(source, i + 2, text))]);
    }

    private static JsonObject Object(Operation op)
    {
        var json = new JsonObject();
        foreach (JsonProperty input in op.Inputs)
            json[input.Name] = JsonNode.Parse(input.Value.GetRawText());
        return json;
    }

    private static string Perturb(Operation op, Prng random)
    {
        JsonObject json = JsonNode.Parse(op.Raw)!.AsObject();
        string[] numbers = [.. json.Where(p => p.Value?.GetValueKind() == JsonValueKind.Number).Select(p => p.Key)];
        if (numbers.Length == 0)
            return op.Raw;
        string field = numbers[random.Below(numbers.Length)];
        Int128 before = Int128.Parse(json[field]!.ToJsonString(), CultureInfo.InvariantCulture);
        Int128 after = random.Below(4) switch
        {
            0 => 0,
            1 => before ^ (Int128.One << random.Below(16)),
            _ => before + random.Of<long>(_steps),
        };
        if (after < long.MinValue || after > ulong.MaxValue || (after > Bound && after > before))
            return op.Raw;
        json[field] = after >= 0 ? JsonValue.Create((ulong)after) : JsonValue.Create((long)after);
        return json.ToJsonString();
    }
}
