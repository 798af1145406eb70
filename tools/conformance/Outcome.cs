// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Globalization;
using System.Text;
using System.Text.Json;
using Linux;

namespace KvmSharp.Conformance;

/// <summary>What the model answered: ret and errno, or a signal, and further outputs by name.</summary>
internal sealed class Outcome
{
    private readonly SortedDictionary<string, object?> _outputs = new(StringComparer.Ordinal);

    private Outcome(object? ret, string? errno)
    {
        _outputs["ret"] = ret;
        _outputs["errno"] = errno;
    }

    internal bool Succeeded => _outputs["errno"] is null && !_outputs.ContainsKey("signal");

    internal object? this[string output]
    {
        get => _outputs.GetValueOrDefault(output);
        set => _outputs[output] = value;
    }

    /// <summary>A kernel return value: negative is an errno. <paramref name="value"/> replaces a successful one (descriptors and addresses are 0).</summary>
    internal static Outcome Of(long result, long? value = null) => result is < 0 and >= -4095
        ? new Outcome(null, Errno.Name((int)result))
        : new Outcome(value ?? result, null);

    internal static Outcome Signal(string signal, int code, long faultOffset, long done)
    {
        var outcome = new Outcome(null, null);
        outcome["signal"] = signal;
        outcome["si_code"] = (long)code;
        outcome["fault_off"] = faultOffset;
        outcome["done"] = done;
        return outcome;
    }

    internal Outcome With(string output, object? value)
    {
        _outputs[output] = value;
        return this;
    }

    internal Outcome Without(string output)
    {
        _outputs.Remove(output);
        return this;
    }

    /// <summary>Names of outputs that one of two answers has and the other has not, or has otherwise; empty when they are the same.</summary>
    internal IReadOnlyList<string> DiffersIn(Outcome other) =>
        [.. _outputs.Keys.Union(other._outputs.Keys).Where(k => _outputs.ContainsKey(k) != other._outputs.ContainsKey(k) || Show(this[k]) != Show(other[k]))];

    /// <summary>Writes ret and errno, then the further outputs, as a trace has them.</summary>
    internal void WriteTo(Utf8JsonWriter json)
    {
        foreach (string first in (ReadOnlySpan<string>)["ret", "errno"])
            Write(json, first, _outputs[first]);
        foreach ((string name, object? value) in _outputs.Where(o => o.Key is not ("ret" or "errno")))
            Write(json, name, value);
    }

    private static void Write(Utf8JsonWriter json, string name, object? value)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(Show(value));
    }

    /// <summary>The first output that differs from the recorded one, as text, or null.</summary>
    internal string? Difference(Operation operation)
    {
        var recorded = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsonProperty expected in operation.Outputs)
        {
            recorded.Add(expected.Name);
            if (!_outputs.TryGetValue(expected.Name, out object? actual))
                return $"{expected.Name}: expected {expected.Value.GetRawText()}, the model gave none; it answered {this}";
            if (!Same(expected.Value, actual))
                return $"{expected.Name}: expected {expected.Value.GetRawText()}, actual {Show(actual)}; the model answered {this}";
        }

        foreach ((string name, object? actual) in _outputs)
        {
            if (!recorded.Contains(name))
                return $"{name}: expected none, actual {Show(actual)}; the model answered {this}";
        }

        return null;
    }

    public override string ToString() => "{" + string.Join(", ", _outputs.Select(o => $"{o.Key}: {Show(o.Value)}")) + "}";

    private static bool Same(JsonElement expected, object? actual) => expected.ValueKind switch
    {
        JsonValueKind.Null => actual is null,
        JsonValueKind.String => actual is string text && text == expected.GetString(),
        JsonValueKind.Number => actual is not null and not string and not bool && Int128.TryParse(
            Convert.ToString(actual, CultureInfo.InvariantCulture), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out Int128 number)
            && number == Int128.Parse(expected.GetRawText(), CultureInfo.InvariantCulture),
        JsonValueKind.True => actual is true,
        JsonValueKind.False => actual is false,
        JsonValueKind.Array => actual is IReadOnlyList<object?> list && list.Count == expected.GetArrayLength()
            && expected.EnumerateArray().Select((e, i) => Same(e, list[i])).All(same => same),
        JsonValueKind.Object => actual is IReadOnlyDictionary<string, object?> map && map.Count == expected.EnumerateObject().Count()
            && expected.EnumerateObject().All(p => map.TryGetValue(p.Name, out object? value) && Same(p.Value, value)),
        _ => false,
    };

    private static string Show(object? value)
    {
        switch (value)
        {
            case null:
                return "null";
            case string text:
                return $"\"{JsonEncodedText.Encode(text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
            case bool flag:
                return flag ? "true" : "false";
            case IReadOnlyList<object?> list:
                return "[" + string.Join(", ", list.Select(Show)) + "]";
            case IReadOnlyDictionary<string, object?> map:
            {
                var text = new StringBuilder("{");
                text.AppendJoin(", ", map.Select(p => $"\"{p.Key}\": {Show(p.Value)}"));
                return text.Append('}').ToString();
            }

            default:
                return Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty;
        }
    }
}
