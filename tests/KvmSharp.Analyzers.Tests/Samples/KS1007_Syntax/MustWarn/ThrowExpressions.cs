// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    int A(string? s)
    {
        _mu.Lock();
        string t = s ?? throw new ArgumentNullException(nameof(s)); // KS1007
        _mu.Unlock();
        return t.Length;
    }

    int B(int x)
    {
        _mu.Lock();
        int y = x switch
        {
            0 => 1,
            _ => throw new NotSupportedException(), // KS1007
        };
        _mu.Unlock();
        return y;
    }

    int C(string? s)
    {
        _mu.Lock();
        try
        {
            return (s ?? throw new ArgumentNullException(nameof(s))).Length;
        }
        finally
        {
            _mu.Unlock();
        }
    }
}
