// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers;
using System.Text;
using System.Text.Json;

namespace KvmSharp.Conformance.Generate;

/// <summary>Writes one operation as the trace format has it: <c>op</c> first, then its inputs in order.</summary>
internal sealed class OperationWriter : IDisposable
{
    private readonly ArrayBufferWriter<byte> _text = new(256);
    private readonly Utf8JsonWriter _json;

    internal OperationWriter() => _json = new Utf8JsonWriter(_text, new JsonWriterOptions { SkipValidation = true });

    public void Dispose() => _json.Dispose();

    /// <summary>Reads an operation back from its text.</summary>
    /// <exception cref="TraceFormatException">It is no JSON object with an <c>op</c>.</exception>
    internal static Operation Parse(string source, int line, ReadOnlySpan<byte> text)
    {
        JsonElement json;
        try
        {
            json = JsonElement.Parse(text);
        }
        catch (JsonException e)
        {
            throw new TraceFormatException(source, line, null, $"is no JSON: {e.Message}");
        }

        return json.ValueKind == JsonValueKind.Object ? new Operation(source, line, json) : throw new TraceFormatException(source, line, null, "is no JSON object");
    }

    internal static Operation Parse(string source, int line, string text) => Parse(source, line, Encoding.UTF8.GetBytes(text));

    internal OperationWriter Begin(string op)
    {
        _text.ResetWrittenCount();
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteString("op", op);
        return this;
    }

    internal OperationWriter With(string field, long value)
    {
        _json.WriteNumber(field, value);
        return this;
    }

    internal OperationWriter With(string field, ulong value)
    {
        _json.WriteNumber(field, value);
        return this;
    }

    internal OperationWriter With(string field, string value)
    {
        _json.WriteString(field, value);
        return this;
    }

    internal OperationWriter With(string field, bool value)
    {
        _json.WriteBoolean(field, value);
        return this;
    }

    internal OperationWriter With(string field, ReadOnlySpan<byte> hex)
    {
        _json.WriteString(field, Convert.ToHexStringLower(hex));
        return this;
    }

    internal OperationWriter With(string field, ReadOnlySpan<ulong> values)
    {
        _json.WriteStartArray(field);
        foreach (ulong value in values)
            _json.WriteNumberValue(value);
        _json.WriteEndArray();
        return this;
    }

    internal OperationWriter WithNull(string field)
    {
        _json.WriteNull(field);
        return this;
    }

    internal OperationWriter WithPlace(string field, string map, long off)
    {
        _json.WriteStartObject(field);
        _json.WriteString("map", map);
        _json.WriteNumber("off", off);
        _json.WriteEndObject();
        return this;
    }

    internal Operation End(string source, int line)
    {
        _json.WriteEndObject();
        _json.Flush();
        return Parse(source, line, _text.WrittenSpan);
    }
}
