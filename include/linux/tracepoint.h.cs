// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/tracepoint.h, Linux 6.18.
namespace Linux;

/// <summary>A named event with up to six number fields. Off, it costs one predictable branch at its place.</summary>
internal sealed class tracepoint
{
    private readonly TraceState state;

    internal tracepoint(TraceState state, int id, string name, string[] fields)
    {
        this.state = state;
        this.Id = id;
        this.name = name;
        this.fields = fields;
    }

    internal string name { get; }

    internal string[] fields { get; }

    internal int Id { get; }

    /// <summary>Whether the event is recorded.</summary>
    internal bool enabled { get; set; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Trace(ulong a = 0, ulong b = 0, ulong c = 0, ulong d = 0, ulong e = 0, ulong f = 0)
    {
        if (this.enabled)
            this.state.Record(this, 'i', a, b, c, d, e, f);
    }

    /// <summary>The beginning of a span on this task; <see cref="End"/> closes the innermost one.</summary>
    internal void Begin(ulong a = 0, ulong b = 0, ulong c = 0, ulong d = 0)
    {
        if (this.enabled)
            this.state.Record(this, 'B', a, b, c, d, 0, 0);
    }

    internal void End(ulong result = 0)
    {
        if (this.enabled)
            this.state.Record(this, 'E', result, 0, 0, 0, 0, 0);
    }
}
