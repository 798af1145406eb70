// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;

class Cache
{
    Obj? _field;

    [BorrowsReference]
    Obj? _borrowed;

    readonly List<Obj> _list = new();

    void Ignored()
    {
        MakeObj(); // KS2001
        UseInt(MakeObj().Size); // KS2001
    }

    Obj Wrong()
    {
        Obj o = MakeObj();
        return o; // KS2001
    }

    [ReturnsReference]
    Obj Right() => MakeObj();

    [ReturnsReference]
    Obj NotOwned(Obj o) => o; // KS2004

    [ReturnsReference]
    Obj WithGet(Obj o) => o.Get();

    void Jumps(int n)
    {
        for (int i = 0; i < n; i++)
        {
            Obj o = MakeObj();
            if (i == 3)
                break; // KS2001
            if (i == 4)
                continue; // KS2001
            if (i == 5)
                throw new InvalidOperationException(); // KS2001
            o.Put();
        }
    }

    void Block()
    {
        if (Flag())
        {
            Obj o = MakeObj();
            o.Touch();
        } // KS2001

        UseInt(1);
    }

    void NullPath(int key)
    {
        Obj? o = FindObj(key);
        if (o == null)
            return;
        o.Put();
    }

    void NullForgotten(int key)
    {
        Obj? o = FindObj(key);
        if (o != null)
            o.Touch();
    } // KS2001

    void Correlated(bool b)
    {
        Obj? o = b ? MakeObj() : null;
        if (b)
            o!.Put();
    }

    void Stores()
    {
        Obj a = MakeObj();
        _field = a;
        Obj b = MakeObj();
        _list.Add(b);
        Obj c = MakeObj();
        _borrowed = c;
    } // KS2001

    void Consumes([ConsumesReference] Obj o)
    {
        o.Touch();
    } // KS2001

    void ConsumesRight([ConsumesReference] Obj o) => o.Put();

    void Moves()
    {
        Obj o = MakeObj();
        ConsumesRight(o);
        o.Touch(); // KS2003
    }

    void Twice()
    {
        Obj o = MakeObj();
        o.Put();
        o.Put(); // KS2002
    }

    void SomePath(bool b)
    {
        Obj o = MakeObj();
        if (b)
            o.Put();
        o.Put(); // KS2002
    }

    void Borrowed(Obj o)
    {
        o.Put(); // KS2004
    }

    void BorrowedBalanced(Obj o)
    {
        o.Get();
        o.Put();
    }

    void GetLeak(Obj o)
    {
        o.Get();
    } // KS2001

    void FieldRead()
    {
        Obj? o = _field;
        o?.Put();
    }

    void Out(out Obj result)
    {
        result = null!;
    }

    void TryGet([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Obj? o, bool b)
    {
        o = null;
    }

    bool Find([ReturnsReference] [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Obj? o)
    {
        o = Flag() ? MakeObj() : null;
        return o != null;
    }

    void UsesOut()
    {
        if (!Find(out Obj? o))
            return;
        o.Put();
        if (Find(out Obj? p))
            p.Touch();
    } // KS2001

    void Tuple()
    {
        var t = (MakeObj(), 1);
        Use(t);
    }

    void Lambda()
    {
        Obj o = MakeObj();
        Action a = () => o.Put();
        a();
    }

    void Overwrites()
    {
        Obj o = MakeObj();
        o = MakeObj(); // KS2005
        o.Put();
    }

    void Copies()
    {
        Obj a = MakeObj();
        Obj b = a;
        a = MakeObj();
        a.Put();
        b.Put();
    }

    void Finally()
    {
        Obj o = MakeObj();
        try
        {
            o.Touch();
        }
        finally
        {
            o.Put();
        }
    }
}

[RefCounted("", "Dispose")]
class Res : IDisposable
{
    public void Dispose()
    {
    }
}

class Users
{
    void A()
    {
        using var r = new Res();
        using (var s = new Res())
            Use(s);
    }

    void B()
    {
        var r = new Res();
        Use(r);
    } // KS2001
}
