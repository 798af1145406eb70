// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Text.Json;

namespace KvmSharp.Machine;

/// <summary>
/// The price of each event in picoseconds, with the source of each number. Prices are what the CPU that does the thing pays; waiting for
/// another CPU follows from clocks, not from a price. Immutable.
/// </summary>
public sealed class CostModel
{
    private const string Ratio = "model default: 1 unit = one local full flush; relative costs 1 (local flush), 20 (interrupt round per CPU), 10 (hardware broadcast)";
    private const string FlushX86 = "kernel list, review of guest_memfd direct map removal v7, Nov 2025: about 100 ns for a local full flush at VM entry on x86";
    private const string FlushArm = "kernel list, review of guest_memfd direct map removal v7, Nov 2025: about 220 ns for a local full flush at VM entry on Arm";
    private const string Estimate = "model default: order of magnitude of a server part at 3 GHz";
    private const string Free = "model default: the store itself is lost in the noise next to flushes";
    private const string CountOnly = "counted, not priced";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    private readonly long[] _ps = new long[EventCounters.Stride];
    private readonly string[] _sources = new string[EventCounters.Kinds];

    private CostModel(string name) => Name = name;

    /// <summary>Gets the name of the model.</summary>
    public string Name { get; }

    /// <summary>Gets the price of an event.</summary>
    /// <param name="e">The event.</param>
    public long this[HwEvent e] => _ps[(int)e];

    internal ReadOnlySpan<long> Prices => _ps;

    /// <summary>The default prices of an instruction set.</summary>
    /// <param name="isa">The instruction set.</param>
    /// <returns>A new model.</returns>
    public static CostModel Default(Isa isa)
    {
        bool x86 = isa == Isa.X86_64;
        long unit = x86 ? 100_000 : 220_000;
        string flush = x86 ? FlushX86 : FlushArm;
        CostModel m = new(x86 ? "x86-64 default" : "arm64 default");
        m.Set(HwEvent.PteWrite4K, 0, Free);
        m.Set(HwEvent.PteWrite2M, 0, Free);
        m.Set(HwEvent.PteWrite1G, 0, Free);
        m.Set(HwEvent.KernelPteWrite, 0, Free);
        m.Set(HwEvent.UserPteWrite, 0, Free);
        m.Set(HwEvent.TdpPteWrite, 0, Free);
        m.Set(HwEvent.SplitLeaf2M, 250_000, Estimate + ": 512 stores to a fresh page; its flush is counted apart");
        m.Set(HwEvent.SplitLeaf1G, 250_000, Estimate + ": 512 stores to a fresh page; its flush is counted apart");
        m.Set(HwEvent.MergeLeaf2M, 250_000, Estimate + ": 512 loads to compare");
        m.Set(HwEvent.MergeLeaf1G, 250_000, Estimate + ": 512 loads to compare");
        m.Set(HwEvent.TlbFlushLocalPage, unit, Ratio);
        m.Set(HwEvent.TlbFlushLocalAll, unit, flush);
        m.Set(HwEvent.TlbFlushLocalAsid, unit, Ratio);
        m.Set(HwEvent.TlbFlushLocalGuest, unit, Ratio);
        m.Set(HwEvent.TlbShootdownRange, 0, "counted, not priced: its parts are");
        m.Set(HwEvent.TlbShootdownAll, 0, "counted, not priced: its parts are");
        m.Set(HwEvent.TlbShootdownGuest, 0, "counted, not priced: its parts are");
        m.Set(HwEvent.IpiSent, 16 * unit, Ratio + "; 16 of the 20 units, paid by the sender for each target");
        m.Set(HwEvent.IpiReceived, 4 * unit, Ratio + "; 4 of the 20 units, paid by each target, all at the same time");
        m.Set(HwEvent.TlbBroadcastInvalidate, 10 * unit, Ratio);
        m.Set(HwEvent.PageClear, 100_000, Estimate + ": 40 GB/s");
        m.Set(HwEvent.PageCopy, 200_000, Estimate + ": 20 GB/s");
        m.Set(HwEvent.PageTableWalk, 5_000, Estimate);
        m.Set(HwEvent.WalkStep, 4_000, Estimate + ": a load that hits the second-level cache");
        m.Set(HwEvent.TlbHit, 0, CountOnly);
        m.Set(HwEvent.TlbMiss, 0, CountOnly);
        m.Set(HwEvent.GuestTlbHit, 0, CountOnly);
        m.Set(HwEvent.GuestTlbMiss, 0, CountOnly);
        m.Set(HwEvent.PageFault, 300_000, Estimate + ": exception entry and return");
        m.Set(HwEvent.TdpFault, 0, "counted, not priced: the exit it causes is");
        m.Set(HwEvent.VmExit, 600_000, Estimate + ": exit and the save of guest state");
        m.Set(HwEvent.VmEntry, 400_000, Estimate + ": load of guest state and entry");
        m.Set(HwEvent.ContextSwitch, 200_000, Estimate + ": load of another address space, without refills");
        m.Set(HwEvent.CacheMaintenance, 400_000, Estimate + ": 64 lines of 64 bytes");
        m.Set(HwEvent.KernelLoadByte, 25, Estimate + ": 40 GB/s");
        m.Set(HwEvent.KernelStoreByte, 25, Estimate + ": 40 GB/s");
        m.Set(HwEvent.SystemCall, 100_000, Estimate + ": entry and exit");
        m.Set(HwEvent.GuestInstruction, 333, Estimate + ": one a cycle");
        return m;
    }

    /// <summary>Reads a model from JSON text as written by <see cref="ToJson"/>. Every event must be priced; nothing unknown is taken.</summary>
    /// <param name="json">The text.</param>
    /// <param name="source">The name of the file, for messages.</param>
    /// <returns>The model.</returns>
    /// <exception cref="MachineException">One line that names the file and the key.</exception>
    public static CostModel FromJson(string json, string source = "cost model")
    {
        JsonDocument doc;
        try
        {
            doc = JsonDocument.Parse(json);
        }
        catch (JsonException e)
        {
            throw new MachineException($"{source}: line {(e.LineNumber ?? 0) + 1}: not JSON: {e.Message}", e);
        }

        using (doc)
        {
            JsonElement root = doc.RootElement;
            Need(root.ValueKind == JsonValueKind.Object, source, "(root)", "must be an object");
            CostModel? m = null;
            JsonElement costs = default;
            foreach (JsonProperty p in root.EnumerateObject())
            {
                switch (p.Name)
                {
                    case "name":
                        Need(m is null, source, p.Name, "is given twice");
                        Need(p.Value.ValueKind == JsonValueKind.String, source, p.Name, "must be a string");
                        m = new CostModel(p.Value.GetString()!);
                        break;
                    case "unit":
                        Need(p.Value.ValueKind == JsonValueKind.String && p.Value.ValueEquals("ps"), source, p.Name, "must be \"ps\"");
                        break;
                    case "costs":
                        Need(costs.ValueKind == JsonValueKind.Undefined, source, p.Name, "is given twice");
                        Need(p.Value.ValueKind == JsonValueKind.Object, source, p.Name, "must be an object");
                        costs = p.Value;
                        break;
                    default:
                        Need(false, source, p.Name, "is unknown");
                        break;
                }
            }

            Need(m is not null, source, "name", "is missing");
            Need(costs.ValueKind == JsonValueKind.Object, source, "costs", "is missing");
            foreach (JsonProperty p in costs.EnumerateObject())
                m!.ReadCost(p, source);
            foreach (HwEvent e in Enum.GetValues<HwEvent>())
                Need(m!._sources[(int)e] is not null, source, $"costs.{e}", "is missing");
            return m!;
        }
    }

    /// <summary>Reads a model from a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The model.</returns>
    /// <exception cref="MachineException">The file cannot be read or is bad; one line that names the file and the key.</exception>
    public static CostModel Load(string path)
    {
        try
        {
            return FromJson(File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new MachineException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Where the price of an event comes from.</summary>
    /// <param name="e">The event.</param>
    /// <returns>A citation, or the reason of a model default.</returns>
    public string SourceOf(HwEvent e) => _sources[(int)e];

    /// <summary>The same model with one price changed.</summary>
    /// <param name="e">The event.</param>
    /// <param name="ps">Its price in picoseconds, 0 to 10^15.</param>
    /// <param name="source">Where the number comes from.</param>
    /// <returns>A new model.</returns>
    public CostModel With(HwEvent e, long ps, string source)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ps);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ps, 1_000_000_000_000_000);
        ArgumentException.ThrowIfNullOrWhiteSpace(source);
        CostModel m = new(Name);
        _ps.CopyTo(m._ps, 0);
        _sources.CopyTo(m._sources, 0);
        m.Set(e, ps, source);
        return m;
    }

    /// <summary>Writes the model as JSON.</summary>
    /// <returns>The text.</returns>
    public string ToJson()
    {
        Dictionary<string, object> costs = [];
        foreach (HwEvent e in Enum.GetValues<HwEvent>())
            costs[e.ToString()] = new Dictionary<string, object> { ["ps"] = _ps[(int)e], ["source"] = _sources[(int)e] };
        return JsonSerializer.Serialize(
            new Dictionary<string, object> { ["name"] = Name, ["unit"] = "ps", ["costs"] = costs },
            Indented);
    }

    /// <summary>Writes the model to a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MachineException">The file cannot be written.</exception>
    public void Save(string path)
    {
        try
        {
            File.WriteAllText(path, ToJson() + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new MachineException($"{path}: cannot be written: {e.Message}", e);
        }
    }

    private static void Need(bool good, string source, string key, string what)
    {
        if (!good)
            throw new MachineException($"{source}: key '{key}' {what}");
    }

    private void ReadCost(JsonProperty p, string source)
    {
        string key = "costs." + p.Name;
        Need(char.IsAsciiLetter(p.Name.Length > 0 ? p.Name[0] : '?') && Enum.TryParse(p.Name, out HwEvent _), source, key, "is not an event");
        HwEvent e = Enum.Parse<HwEvent>(p.Name);
        Need(_sources[(int)e] is null, source, key, "is given twice");
        Need(p.Value.ValueKind == JsonValueKind.Object, source, key, "must be an object with ps and source");
        long? ps = null;
        string? from = null;
        foreach (JsonProperty f in p.Value.EnumerateObject())
        {
            switch (f.Name)
            {
                case "ps":
                    bool number = f.Value.ValueKind == JsonValueKind.Number && f.Value.TryGetInt64(out long v) && v is >= 0 and <= 1_000_000_000_000_000;
                    Need(number, source, key + ".ps", "must be a whole number of picoseconds from 0 to 10^15");
                    ps = f.Value.GetInt64();
                    break;
                case "source":
                    Need(
                        f.Value.ValueKind == JsonValueKind.String && !string.IsNullOrWhiteSpace(f.Value.GetString()),
                        source,
                        key + ".source",
                        "must be a string that says where the number comes from");
                    from = f.Value.GetString();
                    break;
                default:
                    Need(false, source, key + "." + f.Name, "is unknown");
                    break;
            }
        }

        Need(ps is not null, source, key + ".ps", "is missing");
        Need(from is not null, source, key + ".source", "is missing");
        Set(e, ps!.Value, from!);
    }

    private void Set(HwEvent e, long ps, string source)
    {
        _ps[(int)e] = ps;
        _sources[(int)e] = source;
    }
}
