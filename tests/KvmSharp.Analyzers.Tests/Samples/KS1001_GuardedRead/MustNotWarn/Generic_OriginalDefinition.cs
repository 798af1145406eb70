// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cell<T>
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public T Value = default!;
}

class User
{
    int A(Cell<int> cell)
    {
        cell.Mu.Lock();
        int value = cell.Value;
        cell.Mu.Unlock();
        return value;
    }

    string B<T>(Cell<T> cell)
    {
        cell.Mu.Lock();
        string text = cell.Value + "";
        cell.Mu.Unlock();
        return text;
    }
}
