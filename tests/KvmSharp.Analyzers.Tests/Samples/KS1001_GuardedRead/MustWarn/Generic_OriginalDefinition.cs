// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Cell<T>
{
    public readonly KMutex Mu = new();
    [GuardedBy("Mu")] public T Value = default!;
}

class User
{
    int A(Cell<int> cell) => cell.Value; // KS1001

    string B<T>(Cell<T> cell) => cell.Value + ""; // KS1001
}
