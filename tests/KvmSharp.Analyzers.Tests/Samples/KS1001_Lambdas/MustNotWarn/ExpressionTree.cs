// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Linq.Expressions;

class Work
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    Expression<Func<int>> A() => () => _x;
}
