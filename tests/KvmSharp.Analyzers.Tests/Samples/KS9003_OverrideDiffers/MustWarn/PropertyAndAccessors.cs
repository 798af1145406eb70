// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public readonly KMutex Mu = new();

    public abstract int Level { get; set; }

    public abstract int Other { get; set; }
}

class Derived : Base
{
    int _level;

    [MustHold("Mu")]
    public override int Level // KS9003
    {
        get => _level;
        set => _level = value;
    }

    public override int Other
    {
        get => _level;
        [MustHold("Mu")]
        set => _level = value; // KS9003
    }
}
