// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Dev
{
    [MustCheck]
    public static Task<int> WriteAsync() => Task.FromResult(0);

    async Task A()
    {
        await WriteAsync(); // KS4001
        int err = await WriteAsync();
        UseInt(err);
        await WriteAsync().ConfigureAwait(false); // KS4001
    }
}
