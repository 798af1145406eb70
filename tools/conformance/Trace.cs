// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.IO.Compression;
using System.Text.Json;

namespace KvmSharp.Conformance;

/// <summary>First line of a trace: where it was recorded and the state that the process began in.</summary>
internal sealed record TraceHeader
{
    public required string Name { get; init; }

    public required string Family { get; init; }

    /// <summary>Gets whether the outputs are counters of a whole machine, to be compared by direction and size only.</summary>
    public bool Noisy { get; init; }

    /// <summary>Gets what KVM_CHECK_EXTENSION answers on a VM, by capability name.</summary>
    public required IReadOnlyDictionary<string, long> Caps { get; init; }

    public ulong MemlockSoft { get; init; }

    public ulong MemlockHard { get; init; }

    public bool CapIpcLock { get; init; }

    public uint Uid { get; init; }

    public string Kernel { get; init; } = string.Empty;

    public long NumaNodes { get; init; } = 1;

    public string? Note { get; init; }
}

/// <summary>Reads traces line by line.</summary>
internal sealed class TraceReader : IDisposable
{
    private readonly StreamReader _reader;
    private readonly string _file;
    private int _line;

    internal TraceReader(string file)
        : this(file, Open(file))
    {
    }

    internal TraceReader(string file, Stream stream)
    {
        _file = file;
        _reader = new StreamReader(stream);
        Header = ReadHeader();
    }

    internal TraceHeader Header { get; }

    public void Dispose() => _reader.Dispose();

    internal IEnumerable<Operation> Operations()
    {
        while (_reader.ReadLine() is { } text)
        {
            _line++;
            if (text.Length != 0)
                yield return new Operation(_file, _line, Parse(text));
        }
    }

    private static Stream Open(string file)
    {
        FileStream stream = File.OpenRead(file);
        return file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
    }

    private TraceHeader ReadHeader()
    {
        _line = 1;
        string text = _reader.ReadLine() ?? throw new TraceFormatException(_file, 1, null, "the file is empty");
        var header = new Operation(_file, 1, AsOperation(Parse(text)));
        if (header.OptionalText("trace") != "kvmsharp-conformance")
            throw header.Bad("trace", "is not \"kvmsharp-conformance\"");
        if (header.Number("version") != 1)
            throw header.Bad("version", "is not 1");
        if (header.OptionalText("arch") is { } arch && arch != "x86_64")
            throw header.Bad("arch", $"is \"{arch}\"; only x86_64 is known");
        if (header.Has("page_size") && header.Number("page_size") != 4096)
            throw header.Bad("page_size", "is not 4096");

        var caps = new Dictionary<string, long>(StringComparer.Ordinal);
        if (header.Has("caps"))
        {
            JsonElement all = header.Element("caps");
            if (all.ValueKind != JsonValueKind.Object)
                throw header.Bad("caps", "is no object");
            foreach (JsonProperty cap in all.EnumerateObject())
                caps[cap.Name] = (long)header.Number("caps." + cap.Name, cap.Value);
        }

        JsonElement env = header.Has("env") ? header.Element("env") : default;
        return new TraceHeader
        {
            Name = header.Text("name"),
            Family = header.OptionalText("family") ?? string.Empty,
            Noisy = header.Flag("noisy"),
            Caps = caps,
            MemlockSoft = Env("memlock_soft", 8 << 20),
            MemlockHard = Env("memlock_hard", 8 << 20),
            CapIpcLock = Env("cap_ipc_lock", 1) != 0,
            Uid = (uint)Env("uid", 0),
            Kernel = header.OptionalText("kernel") ?? string.Empty,
            NumaNodes = (long)Env("numa_nodes", 1),
            Note = header.OptionalText("note"),
        };

        ulong Env(string field, ulong fallback)
        {
            if (env.ValueKind != JsonValueKind.Object || !env.TryGetProperty(field, out JsonElement value))
                return fallback;
            return value.ValueKind switch
            {
                JsonValueKind.True => 1,
                JsonValueKind.False => 0,
                _ => unchecked((ulong)header.Number("env." + field, value)),
            };
        }
    }

    private static JsonElement AsOperation(JsonElement header)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("op", "header");
            foreach (JsonProperty property in header.EnumerateObject().Where(p => p.Name != "op"))
                property.WriteTo(writer);
            writer.WriteEndObject();
        }

        return JsonDocument.Parse(stream.ToArray()).RootElement;
    }

    private JsonElement Parse(string text)
    {
        try
        {
            JsonElement json = JsonDocument.Parse(text).RootElement;
            return json.ValueKind == JsonValueKind.Object ? json : throw new TraceFormatException(_file, _line, null, "is no JSON object");
        }
        catch (JsonException e)
        {
            throw new TraceFormatException(_file, _line, null, $"is no JSON: {e.Message}");
        }
    }
}
