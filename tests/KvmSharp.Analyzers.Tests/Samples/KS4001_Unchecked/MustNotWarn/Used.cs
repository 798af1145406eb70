// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public static int Write() => 0;

    int A() => Write();

    int B()
    {
        int err = Write();
        return err;
    }

    void C()
    {
        if (Write() != 0)
            return;
        _ = Write();
        UseInt(Write());
        int err = Write();
        if (err < 0)
            UseInt(1);
    }

    Func<int> D() => () => Write();

    int _field;

    void E() => _field = Write();
}
