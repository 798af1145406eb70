// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Diagnostics.CodeAnalysis;

class Quiet
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

#pragma warning disable KS1001
    int A() => _x;
#pragma warning restore KS1001

    [SuppressMessage("Locking", "KS1001", Justification = "racy by design")]
    int B() => _x;
}
