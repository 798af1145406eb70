// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

interface IA
{
    object Gate { get; }

    [MustHold("Gate")]
    void Run();
}

abstract class Base : IA
{
    public object Gate { get; } = new();

    public abstract void Run();
}

class Derived : Base
{
    public override void Run()
    {
    }

    public void Twice()
    {
        Run(); // KS1003
        lock (Gate)
            Run();
    }
}

class User
{
    void M(Base b, IA a)
    {
        a.Run(); // KS1003
        lock (b.Gate)
            b.Run();
    }
}
