// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("get", "put")]
readonly struct Page
{
    public readonly int Word;

    public Page(int word) => Word = word;

    public bool IS_NULL => Word == 0;

    public static void get(Page page)
    {
    }

    public static void put(Page page)
    {
    }

    [ReturnsReference]
    public static Page Alloc(int n) => n == 0 ? default : new Page(n);
}

class User
{
    static bool Likely(int x) => x > 3;

    int Consumed([ConsumesReference] Page old, int x)
    {
        Page page = default;
        if (Likely(x))
            page = Page.Alloc(old.IS_NULL ? 3 : 4);
        if (page.IS_NULL)
        {
            if (!old.IS_NULL)
                Page.put(old);
            return 1;
        }

        Page.put(page);
        if (!old.IS_NULL)
            Page.put(old);
        return 0;
    }
}
