// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cache
{
    readonly Mutex _mutex = new();
    [GuardedBy("_mutex")] int _x;

    int A()
    {
        _mutex.WaitOne();
        int x = _x;
        _mutex.ReleaseMutex();
        return x;
    }

    int B()
    {
        if (!_mutex.WaitOne(100))
            return _x; // KS1001
        int x = _x;
        _mutex.ReleaseMutex();
        return x;
    }
}
