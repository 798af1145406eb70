// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly SemaphoreSlim _items = new(0);
    readonly SemaphoreSlim _slots = new(4, 4);
    readonly SemaphoreSlim _given;

    public Work(SemaphoreSlim given) => _given = given;

    void Put() => _items.Release();

    void Take()
    {
        _items.Wait();
        _slots.Wait();
        _slots.Wait();
        _slots.Release();
        _given.Wait();
    }
}
