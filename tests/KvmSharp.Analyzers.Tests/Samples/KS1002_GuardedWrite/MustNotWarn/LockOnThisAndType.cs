// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Self
{
    [GuardedBy("this")] int _x;

    void A()
    {
        lock (this)
            _x++;
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.Synchronized)]
    void B() => _x++;
}
