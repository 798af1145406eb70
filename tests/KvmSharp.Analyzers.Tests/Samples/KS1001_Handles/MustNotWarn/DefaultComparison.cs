// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("Get", "Put")]
[ContextLock]
readonly struct Page : IEquatable<Page>
{
    readonly int _id;

    public Page(int id) => _id = id;

    public void Get()
    {
    }

    public void Put()
    {
    }

    public bool Equals(Page other) => _id == other._id;

    public override bool Equals(object? other) => other is Page page && Equals(page);

    public override int GetHashCode() => _id;

    public static bool operator ==(Page a, Page b) => a._id == b._id;

    public static bool operator !=(Page a, Page b) => a._id != b._id;

    [ReturnsReference]
    [ContextUnsafe("implementation")]
    public static Page Find(int key) => default;
}

class Work
{
    int A(int key)
    {
        Page page = Page.Find(key);
        if (page == default)
            return -1;
        page.Put();
        return 0;
    }
}
