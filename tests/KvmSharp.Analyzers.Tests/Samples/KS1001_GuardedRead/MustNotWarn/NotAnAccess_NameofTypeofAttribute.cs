// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Diagnostics;

class Item
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    string A() => nameof(_x);

    string B() => nameof(Item._x) + nameof(_gate);

    [Conditional(nameof(_x))]
    void C()
    {
    }

    int D() => sizeof(int);

    Type E() => typeof(Item);
}
