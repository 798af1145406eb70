// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Base
{
    public abstract void A();

    public abstract object B();

    [MustCheck]
    [MightSleep]
    public abstract int C();

    [MustCheck]
    public abstract int D();
}

class Derived : Base
{
    [MightSleep]
    public override void A() // KS9003
    {
    }

    [ErrorPointer]
    public override object B() => ""; // KS9003

    [MightSleep]
    public override int C() => 1; // KS9003

    [MustCheck]
    public override int D() => 1;
}
