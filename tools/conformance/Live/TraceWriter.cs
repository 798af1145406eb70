// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace KvmSharp.Conformance.Live;

/// <summary>Writes traces in the format that <see cref="TraceReader"/> reads.</summary>
internal static class TraceWriter
{
    private static readonly JsonWriterOptions _plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static void Write(string file, TraceHeader header, ulong? seed, string? note, IEnumerable<Answered> operations)
    {
        using var writer = new StreamWriter(file, append: false, new UTF8Encoding(false)) { NewLine = "\n" };
        writer.WriteLine(Line(json => Header(json, header, seed, note)));
        foreach (Answered answered in operations)
            writer.WriteLine(Line(answered));
    }

    internal static string Line(Answered answered) => Line(json =>
    {
        // "op" first, then the inputs as they came, then what the kernel said.
        foreach (JsonProperty input in answered.Operation.Inputs)
            input.WriteTo(json);
        answered.Host.WriteTo(json);
    });

    private static string Line(Action<Utf8JsonWriter> fields)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, _plain))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void Header(Utf8JsonWriter json, TraceHeader header, ulong? seed, string? note)
    {
        json.WriteString("trace", "kvmsharp-conformance");
        json.WriteNumber("version", 1);
        json.WriteString("name", header.Name);
        json.WriteString("family", header.Family);
        json.WriteString("kernel", header.Kernel);
        json.WriteString("arch", "x86_64");
        json.WriteNumber("page_size", 4096);
        if (seed is { } number)
            json.WriteNumber("seed", number);
        else
            json.WriteNull("seed");
        json.WriteStartObject("caps");
        foreach ((string name, long value) in header.Caps)
            json.WriteNumber(name, value);
        json.WriteEndObject();
        json.WriteStartObject("env");
        json.WriteNumber("memlock_soft", header.MemlockSoft);
        json.WriteNumber("memlock_hard", header.MemlockHard);
        json.WriteBoolean("cap_ipc_lock", header.CapIpcLock);
        json.WriteNumber("uid", header.Uid);
        json.WriteNumber("numa_nodes", header.NumaNodes);
        json.WriteEndObject();
        if (note is not null)
            json.WriteString("note", note);
    }
}
