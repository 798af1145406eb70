// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public static int Write() => 0;

    void A()
    {
        int err = Write(); // KS4001
    }

    int B()
    {
        int err = Write(); // KS4001
        err = Write();
        return err;
    }

    int C(int x)
    {
        int err = Write();
        if (x > 3)
            return err;
        return 0;
    }
}
