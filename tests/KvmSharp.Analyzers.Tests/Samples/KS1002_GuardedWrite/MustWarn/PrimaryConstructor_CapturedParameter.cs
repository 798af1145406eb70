// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Meter(KMutex mu, [GuardedBy("mu")] int count)
{
    int _start = count;

    public int Get()
    {
        mu.Lock();
        int value = count + _start;
        mu.Unlock();
        return value;
    }

    public void Set() => count = 3; // KS1002

    public int Peek() => count; // KS1001
}
