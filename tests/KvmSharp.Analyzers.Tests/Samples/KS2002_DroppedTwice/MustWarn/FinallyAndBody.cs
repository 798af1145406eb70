// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A()
    {
        Obj obj = MakeObj();
        try
        {
            obj.Put();
        }
        finally
        {
            obj.Put(); // KS2002
        }
    }
}
