// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly SemaphoreSlim _one = new(1, 1);
    [GuardedBy("_one")] int _x;

    [Acquires("_one")]
    async Task EnterAsync() => await _one.WaitAsync();

    [Releases("_one")]
    void Leave() => _one.Release();

    async Task A()
    {
        await EnterAsync();
        _x = 1;
        Leave();
        _x = 2; // KS1002
    }

    async Task B()
    {
        await EnterAsync();
        _x = 1;
    } // KS1007

    async Task C()
    {
        Task entering = EnterAsync();
        UseInt(_x); // KS1001
        await entering;
        _x = 1;
        Leave();
    }
}
