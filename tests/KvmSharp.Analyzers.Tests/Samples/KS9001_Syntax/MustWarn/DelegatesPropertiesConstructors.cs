// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Page
{
    public readonly KMutex Mu = new();
}

[MustHold("pag.Mu")] // KS9001
delegate void Op(Page page);

class Work
{
    readonly KMutex _mu = new();

    [MustHold("_mv")] // KS9001
    public Work()
    {
    }

    [MustHold("_mv")] // KS9001
    public int Level => 1;

    public int Other
    {
        [MustHold("_mv")] // KS9001
        get => 1;
        [MustHold("value")] // KS9001
        set { }
    }

    [GuardedBy("return")] // KS9001
    int _x;
}
