// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _a = new();
    readonly KMutex _b = new();

    [Acquires("_a")]
    void Swapped()
    {
        _b.Lock();
    } // KS1007 KS1008

    [Acquires("_a")]
    void Span()
    {
        _b.Lock();
    {|KS1007:{|KS1008:}|}|}
}
