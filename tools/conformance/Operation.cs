// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Globalization;
using System.Text.Json;

namespace KvmSharp.Conformance;

/// <summary>One line of a trace: an operation with its inputs and the outputs that the real kernel gave.</summary>
internal sealed class Operation
{
    private readonly JsonElement _json;
    private readonly HashSet<string> _read = new(StringComparer.Ordinal) { "op", "as" };

    internal Operation(string file, int line, JsonElement json)
    {
        File = file;
        Line = line;
        _json = json;
        Name = Text("op");
    }

    internal string File { get; }

    internal int Line { get; }

    internal string Name { get; }

    /// <summary>Name that the result gets, if it has one.</summary>
    internal string? As => OptionalText("as");

    internal string Raw => _json.GetRawText();

    /// <summary>Fields that no reader asked for as an input: the recorded outputs.</summary>
    internal IEnumerable<JsonProperty> Outputs => _json.EnumerateObject().Where(p => !_read.Contains(p.Name));

    /// <summary>Fields that readers asked for: the inputs, once the operation has been carried out.</summary>
    internal IEnumerable<JsonProperty> Inputs => _json.EnumerateObject().Where(p => _read.Contains(p.Name));

    internal bool Has(string field)
    {
        _read.Add(field);
        return _json.TryGetProperty(field, out JsonElement value) && value.ValueKind != JsonValueKind.Null;
    }

    internal string Text(string field) => OptionalText(field) ?? throw Bad(field, "is missing");

    internal string? OptionalText(string field)
    {
        if (!Has(field))
            return null;
        JsonElement value = _json.GetProperty(field);
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Bad(field, $"is {value.ValueKind}, not a string");
    }

    /// <summary>An integer; an absent one is 0.</summary>
    internal Int128 Number(string field)
    {
        if (!Has(field))
            return 0;
        return Number(field, _json.GetProperty(field));
    }

    internal ulong U64(string field) => unchecked((ulong)Number(field));

    internal long I64(string field) => unchecked((long)(ulong)Number(field));

    internal int I32(string field) => unchecked((int)(uint)(ulong)Number(field));

    internal uint U32(string field) => unchecked((uint)(ulong)Number(field));

    internal bool Flag(string field)
    {
        if (!Has(field))
            return false;
        JsonElement value = _json.GetProperty(field);
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => Number(field, value) != 0,
        };
    }

    internal byte[] Bytes(string field)
    {
        string hex = OptionalText(field) ?? string.Empty;
        try
        {
            return Convert.FromHexString(hex);
        }
        catch (FormatException)
        {
            throw Bad(field, "is no hexadecimal string");
        }
    }

    internal ulong[] Numbers(string field, int count)
    {
        ulong[] values = new ulong[count];
        if (!Has(field))
            return values;
        JsonElement array = _json.GetProperty(field);
        if (array.ValueKind != JsonValueKind.Array || array.GetArrayLength() > count)
            throw Bad(field, $"is no array of at most {count} integers");
        int i = 0;
        foreach (JsonElement element in array.EnumerateArray())
            values[i++] = unchecked((ulong)Number(field, element));
        return values;
    }

    internal JsonElement Element(string field)
    {
        _read.Add(field);
        return _json.TryGetProperty(field, out JsonElement value) ? value : default;
    }

    internal TraceFormatException Bad(string? field, string reason) => new(File, Line, field, reason);

    internal Int128 Number(string field, JsonElement value)
    {
        // Values run up to 2^64-1 and below zero: neither long nor ulong holds both.
        if (value.ValueKind != JsonValueKind.Number || !Int128.TryParse(value.GetRawText(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out Int128 number))
            throw Bad(field, $"is {value.GetRawText()}, not an integer");
        return number >= long.MinValue && number <= ulong.MaxValue ? number : throw Bad(field, "does not fit into 64 bits");
    }
}
