// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    [Acquires("_mu")]
    [ContextUnsafe("implementation")]
    string Take() => "";

    void A(string? s)
    {
        string t = s ?? Take(); // KS1009
        Use(t);
    }

    static void B(Work? w)
    {
        w?.Take(); // KS1009
        UseInt(1);
        w?._mu.Unlock();
    }
}
