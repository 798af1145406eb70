// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Self
{
    [GuardedBy("this")] int _x;

    void A(Self other)
    {
        lock (this)
        {
            _x++;
            other._x++; // KS1002
        }
    }

    void C() => _x++; // KS1002
}
