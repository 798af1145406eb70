// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    void A(Obj obj)
    {
        obj.Put(); // KS2004
    }

    static void Sink([ConsumesReference] Obj obj) => obj.Put();

    void B(Obj obj)
    {
        Sink(obj); // KS2004
    }

    void C(Folio folio) => folio_put(folio); // KS2004
}
