// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Registry
{
    static readonly KMutex Mu = new();
    [GuardedBy("Mu")] static int _count = 2;
    [GuardedBy("Mu")] static int _more = _count + 1;

    static Registry()
    {
        _count = 1;
        _more += _count;
    }
}
