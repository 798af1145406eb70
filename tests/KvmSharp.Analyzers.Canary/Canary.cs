// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Annotations;

namespace KvmSharp.Analyzers.Canary;

/// <summary>One violation of each kind.</summary>
internal sealed class Canary
{
    private readonly object gate = new();

    [GuardedBy("gate")]
    private int count;

    [GuardedBy("gone")]
    private int lost;

    public void Locking() => this.count++;

    public void ReturnCodes() => Check();

    public int References()
    {
        Counted counted = Counted.Make();
        return counted.Size + this.lost++;
    }

    [MustCheck]
    private static int Check() => 0;

    /// <summary>Counted.</summary>
    [RefCounted("", "Put")]
    private sealed class Counted
    {
        public int Size { get; init; }

        [ReturnsReference]
        public static Counted Make() => new() { Size = 1 };

        public void Put()
        {
        }
    }
}
