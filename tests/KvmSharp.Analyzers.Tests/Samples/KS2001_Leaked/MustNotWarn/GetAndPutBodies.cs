// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("Grab", "Release")]
class Page
{
    int _count = 1;
    Page? _parent;

    public Page Grab()
    {
        _count++;
        return this;
    }

    public void Release()
    {
        if (--_count == 0)
            _parent?.Release();
    }

    public static void Drop([DropsReference] Page page)
    {
        page._count--;
    }
}
