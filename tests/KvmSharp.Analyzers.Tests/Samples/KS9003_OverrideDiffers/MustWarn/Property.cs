// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public readonly KMutex Mu = new();

    public abstract int Level { get; set; }
}

class Derived : Base
{
    int _level;

    [MustHold("Mu")]
    public override int Level { get => _level; set => _level = value; } // KS9003
}
