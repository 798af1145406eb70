// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj.Touch();
    }

    int B(int x)
    {
        Obj obj = MakeObj();
        if (x == 0)
            return 0; // keep: zero
        if (x == 1)
            return obj.Size;
        obj.Put();
        return 1;
    }

    void C(int n)
    {
        for (int i = 0; i < n; i++)
        {
            Obj obj = MakeObj();
            if (i == 1)
                continue;
            obj.Put();
        }
    }

    int D(int key)
    {
        Obj? found = FindObj(key);
        if (found == null)
            return -1;
        return 0;
    }

    void E(Folio folio)
    {
        folio_get(folio);
        UseInt(folio.Index);
    }

    void F()
    {
        MakeObj(); // keep: ignored
    }
}
// ==== fixed
class Work
{
    void A()
    {
        Obj obj = MakeObj();
        obj.Touch();
        obj.Put();
    }

    int B(int x)
    {
        Obj obj = MakeObj();
        if (x == 0)
        {
            obj.Put();
            return 0; // keep: zero
        }
        if (x == 1)
        {
            int result = obj.Size;
            obj.Put();
            return result;
        }
        obj.Put();
        return 1;
    }

    void C(int n)
    {
        for (int i = 0; i < n; i++)
        {
            Obj obj = MakeObj();
            if (i == 1)
            {
                obj.Put();
                continue;
            }
            obj.Put();
        }
    }

    int D(int key)
    {
        Obj? found = FindObj(key);
        if (found == null)
            return -1;
        found?.Put();
        return 0;
    }

    void E(Folio folio)
    {
        folio_get(folio);
        UseInt(folio.Index);
        folio_put(folio);
    }

    void F()
    {
        MakeObj().Put(); // keep: ignored
    }
}
