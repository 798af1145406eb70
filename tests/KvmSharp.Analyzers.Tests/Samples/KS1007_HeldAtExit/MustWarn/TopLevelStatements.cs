// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

var mu = new KMutex();
mu.Lock();
if (args.Length == 0)
    return; // KS1007
mu.Unlock();
