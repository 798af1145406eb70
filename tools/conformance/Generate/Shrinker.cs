// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace KvmSharp.Conformance.Generate;

/// <summary>
/// Makes a sequence that shows something smaller, as long as it still shows it: first whole operations go (delta debugging), then inputs of
/// those that are left become zero, shorter or smaller. Every candidate is balanced: each fork_begin has its fork_end.
/// </summary>
internal sealed class Shrinker
{
    private const string ForkBegin = "fork_begin";
    private const string ForkEnd = "fork_end";

    private static readonly ulong[] _simpler = [0, 1, 4096, 8192];

    private readonly Func<IReadOnlyList<Operation>, bool> _shows;
    private readonly int _maxRuns;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly TimeSpan _maxTime;

    /// <param name="shows">Whether a sequence shows what is looked for. Called for each candidate; expensive.</param>
    /// <param name="maxRuns">Candidates that are tried at most.</param>
    /// <param name="maxTime">Time after which no further candidate is tried.</param>
    internal Shrinker(Func<IReadOnlyList<Operation>, bool> shows, int maxRuns = 2000, TimeSpan? maxTime = null)
    {
        _shows = shows;
        _maxRuns = maxRuns;
        _maxTime = maxTime ?? TimeSpan.FromMinutes(2);
    }

    /// <summary>Gets the number of candidates tried.</summary>
    internal int Runs { get; private set; }

    private bool Spent => Runs >= _maxRuns || _clock.Elapsed >= _maxTime;

    /// <summary>The smallest sequence found; the given one if no smaller one shows it.</summary>
    internal IReadOnlyList<Operation> Shrink(IReadOnlyList<Operation> operations)
    {
        List<Operation> best = Balance(operations);
        int before;
        do
        {
            before = best.Count;
            best = Remove(best);
        }
        while (best.Count < before && !Spent);
        return Renumber(Simplify(best));
    }

    /// <summary>The same operations with every fork_end that ends nothing removed, and those that are missing at the end added.</summary>
    internal static List<Operation> Balance(IReadOnlyList<Operation> operations)
    {
        var balanced = new List<Operation>(operations.Count);
        int depth = 0;
        foreach (Operation op in operations)
        {
            if (op.Name == ForkEnd && depth == 0)
                continue;
            depth += op.Name switch
            {
                ForkBegin => 1,
                ForkEnd => -1,
                _ => 0,
            };
            balanced.Add(op);
        }

        for (; depth > 0; depth--)
            balanced.Add(OperationWriter.Parse("shrunk", balanced.Count + 2, """{"op":"fork_end"}"""));
        return balanced;
    }

    private static List<Operation> Renumber(List<Operation> operations) =>
        [.. operations.Select((op, i) => OperationWriter.Parse("shrunk", i + 2, op.Raw))];

    private bool Try(List<Operation> candidate)
    {
        if (Spent)
            return false;
        Runs++;
        return _shows(candidate);
    }

    private List<Operation> Remove(List<Operation> best)
    {
        for (int chunk = Math.Max(best.Count / 2, 1); chunk >= 1; chunk /= 2)
        {
            // From the end: what follows the point of interest goes at once, and names go after their uses.
            for (int end = best.Count; end > 0 && !Spent;)
            {
                int start = Math.Max(end - chunk, 0);
                List<Operation> candidate = Balance([.. best.Take(start), .. best.Skip(end)]);
                if (candidate.Count < best.Count && Try(candidate))
                    best = candidate;
                end = Math.Min(start, best.Count);
            }

            best = chunk == 1 ? RemovePairs(best) : best;
        }

        return best;
    }

    /// <summary>A fork without what makes it one: the child's operations become the parent's.</summary>
    private List<Operation> RemovePairs(List<Operation> best)
    {
        for (int begin = best.Count - 1; begin >= 0 && !Spent; begin--)
        {
            if (begin >= best.Count || best[begin].Name != ForkBegin)
                continue;
            int end = MatchingEnd(best, begin);
            if (end < 0)
                continue;
            var candidate = new List<Operation>(best);
            candidate.RemoveAt(end);
            candidate.RemoveAt(begin);
            if (Try(candidate))
                best = candidate;
        }

        return best;
    }

    private static int MatchingEnd(List<Operation> operations, int begin)
    {
        int depth = 0;
        for (int i = begin; i < operations.Count; i++)
        {
            depth += operations[i].Name switch
            {
                ForkBegin => 1,
                ForkEnd => -1,
                _ => 0,
            };
            if (depth == 0)
                return i;
        }

        return -1;
    }

    private List<Operation> Simplify(List<Operation> best)
    {
        for (int i = 0; i < best.Count && !Spent; i++)
        {
            JsonObject current = JsonNode.Parse(best[i].Raw)!.AsObject();
            foreach (string field in current.Select(p => p.Key).Where(k => k is not ("op" or "as")).ToArray())
            {
                foreach (JsonObject simpler in Simpler(current, field))
                {
                    var candidate = new List<Operation>(best) { [i] = OperationWriter.Parse("shrunk", i + 2, simpler.ToJsonString()) };
                    if (!Try(candidate))
                        continue;
                    best = candidate;
                    current = simpler;
                    break;
                }
            }
        }

        return best;
    }

    /// <summary>Versions of the operation with one field that is simpler, the simplest first.</summary>
    private static IEnumerable<JsonObject> Simpler(JsonObject operation, string field)
    {
        JsonNode? value = operation[field];
        if (value is null)
            yield break;
        switch (value.GetValueKind())
        {
            case JsonValueKind.Number:
                Int128 number = Int128.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture);
                if (number == 0)
                    yield return Without(operation, field);
                foreach (ulong simple in _simpler)
                {
                    if (number > simple || number < 0)
                        yield return With(operation, field, JsonValue.Create(simple));
                }

                break;
            case JsonValueKind.String when field == "hex" && value.GetValue<string>().Length > 2:
                yield return With(operation, field, JsonValue.Create("01"));
                break;
            case JsonValueKind.Array:
                yield return Without(operation, field);
                break;
            case JsonValueKind.Object when value["off"] is JsonValue off && off.ToJsonString() != "0":
                JsonObject place = value.DeepClone().AsObject();
                place["off"] = 0;
                yield return With(operation, field, place);
                break;
            default:
                break;
        }
    }

    private static JsonObject Without(JsonObject operation, string field)
    {
        JsonObject copy = operation.DeepClone().AsObject();
        copy.Remove(field);
        return copy;
    }

    private static JsonObject With(JsonObject operation, string field, JsonNode value)
    {
        JsonObject copy = operation.DeepClone().AsObject();
        copy[field] = value;
        return copy;
    }
}
