// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Thing
{
}

[RefCounted("", "")]
class Token
{
}

class Work
{
    static void Hold([AcquiresReference] Token token)
    {
    }

    static void Let([DropsReference] Token token)
    {
    }

    void A(Token token)
    {
        Hold(token);
    } // KS2001

    void B(Token token)
    {
        Hold(token);
        Let(token);
    }

    void C(Token token)
    {
        Let(token); // KS2004
    }
}
