// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public static int Write() => 0;

    [MustCheck]
    public int Flush() => 0;

    void A(Dev? dev)
    {
        Write(); // keep: write
        dev?.Flush();
        for (Write(); Flag(); Write())
            UseInt(1);
        Action later = () => Write();
        Use(later);
    }

    void B() => Write();

    int C()
    {
        int unused = Write();
        int err = Write();
        err = Write();
        return err;
    }
}
// ==== fixed
class Dev
{
    [MustCheck]
    public static int Write() => 0;

    [MustCheck]
    public int Flush() => 0;

    void A(Dev? dev)
    {
        _ = Write(); // keep: write
        _ = dev?.Flush();
        for (_ = Write(); Flag(); _ = Write())
            UseInt(1);
        Action later = () => _ = Write();
        Use(later);
    }

    void B() => _ = Write();

    int C()
    {
        _ = Write();
        _ = Write();
        int err;
        err = Write();
        return err;
    }
}
