// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

abstract class Work
{
    public abstract void A([ConsumesReference, DropsReference] Obj {|KS9002:obj|});

    public abstract void B([AcquiresReference, BorrowsReference] Obj obj); // KS9002

    [ReturnsReference]
    public abstract void C(); // KS9002

    public abstract void D([BorrowsReference] Obj obj);

    [ReturnsReference]
    public abstract Obj E();
}
