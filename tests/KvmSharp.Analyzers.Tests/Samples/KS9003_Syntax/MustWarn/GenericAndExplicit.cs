// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

interface IBox<T>
{
    object Gate { get; }

    [MustHold("Gate")]
    void Put(T item);

    void Clear();
}

class IntBox : IBox<int>
{
    public object Gate { get; } = new();

    [MustHold("Gate")]
    void IBox<int>.Put(int item)
    {
    }

    [MustHold("Gate")]
    void IBox<int>.Clear() // KS9003
    {
    }
}

class Box<T> : IBox<T>
{
    public object Gate { get; } = new();

    public virtual void Put(T item)
    {
    }

    public void Clear()
    {
    }
}

class User
{
    void M(Box<string> box)
    {
        box.Put(""); // KS1003
        lock (box.Gate)
            box.Put("");
    }
}
