// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

record class Entry(object Gate, [property: GuardedBy("Gate")] int Value)
{
    [GuardedBy("Gate")] private int _hits;
}

class User
{
    string Text(Entry entry) => entry.ToString();

    bool Same(Entry a, Entry b) => a == b;
}
