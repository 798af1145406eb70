// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("Get", "Put")]
readonly struct Page
{
    readonly int _id;

    public Page(int id) => _id = id;

    public static bool IS_NULL(Page page) => page._id == 0;

    public int Id => _id;

    public void Get()
    {
    }

    public void Put()
    {
    }

    [ReturnsReference]
    [ContextUnsafe("implementation")]
    public static Page Find(int key) => default;
}

class Work
{
    readonly object _gate = new();
    [GuardedBy("_gate")] int _x;

    int A(int key)
    {
        Page page = Page.Find(key);
        if (Page.IS_NULL(page))
            return -1;
        return page.Id; // KS2001
    }

    void B(int key)
    {
        Page page = Page.Find(key);
        Page copy = page;
        copy.Put();
        page.Put(); // KS2002
    }

    void C()
    {
        var page = new Page(3);
        UseInt(_x + page.Id); // KS1001
    }
}
