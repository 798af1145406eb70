// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    [MightSleep]
    [AtomicContext]
    void A() // KS9002
    {
    }

    [MightSleep]
    void B()
    {
    }

    [AtomicContext]
    void C()
    {
    }
}
