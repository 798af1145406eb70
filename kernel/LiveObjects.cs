// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Collections.Concurrent;

namespace Linux;

/// <summary>One live counted object: its kind, name, and the function that made it.</summary>
internal readonly record struct LiveObject(string Kind, string Name, string Function, int Line)
{
    public override string ToString() => $"{this.Kind} {this.Name}, from {this.Function}():{this.Line}";
}

/// <summary>One kind of counted object. The count is always kept; the list behind it only if KernelConfig.NameLiveObjects.</summary>
internal sealed class LiveKind
{
    private readonly ConcurrentDictionary<object, LiveObject>? named;
    private long count;

    internal LiveKind(string name, bool keepNames)
    {
        this.Name = name;
        this.named = keepNames ? new ConcurrentDictionary<object, LiveObject>(ReferenceEqualityComparer.Instance) : null;
    }

    internal string Name { get; }

    internal long Count => Interlocked.Read(ref this.count);

    internal IEnumerable<LiveObject> Objects => this.named?.Values ?? [];

    /// <summary>Counts an object that has no managed identity, such as a folio.</summary>
    internal void Born() => Interlocked.Increment(ref this.count);

    internal void Died() => Interlocked.Decrement(ref this.count);

    internal void Born(object instance, string name, [CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        Interlocked.Increment(ref this.count);
        if (this.named is not null && !this.named.TryAdd(instance, new LiveObject(this.Name, name, function, line)))
            throw new KernelOops($"{this.Name} {name} was born twice");
    }

    internal void Died(object instance)
    {
        if (Interlocked.Decrement(ref this.count) < 0 || (this.named is not null && !this.named.TryRemove(instance, out _)))
            throw new KernelOops($"a {this.Name} died that was not alive");
    }
}

internal sealed partial class Kernel
{
    private readonly ConcurrentDictionary<string, LiveKind> liveKinds = new(StringComparer.Ordinal);

    /// <summary>Every counted object that is alive; a clean shutdown leaves none. Kinds without names give one line with their count.</summary>
    internal IReadOnlyList<string> LiveObjects
    {
        get
        {
            var lines = new List<string>();
            foreach (LiveKind kind in this.liveKinds.Values.OrderBy(k => k.Name, StringComparer.Ordinal))
            {
                int before = lines.Count;
                lines.AddRange(kind.Objects.Select(o => o.ToString()).Order(StringComparer.Ordinal));
                long anonymous = kind.Count - (lines.Count - before);
                if (anonymous != 0)
                    lines.Add($"{kind.Name} x{anonymous}");
            }

            return lines;
        }
    }

    /// <summary>The registry entry of one kind of object. Subsystems look it up once and keep it.</summary>
    internal LiveKind LiveKind(string name) => this.liveKinds.GetOrAdd(name, n => new LiveKind(n, this.config.NameLiveObjects));
}
