// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public static int Write() => 0;

    [MustCheck]
    public static bool Try() => true;

    int A()
    {
        Write(); // keep: write
        return 0;
    }

    void B()
    {
        Write();
    }

    bool C()
    {
        Try();
        return true;
    }

    async Task<string> D()
    {
        await WriteAsync();
        return "";
    }

    [MustCheck]
    static Task<int> WriteAsync() => Task.FromResult(0);
}
// ==== fixed
class Dev
{
    [MustCheck]
    public static int Write() => 0;

    [MustCheck]
    public static bool Try() => true;

    int A()
    {
        int err = Write();
        if (err != 0)
            return err; // keep: write
        return 0;
    }

    void B()
    {
        int err = Write();
        if (err != 0)
            return;
    }

    bool C()
    {
        if (!Try())
            return false;
        return true;
    }

    async Task<string> D()
    {
        int err = await WriteAsync();
        if (err != 0)
            throw new InvalidOperationException();
        return "";
    }

    [MustCheck]
    static Task<int> WriteAsync() => Task.FromResult(0);
}
