// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("Grab", "Release")]
class Page
{
    public Page Grab() => this;

    public void Release()
    {
    }

    void A() => Release(); // KS2004

    void B()
    {
        Grab();
        Release();
    }
}
