// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

unsafe class Work
{
    readonly KMutex _mu = new();

    [PtGuardedBy("_mu")] int _a; // KS9002
    [PtGuardedBy("_mu")] int* _b;
    [PtGuardedBy("_mu")] string _c = "";
    [PtGuardedBy("_mu")] DateTime _d; // KS9002
}
