// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [GuardedBy("")] int _a; // KS9001
    [GuardedBy("_mu.")] int _b; // KS9001
    [GuardedBy("_mu..X")] int _c; // KS9001
    [GuardedBy("global::Work._mu")] int _d; // KS9001
    [GuardedBy("_mu +")] int _e; // KS9001
}
