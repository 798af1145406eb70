// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public static int Write() => 0;

    int A()
    {
        int err;
        err = Write(); // KS4001
        err = Write();
        if (err != 0)
            return err;
        err = Write(); // KS4001
        return 0;
    }
}
