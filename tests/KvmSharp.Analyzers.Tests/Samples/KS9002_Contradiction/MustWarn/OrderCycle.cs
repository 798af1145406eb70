// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cycle
{
    [AcquiredBefore("_b")]
    readonly KMutex _a = new(); // KS9002

    [AcquiredBefore("_c")]
    readonly KMutex _b = new(); // KS9002

    [AcquiredBefore("_a")]
    readonly KMutex _c = new(); // KS9002

    [AcquiredBefore("_a")]
    readonly KMutex _d = new();
}

class Self
{
    [AcquiredAfter("_a")]
    readonly KMutex _a = new(); // KS9002
}
