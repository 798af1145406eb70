// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Pair
{
    public readonly KMutex Mu = new();

    [MustHold("Mu")]
    public void Deconstruct(out int a, out int b) => (a, b) = (1, 2);
}

class User
{
    void M(Pair pair)
    {
        var (a, b) = pair; // KS1003
        pair.Mu.Lock();
        (a, b) = pair;
        pair.Mu.Unlock();
        UseInt(a + b);
    }
}
