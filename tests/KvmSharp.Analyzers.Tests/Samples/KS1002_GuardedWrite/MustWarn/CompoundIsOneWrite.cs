// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Once
{
    readonly KMutex _mu = new();
    [GuardedBy("_mu")] int _x;

    void A() => {|KS1002:_x|} += 1;

    void B()
    {
        _x++; // KS1002
        _x |= 4; // KS1002
        _x <<= 1; // KS1002
    }
}
