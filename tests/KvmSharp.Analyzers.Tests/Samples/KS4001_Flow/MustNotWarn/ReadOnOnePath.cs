// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public static int Write() => 0;

    int A(bool verbose)
    {
        int err = Write();
        if (verbose)
            UseInt(err);
        return 0;
    }

    int B()
    {
        int err;
        try
        {
            err = Write();
        }
        finally
        {
            UseInt(1);
        }

        return err;
    }

    int C(int n)
    {
        int err = 0;
        for (int i = 0; i < n && err == 0; i++)
            err = Write();
        return err;
    }

    void D(out int err) => err = Write();

    (int, int) E() => (Write(), 1);
}
