// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class Handle : IDisposable
{
    private int _count = 1;

    public void Get() => Interlocked.Increment(ref _count);

    public void Put()
    {
        if (Interlocked.Decrement(ref _count) == 0)
            Dispose();
    }

    public void Lock()
    {
    }

    public void Unlock()
    {
        UseCount();
    }

    public void Dispose()
    {
    }

    private int UseCount() => _count;
}

public static class Program1
{
    public const int EINVAL = 22;

    public static int Run(string[] args)
    {
        var handle = new Handle();
        handle.Put();
        handle.Put();
        handle.Get();
        handle.Unlock();
        new Handle();
        Make();
        Make().Put();
        return EINVAL;
    }

    private static Handle Make() => new();

    private static bool IS_ERR(object value) => value is null;
}
