// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

static class Big
{
    public static readonly KMutex Mu = new();
}

class Base
{
    [MustHold("Big.Mu")]
    public Base()
    {
    }
}

class Derived : Base
{
    [MustHold("Big.Mu")]
    public Derived()
        : base()
    {
    }

    public Derived(int x)
        : base() // KS1003
    {
    }
}
