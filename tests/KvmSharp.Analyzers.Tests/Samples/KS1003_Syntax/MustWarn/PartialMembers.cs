// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

partial class Work
{
    readonly KMutex _mu = new();

    [MustHold("_mu")]
    public partial int Level { get; set; }

    public partial void Run();

    void M()
    {
        UseInt(Level); // KS1003
        Run(); // KS1003
        _mu.Lock();
        Level = 3;
        Run();
        _mu.Unlock();
    }
}

partial class Work
{
    int _level;

    public partial int Level
    {
        get => _level;
        set => _level = value;
    }

    [MustHold("_mu")]
    public partial void Run()
    {
    }
}
