// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    [AcquiredBefore("_nope")] // KS9001
    readonly KMutex _a = new();

    [AcquiredAfter("_a")]
    readonly KMutex _b = new();

    [ReturnsLock("_zip")] // KS9001
    KMutex Get() => _a;
}
