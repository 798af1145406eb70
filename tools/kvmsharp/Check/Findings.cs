// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace KvmSharp.Tools.Check;

/// <summary>A place in a source file, in lines and columns from 1.</summary>
internal sealed record Place(string File, int Line, int Column);

/// <summary>One diagnostic.</summary>
internal sealed record Finding(Place Place, string Severity, string Id, string Message, IReadOnlyList<Place> Related)
{
    /// <summary>As the compiler prints it.</summary>
    internal string Line(string folder) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Shorten(Place.File, folder)}({Place.Line},{Place.Column}): {Severity} {Id}: {Message}");

    /// <summary>The same file from where the user stands, if it is below.</summary>
    private static string Shorten(string file, string folder)
    {
        string relative = Path.GetRelativePath(folder, file);
        return relative.StartsWith("..", StringComparison.Ordinal) ? file : relative;
    }
}

/// <summary>What the analyzers found, collected from the compiler's logs. A file that several compilations share is reported once.</summary>
internal sealed class Findings
{
    private readonly SortedDictionary<string, JsonNode> _rules = new(StringComparer.Ordinal);
    private readonly SortedDictionary<(string, int, int, string, string), (JsonNode Result, Finding? Finding)> _results = [];

    /// <summary>Those that are not suppressed, ordered by file, line, column and rule.</summary>
    internal IEnumerable<Finding> All => _results.Values.Select(r => r.Finding).OfType<Finding>();

    /// <summary>Adds one compiler's log.</summary>
    internal void Add(string sarif)
    {
        JsonNode run = JsonNode.Parse(sarif)!["runs"]![0]!;
        foreach (JsonNode? rule in run["tool"]!["driver"]!["rules"]?.AsArray() ?? [])
        {
            string id = rule!["id"]!.GetValue<string>();
            if (IsOurs(id))
                _rules.TryAdd(id, rule.DeepClone());
        }

        foreach (JsonNode? result in run["results"]?.AsArray() ?? [])
        {
            if (IsOurs(result!["ruleId"]!.GetValue<string>()))
                Add(result);
        }
    }

    /// <summary>One SARIF 2.1 log of everything, suppressed ones included and marked.</summary>
    internal string ToSarif(string version)
    {
        string[] ids = [.. _rules.Keys];
        var results = new JsonArray();
        foreach ((JsonNode result, _) in _results.Values)
        {
            JsonNode copy = result.DeepClone();
            copy["ruleIndex"] = Array.IndexOf(ids, copy["ruleId"]!.GetValue<string>());
            results.Add(copy);
        }

        var log = new JsonObject
        {
            ["$schema"] = "http://json.schemastore.org/sarif-2.1.0",
            ["version"] = "2.1.0",
            ["runs"] = new JsonArray(new JsonObject
            {
                ["tool"] = new JsonObject
                {
                    ["driver"] = new JsonObject { ["name"] = "KvmSharp.Analyzers", ["version"] = version, ["rules"] = new JsonArray([.. _rules.Values.Select(r => r.DeepClone())]) },
                },
                ["invocations"] = new JsonArray(new JsonObject { ["executionSuccessful"] = true }),
                ["columnKind"] = "utf16CodeUnits",
                ["results"] = results,
            }),
        };
        return log.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    /// <summary>AD0001 is an analyzer that threw: it must not go unseen.</summary>
    private static bool IsOurs(string id) => id.StartsWith("KS", StringComparison.Ordinal) || id == "AD0001";

    private static Place PlaceOf(JsonNode? location)
    {
        JsonNode? physical = location?["physicalLocation"];
        JsonNode? region = physical?["region"];
        string uri = physical?["artifactLocation"]?["uri"]?.GetValue<string>() ?? string.Empty;
        string file = Uri.TryCreate(uri, UriKind.Absolute, out Uri? absolute) && absolute.IsFile ? absolute.LocalPath : Uri.UnescapeDataString(uri);
        return new Place(file, region?["startLine"]?.GetValue<int>() ?? 0, region?["startColumn"]?.GetValue<int>() ?? 0);
    }

    private void Add(JsonNode result)
    {
        Place place = PlaceOf(result["locations"]?.AsArray().FirstOrDefault());
        string id = result["ruleId"]!.GetValue<string>();
        string message = result["message"]!["text"]!.GetValue<string>();
        bool suppressed = result["suppressions"]?.AsArray().Count > 0;
        string severity = result["level"]?.GetValue<string>() switch { "error" => "error", "note" => "info", _ => "warning" };
        IReadOnlyList<Place> related = [.. (result["relatedLocations"]?.AsArray() ?? []).Select(PlaceOf)];
        _results.TryAdd((place.File, place.Line, place.Column, id, message), (result, suppressed ? null : new Finding(place, severity, id, message, related)));
    }
}
