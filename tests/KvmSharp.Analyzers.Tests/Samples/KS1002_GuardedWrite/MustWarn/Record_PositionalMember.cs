// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

record class Entry(object Gate, [property: GuardedBy("Gate")] int Value);

record class Mutable(object Gate)
{
    [GuardedBy("Gate")] public int Value { get; set; }
}

class User
{
    int Read(Entry entry) => entry.Value; // KS1001

    int Locked(Entry entry)
    {
        lock (entry.Gate)
            return entry.Value;
    }

    void Write(Mutable m) => m.Value = 1; // KS1002
}
