// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public int Write() => 0;
}

class Work
{
    Dev? _dev;

    void A()
    {
        _dev?.Write(); // KS4001
        int? err = _dev?.Write();
        UseInt(err ?? 0);
    }
}
