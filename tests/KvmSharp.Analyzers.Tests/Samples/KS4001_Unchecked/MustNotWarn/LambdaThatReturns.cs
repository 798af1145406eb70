// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public static int Write() => 0;

    void A()
    {
        Func<int> f = () => Write();
        UseInt(f());
        UseInt(new[] { 1 }.Select(x => Write() + x).Sum());
    }

    int B()
    {
        int err;
        while ((err = Write()) != 0)
            UseInt(err);
        return 0;
    }

    bool C() => Write() is 0;

    string D() => $"{Write()}";
}
