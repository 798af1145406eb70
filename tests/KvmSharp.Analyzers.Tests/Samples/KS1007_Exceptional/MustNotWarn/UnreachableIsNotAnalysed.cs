// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly KMutex _mu = new();

    int A()
    {
        return 1;
#pragma warning disable CS0162
        _mu.Lock();
        return 2;
#pragma warning restore CS0162
    }

    void B()
    {
        _mu.Lock();
        while (true)
        {
            UseInt(1);
        }
    }

    void C()
    {
        throw new NotSupportedException();
    }
}
