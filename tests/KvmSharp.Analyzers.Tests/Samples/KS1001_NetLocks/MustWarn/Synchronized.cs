// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Runtime.CompilerServices;

class Cache
{
    [GuardedBy("this")] int _x;

    [MethodImpl(MethodImplOptions.Synchronized)]
    int A() => _x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    int B() => _x; // KS1001
}
