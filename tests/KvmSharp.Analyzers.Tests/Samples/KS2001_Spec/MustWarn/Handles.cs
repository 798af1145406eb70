// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

[RefCounted("get", "put")]
[ContextLock]
readonly struct Page
{
    readonly nint _at;

    public Page(nint at) => _at = at;

    public bool IsNull => _at == 0;

    public void get()
    {
    }

    public void put()
    {
    }

    public void Touch()
    {
    }
}

static class Pages
{
    [ReturnsReference]
    [ContextUnsafe("implementation")]
    public static Page Make() => new(1);

    [Acquires("p")]
    [ContextUnsafe("implementation")]
    public static void Lock(Page p)
    {
    }

    [CondAcquires(true, "p")]
    [ContextUnsafe("implementation")]
    public static bool TryLock(Page p) => true;

    [Releases("p")]
    [ContextUnsafe("implementation")]
    public static void Unlock(Page p)
    {
    }

    [MustHold("p")]
    public static void Need(Page p)
    {
    }

    [CondAcquires(true, "return")]
    [ReturnsReference]
    [ContextUnsafe("implementation")]
    public static Page Grab(int key) => default;

    public static bool IS_NULL(Page p) => p.IsNull;
}

class Work
{
    Page _kept;

    void Copies()
    {
        Page a = Pages.Make();
        Page b = a;
        Pages.Lock(a);
        Pages.Need(b);
        Pages.Unlock(b);
        Pages.Need(a); // KS1003
        b.put();
        a.Touch(); // KS2003
    }

    void Leaks()
    {
        Page a = Pages.Make();
        a.Touch();
    } // KS2001

    void NullTests(int key)
    {
        Page a = Pages.Grab(key);
        if (a.IsNull)
            return;
        a.Touch();
        Pages.Unlock(a);
        a.put();
    }

    void DefaultTest(int key)
    {
        Page a = Pages.Grab(key);
        if (Pages.IS_NULL(a))
            return;
        Pages.Unlock(a);
        a.put();
        a.put(); // KS2002
    }

    void Held(int key)
    {
        Page a = Pages.Grab(key);
        if (a.IsNull)
            return;
        a.put();
    } // KS1007

    void Overwrites()
    {
        Page a = Pages.Make();
        a = Pages.Make(); // KS2005
        a.put();
    }

    void Stored()
    {
        Page a = Pages.Make();
        _kept = a;
        a.Touch();
    }

    void Unknown(nint at)
    {
        var a = new Page(at);
        a.Touch();
    }

    void Defaults()
    {
        Page a = default;
        a.put();
        a = Pages.Make();
        a.put();
    }

    void Tried(Page p)
    {
        if (Pages.TryLock(p))
        {
            Pages.Need(p);
            Pages.Unlock(p);
        }

        Pages.Need(p); // KS1003
        Pages.Unlock(p); // KS1006
    }
}
