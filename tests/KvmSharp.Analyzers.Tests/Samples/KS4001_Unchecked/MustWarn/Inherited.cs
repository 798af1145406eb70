// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

interface IDev
{
    [MustCheck]
    int Write();
}

class Dev : IDev
{
    public int Write() => 0;
}

class Work
{
    void A(IDev dev) => dev.Write(); // KS4001

    void B(Dev dev) => dev.Write(); // KS4001
}
