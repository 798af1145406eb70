// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Big
{
    public static readonly object Gate = new();

    [MustHold("Gate")]
    public static int Make() => 1;
}

class Work
{
    readonly int _a = Big.Make(); // KS1003

    public int B { get; } = Big.Make(); // KS1003

    public Work()
        : this(Big.Make()) // KS1003
    {
    }

    public Work(int x)
    {
        UseInt(Big.Make()); // KS1003
        lock (Big.Gate)
            UseInt(Big.Make());
    }
}
