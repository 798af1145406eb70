// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[return: MustCheck]
delegate int Op();

class Work
{
    void A(Op op)
    {
        op(); // KS4001
        UseInt(op());
    }
}
