// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [Acquires("_mu")]
    [ContextUnsafe("implementation")]
    int Take() => 1;

    void A(int x)
    {
        int y = x > 3 ? Take() : 0; // KS1009
        UseInt(y);
    }

    [Acquires("_mu")]
    [ContextUnsafe("implementation")]
    bool TakeTrue() => true;

    void B(int x)
    {
        bool z = x > 3 && TakeTrue(); // KS1009
        Use(z);
    }
}
