// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public static int Write() => 0;

    [MustCheck]
    public int this[int i] => 0;

    [return: MustCheck]
    public static int Read() => 0;

    void A()
    {
        Write(); // KS4001
        Read(); // KS4001
    }

    void B() => Write(); // KS4001

    void C()
    {
        Action a = () => Write(); // KS4001
        a();
        for (Write(); Flag(); Read()) // KS4001
        {
        }
    }
}
