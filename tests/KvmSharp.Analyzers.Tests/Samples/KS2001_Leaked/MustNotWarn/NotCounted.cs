// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Plain
{
    public void Put()
    {
    }
}

class Work
{
    void A()
    {
        var plain = new Plain();
        plain.Put();
        plain.Put();
        new Plain();
    }
}
