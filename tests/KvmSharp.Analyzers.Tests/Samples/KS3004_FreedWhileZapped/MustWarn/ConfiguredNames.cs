// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// option: kvmsharp.directmap_zap = HideFromHost
// option: kvmsharp.directmap_restore = ShowToHost
// option: kvmsharp.directmap_access = AddressOf
// option: kvmsharp.directmap_alloc = MakeFolio
[RefCounted("Grab", "Drop")]
[ContextLock]
class Frame
{
    public void Grab()
    {
    }

    public void Drop()
    {
    }

    [ReturnsReference]
    [ContextUnsafe("implementation")]
    public static Frame MakeFolio() => new();

    public static void HideFromHost(Frame frame)
    {
    }

    public static void ShowToHost(Frame frame)
    {
    }

    public static nint AddressOf(Frame frame) => 0;
}

class Work
{
    void A()
    {
        Frame frame = Frame.MakeFolio();
        Frame.HideFromHost(frame);
        Use(Frame.AddressOf(frame)); // KS3002
        Frame.ShowToHost(frame);
        frame.Drop();
    }

    void B()
    {
        Frame frame = Frame.MakeFolio();
        Frame.HideFromHost(frame);
        frame.Drop(); // KS3004
    }

    void C(Frame frame) => Frame.HideFromHost(frame); // KS3001
}
