// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Registry
{
    public static readonly KMutex Mu = new();
    [GuardedBy("Mu")] public static int Count;
    static readonly int Seen = Count;
}

class Other
{
    static int _x = Registry.Count; // KS1001

    static Other()
    {
        _x = Registry.Count; // KS1001
    }
}
