// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("", "")]
class Token
{
    [AcquiresReference]
    public void Pin()
    {
    }

    [DropsReference]
    public void Unpin()
    {
    }

    [ConsumesReference]
    [ContextUnsafe("implementation")]
    public void HandOver()
    {
    }

    public int Size;
}

class User
{
    void A(Token token)
    {
        token.Pin();
        UseInt(token.Size);
    } // KS2001

    void B(Token token)
    {
        token.Pin();
        token.Unpin();
    }

    void C(Token token)
    {
        token.Pin();
        token.HandOver();
    }

    void D(Token token) => token.Unpin(); // KS2004
}
