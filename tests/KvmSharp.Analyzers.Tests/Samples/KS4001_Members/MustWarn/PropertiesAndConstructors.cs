// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public int Status => 0;

    [MustCheck]
    public static bool operator !(Dev dev) => false;

    [MustCheck]
    public Task FlushAsync() => Task.CompletedTask;

    async Task M(Dev? dev)
    {
        UseInt(Status);
        dev?.FlushAsync(); // KS4001
        await FlushAsync().ConfigureAwait(false); // KS4001
        Action<int> each = x => Check(x); // KS4001
        each(1);
        new List<int>().ForEach(x => Check(x)); // KS4001
        Func<int, int> pass = x => Check(x);
        UseInt(pass(1));
    }

    [MustCheck]
    static int Check(int x) => x;
}
