// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Relaxed
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    [GuardedBy("_mu")]
    [ContextUnsafe("statistics only")]
    int _hint;

    int Hint() => _hint++;

    [ContextUnsafe("called before the other threads start")]
    int Early() => _x++;
}

[ContextUnsafe("test code")]
class Whole
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    int Get() => _x;

    void Bad() => _mu.Unlock();
}
