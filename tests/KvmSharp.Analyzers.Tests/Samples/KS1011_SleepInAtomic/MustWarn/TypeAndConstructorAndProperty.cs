// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[MightSleep]
class Disk
{
    public void Read()
    {
    }
}

class Page
{
    [MightSleep]
    public Page()
    {
    }

    public int Level
    {
        [MightSleep]
        get => 1;
        set { }
    }
}

class Work
{
    readonly Spin _spin = new();

    void A(Disk disk, Page page)
    {
        _spin.Lock();
        disk.Read(); // KS1011
        Use(new Page()); // KS1011
        UseInt(page.Level); // KS1011
        page.Level = 2;
        _spin.Unlock();
        disk.Read();
    }
}
