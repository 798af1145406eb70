// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Feed
{
    readonly SemaphoreSlim _one = new(1, 1);
    [GuardedBy("_one")] int _seen;

    async Task A(IAsyncEnumerable<int> source)
    {
        await foreach (int x in source)
        {
            await _one.WaitAsync();
            try
            {
                _seen += x;
            }
            finally
            {
                _one.Release();
            }
        }

        UseInt(_seen); // KS1001
    }

    async Task B(Stream stream)
    {
        await using (stream)
        {
            _seen = 0; // KS1002
        }
    }
}
