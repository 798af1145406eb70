// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/trace/trace.c, Linux 6.18.
using System.Text.Json;

namespace Linux;

/// <summary>One recorded event.</summary>
internal struct TraceRecord
{
    internal long ps;
    internal int id;
    internal int pid;
    internal char phase;
    internal ulong a;
    internal ulong b;
    internal ulong c;
    internal ulong d;
    internal ulong e;
    internal ulong f;

    internal readonly ulong this[int i] => i switch
    {
        0 => this.a,
        1 => this.b,
        2 => this.c,
        3 => this.d,
        4 => this.e,
        _ => this.f,
    };
}

/// <summary>The tracepoints of one kernel and a ring of records for each CPU, in simulated time. Recording makes no garbage.</summary>
internal sealed class TraceState
{
    private readonly Kernel kernel;
    private readonly Lock gate = new();
    private readonly List<tracepoint> points = [];
    private readonly Dictionary<string, tracepoint> byName = new(StringComparer.Ordinal);

    // Names of tasks that left records; tasks may be gone when the trace is written.
    private readonly Dictionary<int, string> comms = [];
    private Ring[]? rings;

    internal TraceState(Kernel kernel) => this.kernel = kernel;

    internal IReadOnlyList<tracepoint> Points
    {
        get
        {
            lock (this.gate)
                return [.. this.points];
        }
    }

    /// <summary>Records that were overwritten because a ring was full.</summary>
    internal long Lost => this.rings?.Sum(r => Math.Max(0, r.Head - r.Records.Length)) ?? 0;

    /// <summary>The tracepoint of that name; made on first use.</summary>
    internal tracepoint Define(string name, params string[] fields)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(fields.Length, 6);
        lock (this.gate)
        {
            if (this.byName.TryGetValue(name, out tracepoint? known))
                return known;
            var point = new tracepoint(this, this.points.Count, name, fields) { enabled = this.AllEnabled };
            this.points.Add(point);
            this.byName.Add(name, point);
            return point;
        }
    }

    /// <summary>Switches tracing on for the named events, or for all, those defined later included.</summary>
    internal void Enable(int recordsPerCpu = 1 << 16, params string[] names)
    {
        lock (this.gate)
        {
            this.rings ??= [.. Enumerable.Range(0, this.kernel.nr_cpu_ids).Select(_ => new Ring(recordsPerCpu))];
            this.AllEnabled = names.Length == 0;
            foreach (tracepoint point in this.points)
                point.enabled = this.AllEnabled || names.Contains(point.name);
        }
    }

    internal void Disable()
    {
        lock (this.gate)
        {
            this.AllEnabled = false;
            foreach (tracepoint point in this.points)
                point.enabled = false;
        }
    }

    private bool AllEnabled { get; set; }

    internal void Record(tracepoint point, char phase, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        task_struct task = current;
        if (!task.traced)
        {
            task.traced = true;
            lock (this.gate)
                this.comms[task.pid] = task.comm;
        }

        // The ring belongs to the CPU, and the CPU to this task.
        Ring ring = this.rings![task.rq.cpu];
        ref TraceRecord record = ref ring.Records[ring.Head % ring.Records.Length];
        record.ps = task.rq.hw.Clock;
        record.id = point.Id;
        record.pid = task.pid;
        record.phase = phase;
        record.a = a;
        record.b = b;
        record.c = c;
        record.d = d;
        record.e = e;
        record.f = f;
        ring.Head++;
    }

    /// <summary>All records with their CPU, oldest first. Call it while no task is in the kernel.</summary>
    internal IReadOnlyList<(int Cpu, TraceRecord Record)> Records()
    {
        var all = new List<(int Cpu, TraceRecord Record)>();
        for (int cpu = 0; cpu < (this.rings?.Length ?? 0); cpu++)
        {
            Ring ring = this.rings![cpu];
            for (long i = Math.Max(0, ring.Head - ring.Records.Length); i < ring.Head; i++)
                all.Add((cpu, ring.Records[i % ring.Records.Length]));
        }

        return [.. all.OrderBy(r => r.Record.ps)];
    }

    /// <summary>
    /// Writes the records in the Chrome trace event format: one row for each CPU, times in microseconds of simulated time. Perfetto reads it.
    /// </summary>
    internal void WriteChromeTrace(Stream stream)
    {
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ns");
        json.WriteStartArray("traceEvents");
        for (int cpu = 0; cpu < this.kernel.nr_cpu_ids; cpu++)
        {
            json.WriteStartObject();
            json.WriteString("name", "thread_name");
            json.WriteString("ph", "M");
            json.WriteNumber("pid", 0);
            json.WriteNumber("tid", cpu);
            json.WriteStartObject("args");
            json.WriteString("name", $"CPU {cpu}");
            json.WriteEndObject();
            json.WriteEndObject();
        }

        foreach ((int cpu, TraceRecord record) in this.Records())
        {
            tracepoint point = this.points[record.id];
            json.WriteStartObject();
            json.WriteString("name", point.name);
            json.WriteString("ph", record.phase.ToString());
            json.WriteNumber("ts", record.ps / 1e6m);
            json.WriteNumber("pid", 0);
            json.WriteNumber("tid", cpu);
            if (record.phase == 'i')
                json.WriteString("s", "t");
            json.WriteStartObject("args");
            json.WriteString("task", $"{this.comms.GetValueOrDefault(record.pid, "?")}/{record.pid}");
            if (record.phase == 'E')
            {
                json.WriteNumber("ret", (long)record.a);
            }
            else
            {
                for (int i = 0; i < point.fields.Length; i++)
                    json.WriteString(point.fields[i], $"0x{record[i]:x}");
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("otherData");
        json.WriteNumber("overwritten", this.Lost);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private sealed class Ring(int size)
    {
        public long Head;

        public TraceRecord[] Records { get; } = new TraceRecord[Math.Max(1, size)];
    }
}

internal sealed partial class Kernel
{
    /// <summary>Tracepoints and what they recorded.</summary>
    internal TraceState trace { get; }
}

internal sealed partial class task_struct
{
    /// <summary>The task's name is in the trace.</summary>
    internal bool traced;
}
