// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// path: Sample.g.cs
// global option: kvmsharp.generated_code = analyze
class Cache
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    int A() => _x; // KS1001
}
