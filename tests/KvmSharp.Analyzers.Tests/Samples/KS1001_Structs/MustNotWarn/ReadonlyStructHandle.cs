// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[ContextLock]
[RefCounted("Get", "Put")]
readonly struct Page
{
    readonly int _id;

    public Page(int id) => _id = id;

    public bool IsNull => _id == 0;

    [Acquires("this")]
    public void Lock()
    {
    }

    [Releases("this")]
    public void Unlock()
    {
    }

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
    void A(Page page)
    {
        Page copy = page;
        copy.Lock();
        page.Unlock();
    }

    int B(int key)
    {
        Page page = Page.Find(key);
        if (page.IsNull)
            return -1;
        page.Put();
        return 0;
    }
}
